"""The loop from a run to training data, and flags that do not fit."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.label.__main__ import run
from jobs.label.tasks import TASK_FORMATS, TaskFormat
from jobs.runs.__main__ import run as runs
from jobs.train.__main__ import run as train
from model.corpora import read_labelled
from model.tags import Span
from pipeline.run import run as extract
from schemas.errors import UsageError
from tests.jobs.label.exports import export, json_lines

VERBS = ("met", "saw", "left", "heard", "found", "lost", "called", "missed")
NAMES = ("Maria", "Zoë", "Ben", "Cem", "Dora", "🦀 Eve", "Finn", "Gus")


def text_of(number: int) -> str:
    a, b = NAMES[number % 8], NAMES[(number // 8) % 8]
    place = f"{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}ville"
    return f"{a} {VERBS[number % 8]} {b} in {place}. The council said so on Monday, number {place}."


@pytest.fixture(scope="module")
def output(
    tmp_path_factory: pytest.TempPathFactory, tiny_artifact: Path, kept_taggers: None
) -> Path:
    """A run of the tiny model over two files whose text has another name than usual."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "in").mkdir()
    for part in range(2):
        lines = [json.dumps({"id": f"d{n}", "body": text_of(n)}) for n in range(part, 120, 2)]
        (folder / f"in/{part}.jsonl").write_text("\n".join(lines) + "\n")
    flags = [f"--input={folder}/in", f"--output={folder}/out", "--text_field=body", "--run_id=r1"]
    assert extract([*flags, f"--model={tiny_artifact}"]) == 0
    return folder / "out"


Select = Callable[..., Path]


@pytest.fixture
def select(output: Path, tiny_artifact: Path, tmp_path: Path) -> Select:
    """Chooses from the output with the tiny model; what it gives is the file of tasks."""

    def chosen(name: str, task_format: TaskFormat, *flags: str) -> Path:
        to = tmp_path / name
        own = [f"--output={output}", f"--model={tiny_artifact}", f"--format={task_format}"]
        assert run(["select", *own, f"--to={to}", *flags]) == 0
        return to

    return chosen


def person(text: str) -> list[Span]:
    """Marks the name that a text begins with."""
    return [Span(0, len(text.split(" ", maxsplit=1)[0]), "per")] if text[0].isupper() else []


@pytest.mark.parametrize("task_format", TASK_FORMATS)
def test_from_a_run_to_training_data_and_on_to_the_next_tasks(
    task_format: TaskFormat, select: Select, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = select("tasks", task_format, "--budget=30")
    told = capsys.readouterr().out
    assert "30 sentences of 2 files to label" in told
    (tmp_path / "answers.json").write_text(export(tasks, task_format, person, "ana"))
    to = tmp_path / "labelled.jsonl"
    assert run(["import", str(tmp_path / "answers.json"), f"--to={to}"]) == 0
    labelled = read_labelled(to).documents
    assert len(labelled) == len({each.text for each in labelled}) == 30
    inputs = {f"d{n}": text_of(n) for n in range(120)}
    for line in json_lines(to.read_text("utf-8")):
        document = inputs[line["id"]]
        assert document[line["start"] : line["start"] + len(line["text"])] == line["text"]
        assert line["source"].endswith(f"in/{int(line['id'][1:]) % 2}.jsonl")
    assert train(["--check", f"--train={to}"]) == 0
    assert "30 documents" in capsys.readouterr().out
    again = select("more", "jsonl", "--budget=30", f"--labelled={to}")
    more = {line["text"] for line in json_lines(again.read_text("utf-8"))}
    assert len(more) == 30
    assert not more & {each.text for each in labelled}


def test_a_choice_is_the_same_each_time_and_another_seed_draws_others(select: Select) -> None:
    first, second = (select(name, "jsonl", "--budget=9", "--pool=60").read_text() for name in "ab")
    assert first == second
    assert select("c", "jsonl", "--budget=9", "--pool=60", "--seed=1").read_text() != first


def test_a_budget_beyond_the_pool_takes_all_and_says_so(
    select: Select, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = json_lines(select("a", "jsonl", "--budget=9999", "--unit=document").read_text("utf-8"))
    assert 0 < len(lines) <= 120
    assert f"{len(lines)} of the 9,999 that --budget asks for" in capsys.readouterr().err


def test_what_was_forgotten_does_not_come_back_in_a_task(
    output: Path, tmp_path: Path, tiny_artifact: Path
) -> None:
    place = tmp_path / "out"
    shutil.copytree(output, place)
    assert runs(["forget", f"--output={place}", "--doc_id", *(f"d{n}" for n in range(100))]) == 0
    own = [f"--output={place}", f"--model={tiny_artifact}", "--format=jsonl", "--unit=document"]
    for name, more in (("a", []), ("b", [f"--input={output.parent}/in", "--text_field=body"])):
        assert run(["select", *own, *more, f"--to={tmp_path}/{name}"]) == 0
        ids = {line["id"] for line in json_lines((tmp_path / name).read_text("utf-8"))}
        assert ids <= {f"d{n}" for n in range(100, 120)}
        assert ids


def test_inputs_that_are_gone_or_changed_are_named(
    tmp_path: Path, tiny_artifact: Path, kept_taggers: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("gone", "changed", "same"):
        (tmp_path / f"{name}.txt").write_text(f"Maria met Ben in {name}ville.")
    flags = [f"--output={tmp_path}/out", f"--model={tiny_artifact}"]
    assert extract([f"--input={tmp_path}/*.txt", *flags]) == 0
    (tmp_path / "gone.txt").unlink()
    (tmp_path / "changed.txt").write_text("Cem left the harbour.")
    assert run(["select", *flags, "--format=jsonl", f"--to={tmp_path}/t"]) == 0
    texts = {line["text"] for line in json_lines((tmp_path / "t").read_text())}
    assert texts == {"Maria met Ben in sameville.", "Cem left the harbour."}
    told = capsys.readouterr().err
    assert (
        f"warning: inputs of the run are gone, and nothing is chosen from them: {tmp_path}/gone.txt"
        in told
    )
    assert f"drawn from as they are now: {tmp_path}/changed.txt" in told
    for name in ("changed", "same"):
        (tmp_path / f"{name}.txt").unlink()
    with pytest.raises(UsageError, match=r"inputs of the run are gone.*changed\.txt.*same\.txt"):
        run(["select", *flags, "--format=jsonl", f"--to={tmp_path}/u"])
    assert not (tmp_path / "u").exists()


def test_a_list_of_terms_starts_without_a_model_or_a_run(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "terms.csv").write_text("term,label\nmaria,per\nDora,per\nMonday,day\n")
    flags = [f"--input={output.parent}/in", "--text_field=body", "--format=jsonl", "--budget=20"]
    to = tmp_path / "t"
    assert run(["select", *flags, f"--seed_labels={tmp_path}/terms.csv", f"--to={to}"]) == 0
    lines = json_lines(to.read_text("utf-8"))
    shown = [{e["text"].lower() for e in line["entities"]} for line in lines]
    assert sum(map(bool, shown)) == 16
    assert set().union(*shown) == {"maria", "dora", "monday"}
    assert "shown in them, by seed_labels: day " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "there is nothing to choose from: name --output, or --input"),
        (["--input=in"], "--input alone says not by what to choose: --model, or --seed_labels"),
        (["--input=in", "--run=r1"], "--run names a run of an output: name its --output too"),
        (["--output=out", "--input=in", "--run=r1"], "--run and --input both say what to choose"),
        (
            ["--output=out", "--model=m", "--seed_labels=t.csv"],
            "--seed_labels starts without a model",
        ),
        (["--output=out", "--language=de"], "--language is for --seed_labels"),
        (["--output=out", "--text_field=body"], "--text_field is for --input: what a run read"),
        (["--output=out", "--budget=0"], "--budget is 0, expected at least 1"),
        (["--output=out", "--pool=0"], "--pool is 0, expected at least 1"),
        (["--output=out", "--unit=word"], "--unit is 'word', expected sentence or document"),
        (["--output=out", "--budgte=3"], "unknown flag --budgte, did you mean --budget?"),
        (["--output=none"], "--output .*none does not exist"),
        (["--output=out", "--run=r9", "--seed_labels=t.csv"], "has no run 'r9'"),
        (
            ["--input=in", "--labelled=no", "--seed_labels=t.csv"],
            "no: cannot be read: No such file",
        ),
        (["--output=out", "--model=none"], "--model none: no such directory"),
        (
            ["--output=out"],
            "was made with the model tiny@.*: name it, or a newer one, with --model",
        ),
        (["--input=none", "--seed_labels=t.csv"], "--input 'none' matches no file"),
        (
            ["--input=in", "--seed_labels=t.csv", "--language=xx"],
            "--language xx, expected a code such as",
        ),
        (["--input=in", "--seed_labels=t.csv"], "there is no sentence to choose from"),
    ],
)
def test_flags_that_do_not_fit_are_one_sentence_and_nothing_is_written(
    flags: list[str],
    message: str,
    output: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(output.parent)
    Path("t.csv").write_text("term,label\nAna,PER\n")
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        run(["select", "--format=jsonl", f"--to={tmp_path}/tasks", *flags])
    assert not (tmp_path / "tasks").exists()


def test_tasks_overwrite_nothing(output: Path, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("mine")
    with pytest.raises(UsageError, match=r"^--to .*t exists already, and is not overwritten"):
        run(["select", f"--output={output}", "--format=jsonl", f"--to={tmp_path}/t"])
    assert (tmp_path / "t").read_text() == "mine"
