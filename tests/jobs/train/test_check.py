"""`jobs.train --check` reports on the parts, and names every mistake in them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.train.__main__ import run
from jobs.train.data.parts import Parts, check_parts, read_parts
from jobs.train.flags import training_parser
from model.host.installation import install_command
from schemas.errors import UsageError


def parts(*flags: str) -> Parts:
    return read_parts(training_parser().parse(flags))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the working directory, with two sound CoNLL files of different sentences."""
    monkeypatch.chdir(tmp_path)
    for name, verb in (("train", "left"), ("dev", "reached")):
        blocks = [f"Ada{n} B-per\n{verb} O\nOban B-geo\n. O\n" for n in range(30)]
        (tmp_path / f"{name}.conll").write_text("\n".join(blocks))
    return tmp_path


def test_check_prints_the_report_and_writes_nothing(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(toy.rglob("*"))
    assert run(["--check", "--train=train.conll", "--dev=dev.conll"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("data\n  train  train.conll  CoNLL, IOB2, UTF-8\n  dev    dev.conll    ")
    assert "warnings" not in told
    assert run(["--check", "--train=train.conll", "--output=new"]) == 0
    assert sorted(toy.rglob("*")) == before


def test_check_tells_all_that_is_odd_in_one_go(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind of warning once, and exit code 0."""
    train = (toy / "train.conll").read_text()
    odd = "Mull I-geo\nrose O\n\nIona B-GEO\nfell O\n\nIona B-GEO\nfell O\n\n" + "x O\n" * 600
    repeats = "Ada0 B-per\nleft O\nOban B-geo\n. O\n\n" * 2
    (toy / "odd.conll").write_text(f"{train}\n{odd}\n{repeats}")
    (toy / "dev.conll").write_text("Skye B-isle\nrose O\n\nMull B-geo\nrose O\n")
    spans = [{"start": 0, "end": 3, "label": "per"}, {"start": 4, "end": 7, "label": "per"}]
    spans.append({"start": 16, "end": 28, "label": "geo"})
    text = "Ada stayed with Port of Ness. Bo left."
    (toy / "test.jsonl").write_text(json.dumps({"id": 0, "text": text, "entities": spans}))
    assert (
        run(["--check", "--train=odd.conll", "--dev=dev.conll", "--test=test.jsonl", "--seed=1"])
        == 0
    )
    told = capsys.readouterr().out
    for warning in (
        "- 1 tag of odd.conll is illegal in IOB2",
        "    odd.conll:151: I-geo at the start of a sentence",
        "- 1 span of test.jsonl is not whole tokens of one sentence",
        (
            "    test.jsonl:1: 0 [4, 7) per 'sta' begins or ends within a token or a blank; "
            "tagged: 'stayed'"
        ),
        "- train lacks labels of dev, isle (1)",
        "- the label GEO (2) looks like a slip for geo (35)",
        "- train has fewer than 20 spans of GEO (2)",
        "- 1 of 2 sentences of dev (50.0%) stand in train too",
        "- 3 of 36 sentences of train (8.3%) repeat an earlier one",
        "- the longest sentence of train at line 160 has 600 tokens",
    ):
        assert f"\n{warning}" in told


def test_of_many_places_the_first_are_listed_and_all_where_asked(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    illegal = "".join(f"Mull{n} I-geo\nrose O\n\n" for n in range(30))
    (toy / "odd.conll").write_text("Ada B-per\n\n" + illegal)
    files = ("--check", "--train=odd.conll", "--dev=dev.conll")
    assert run(files) == 0
    told = capsys.readouterr().out
    assert told.count("\n    odd.conll:") == 5
    assert "\n    and 25 more (--mistakes 30 lists all)\n" in told
    assert run([*files, "--mistakes=30"]) == 0
    told = capsys.readouterr().out
    assert told.count("\n    odd.conll:") == 30
    assert "lists all" not in told


def test_check_names_all_mistakes_of_all_files_the_gravest_first(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In few lines, however many there are; the error is about the first of them."""
    rows = [f"Ada{n} B-per\nleft x O\n B-per\nOban geo\n\n" for n in range(5000)]
    (toy / "bad.conll").write_text("Ada O\n" + "".join(rows))
    (toy / "bad.jsonl").write_text('{"id": 1, "text": "Ada", "label": [[0, 9, "per"]]}\n[]')
    files = ("--train=bad.conll", "--dev=bad.jsonl", "--test=gone.conll")
    with pytest.raises(UsageError) as caught:
        run(["--check", *files])
    assert str(caught.value) == (
        "bad.conll:3: 3 columns, expected 2 as in line 1 (and 14,999 more mistakes) "
        "(and 2 files more)"
    )
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if not line.startswith("    ")] == [
        "mistakes",
        "- bad.conll: 10,000 rows of another shape",
        "- bad.conll: 5,000 tags that are none",
        "- bad.jsonl: 1 rows of another shape",
        "- bad.jsonl: 1 entities that cannot be in their text",
        "- gone.conll: cannot be read: No such file or directory",
    ]
    assert len(told) <= 20
    assert "    and 9,995 more (--mistakes 10000 lists all)" in told
    assert "    bad.conll:5: 'geo' is not a tag, expected O" in "\n".join(told)


@pytest.mark.training
def test_a_training_names_the_first_mistake_and_how_many_there_are(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy / "bad.conll").write_text("Ada O\n" + 5000 * "Ada B-per\nleft x O\n B-per\nOban geo\n\n")
    files = ("--train=bad.conll", "--test=gone.conll")
    with pytest.raises(UsageError, match=r"bad\.conll:3: .* \(and 14,999 more mistakes\)"):
        run(["--output=new", *files])
    assert capsys.readouterr().out == ""


def test_one_mistake_is_told_once(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "bad.conll").write_bytes(b"PK\x03\x04\x00")
    with pytest.raises(UsageError, match="this is a ZIP archive"):
        run(["--check", "--train=bad.conll"])
    assert capsys.readouterr().out == ""


def test_what_its_reader_saw_is_told_of_each_file(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"s{n},Ada{n},B-per\n,left,O\n,Oban,B-geo\n" for n in range(30))
    more = "s3,Bo,B-per\n,left,O\n,Mull,B-geo\n"
    (toy / "twice.csv").write_text(f"Sentence #,Word,Tag\n{rows}sentence #,word,tag\n{more}")
    assert run(["--check", "--train=twice.csv", "--dev=dev.conll"]) == 0
    told = capsys.readouterr().out
    assert "  train  twice.csv  Kaggle CSV, IOB2, UTF-8, 1 more header left out\n" in told
    assert "\n- 1 of 31 sentences of twice.csv have an id that stood before" in told
    assert "\n    twice.csv:93: 's3' stood in line 11 too" in told


def test_why_words_are_whole_is_said_in_the_report_and_for_the_card(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = "".join(f"Ada B-per\nsank O\n{number} O\n\n" for number in range(20))
    (toy / "us.conll").write_text(f"U.S. B-geo\nships O\n\n{many}")
    files = ("--train=us.conll", "--dev=dev.conll")
    check_parts(parts(*files), 5)
    told = "whole words (U.S. stays one token)"
    why = "1 words such as U.S. are whole, 0 cut"
    assert f"\n  tokens: {told}: {why}\n" in capsys.readouterr().out
    assert parts(*files).described()["tokens"] == f"{told}, since {why}"
    assert parts(*files, "--tokens=whole").described()["tokens"] == told


def test_the_report_counts_in_the_tokens_of_the_run(toy: Path) -> None:
    (toy / "us.conll").write_text("U.S. B-geo\nships O\n\nAda B-per\nsank O\n")
    files = ("--train=us.conll", "--dev=dev.conll")
    for flags, tokens in (((), 4), (("--tokens=fine",), 7), (("--language=de",), 7)):
        found = parts(*files, *flags)
        assert found.report.tokens == found.segmentation.tokens
        assert found.report.train.tokens == tokens


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--train=train.conll", "--dev=train.conll"], "every sentence of --dev train.conll"),
        (["--train=none.conll", "--dev=dev.conll"], "--train none.conll holds no entity"),
        (["--train=train.conll", "--dev=none.conll"], "--dev none.conll holds no entity"),
        (["--train=train.conll", "--dev=ship.conll"], "--dev ship.conll holds none of the labels"),
        (["--train=train.conll", "--dev=blank.jsonl"], "--dev blank.jsonl holds no sentence: it"),
        (["--train=ship.conll"], "--train ship.conll holds too few sentences to split"),
        (
            ["--train=ship.conll", "--dev=ship.conll"],
            "--train ship.conll holds 1 entity, too few to learn from: label at least 20",
        ),
        (["--train=gone.conll"], "gone.conll: cannot be read"),
        (["--train=train.conll", "--validation_split=0"], "--validation_split is 0.0, expected"),
        (["--train=train.conll", "--epochs=0"], "--epochs is 0"),
    ],
)
def test_check_ends_with_one_sentence_where_training_would_be_pointless(
    toy: Path, flags: list[str], message: str
) -> None:
    (toy / "none.conll").write_text("Nobody O\ncame O\n")
    (toy / "blank.jsonl").write_text('{"id": "x", "text": " ", "entities": []}')
    (toy / "ship.conll").write_text("Fram B-ship\nsank O\n")
    with pytest.raises(UsageError) as caught:
        run(["--check", *flags])
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_check_imports_none_of_the_packages_for_training(toy: Path) -> None:
    """Only pandas, and that only for a CSV; all others are not even there."""
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'tf_keras', 'tensorflow_addons', 'matplotlib',\n"
        "             'apache_beam', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "from jobs.train.__main__ import run\n"
        "code = run(['--check', '--train=train.conll', '--dev=dev.conll'])\n"
        "print('exit code', code)\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(root)},
    )
    assert done.stdout.endswith("\nexit code 0\n")


def test_the_report_stands_before_training_and_pointless_training_never_starts(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.train.__main__.TRAINING_MODULES", ())
    with pytest.raises(UsageError, match=r"every sentence of --dev train\.conll"):
        run(["--train=train.conll", "--dev=train.conll", "--output=new"])
    assert capsys.readouterr().out.startswith("data\n")
    assert not (toy / "new").exists()


def test_what_training_lacks_is_named_with_what_installs_it(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "jobs.train.__main__.TRAINING_MODULES", ("json", "absent_one", "absent_two")
    )
    with pytest.raises(UsageError) as caught:
        run(["--train=train.conll", "--output=new"])
    message = f"training needs absent_one, absent_two: {install_command('train')}"
    assert (str(caught.value), caught.value.exit_code) == (message, 2)
    assert not (toy / "new").exists()


def test_without_check_an_output_is_needed(toy: Path) -> None:
    with pytest.raises(UsageError, match="the following arguments are required: --output"):
        run(["--train=train.conll"])
