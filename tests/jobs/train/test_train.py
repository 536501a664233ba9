"""`python -m jobs.train`: labelled sentences in, out a model that says how it was made."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.train.__main__ import run
from model.tagger.artifact import load_artifact, read_files
from schemas.errors import UsageError
from tests.builders import last_of_each

PEOPLE, PLACES = ("Maria", "Rui", "Tom", "Eva"), ("Lisbon", "Porto", "Faro", "York", "Bath")
QUICK = (
    *("--embedding_size=8", "--units=6", "--character_filters=4", "--character_size=4"),
    *("--batch_size=20", "--epochs=2", "--verbose=0", "--seed=5"),
)


def sentences() -> list[list[tuple[str, str]]]:
    """Twenty sentences with a person and a place each."""
    return [
        [(person, "B-per"), ("left", "O"), (place, "B-geo"), ("at", "O"), ("dawn", "O"), (".", "O")]
        for person in PEOPLE
        for place in PLACES
    ]


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV in the layout of the Kaggle corpus, its sentence column filled in first rows only."""
    lines = ["Sentence #,Word,POS,Tag"]
    for number, sentence in enumerate(sentences(), 1):
        for position, (word, tag) in enumerate(sentence):
            name = "" if position else f"Sentence: {number}"
            lines.append(f"{name},{word},X,{tag}")
    path = tmp_path_factory.mktemp("labelled") / "toy.csv"
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")
    return path


@pytest.fixture(scope="module")
def conll(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labelled") / "toy.conll"
    return columns(path, sentences())


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first sentences, with another word each: none of them stands in the other files."""
    other = [[*sentence[:4], ("dusk", "O"), *sentence[5:]] for sentence in sentences()[:8]]
    return columns(tmp_path_factory.mktemp("labelled") / "dev.conll", other)


def columns(path: Path, sentences: list[list[tuple[str, str]]]) -> Path:
    blocks = ["\n".join(f"{word}\t{tag}" for word, tag in sentence) for sentence in sentences]
    path.write_text("\n\n".join(blocks) + "\n")
    return path


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_a_csv_becomes_a_model(
    csv: Path, conll: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It loads, knows the training words and labels only, and its card has the command."""
    output = tmp_path / "models" / "toy"
    arguments = [f"--train={csv}", f"--test={conll}", f"--output={output}", *QUICK]
    arguments.append("--validation_split=0.2")
    assert run(arguments) == 0

    artifact = load_artifact(read_files(output), "toy")
    assert artifact.name == "toy"
    assert artifact.tags.labels == ("geo", "per")
    assert artifact.encoder.vocabulary.words[0] in (".", "at", "dawn", "left")
    assert artifact.training["fitting"]["seed"] == 5
    assert artifact.training["network"]["units"] == 6

    metrics = artifact.metrics
    assert sorted(metrics) == ["calibration", "history", "kept_epoch", "scores", "speed"]
    assert artifact.temperature == metrics["calibration"]["temperature"] == 1.0  # too few entities
    assert sorted(metrics["scores"]) == ["dev", "test"]
    assert metrics["scores"]["test"]["micro"]["support"] == 40
    assert sorted(metrics["scores"]["test"]["micro"]) == ["f1", "precision", "recall", "support"]
    assert {len(values) for values in metrics["history"].values()} == {2}
    assert metrics["kept_epoch"] in (1, 2)
    kept = metrics["history"]["val_f1"][metrics["kept_epoch"] - 1]
    assert kept == max(metrics["history"]["val_f1"])
    assert metrics["scores"]["dev"]["micro"]["f1"] == pytest.approx(kept, abs=1e-6)
    assert artifact.baseline["tokens"] > 0

    card = (output / "MODEL_CARD.md").read_text()
    assert "python -m jobs.train " + " ".join(arguments) in card
    assert "| seed | 5 |" in card
    plots = set(re.findall(r"\]\((.*\.svg)\)", card))
    assert plots == {path.name for path in output.glob("*.svg")}
    assert {"learning_curves.svg", "f1_by_label.svg", "confusion.svg"} <= plots
    told = capsys.readouterr().out
    assert f"model written to {output}" in told
    assert metrics["speed"]["tokens_per_second"] > 0
    fast = re.search(
        r"\n([\d,]+) tokens/s on one core \(.+\), from tokens, the model alone\n", told
    )
    assert fast
    assert f" tags {fast[1]} tokens a second, " in card


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_conll_with_a_dev_file_becomes_a_model_under_its_name(
    conll: Path, dev: Path, tmp_path: Path
) -> None:
    """The same command gives the same weights and figures; only how fast it was may differ."""
    identities, figures = [], []
    for output in (tmp_path / "a", tmp_path / "b"):
        flags = [f"--train={conll}", f"--dev={dev}", f"--output={output}", "--name=ferry"]
        assert run(last_of_each([*flags, *QUICK, "--epochs=1"])) == 0
        artifact = load_artifact(read_files(output), "m")
        identities.append(artifact.identity)
        figures.append({**artifact.metrics, "speed": None})
    assert identities[0] == identities[1]
    assert identities[0].startswith("ferry@")
    assert figures[0] == figures[1]


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_words_of_the_vectors_stay_known_at_extraction(
    conll: Path, dev: Path, tmp_path: Path
) -> None:
    """Also those that training never saw, as far as the vocabulary may grow; schemes round-trip."""
    from model.tagger.padding import pad_documents
    from model.tagger.tagger import Tagger
    from model.text.segmentation import tokenize_document
    from schemas.records import Document

    vectors = tmp_path / "vectors.txt"
    vectors.write_text("Lisbon 1 2\nAccra 3 4\nbeyond 5 6\n")
    output = tmp_path / "model"
    flags = [f"--train={conll}", f"--dev={dev}", f"--output={output}", f"--vectors={vectors}"]
    flags += [*QUICK, "--epochs=1", "--scheme=BIOES", "--vocabulary_size=14"]
    assert run(last_of_each(flags)) == 0
    artifact = load_artifact(read_files(output), "model")
    assert artifact.training["vectors"] == "vectors.txt"
    assert artifact.tags.scheme == "BIOES"
    assert artifact.encoder.vocabulary.words[-1] == "accra"
    assert len(artifact.weights.words) == len(artifact.weights.vectors) - 1
    assert artifact.weights.vectors[-1].any()
    text = Document("d", "s", 0, "Maria left Accra beyond")
    (tagged,) = Tagger(artifact).tag(
        pad_documents([tokenize_document(text, artifact.segmentation)])
    )
    assert tagged.unknown_tokens == 1  # "beyond", for which there was no room


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_few_sentences_are_cross_validated_and_all_of_them_trained_on(
    csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Terminal, metrics and card say what was measured, on which sentences, and what was chosen."""
    output = tmp_path / "toy"
    flags = [f"--train={csv}", f"--output={output}", *QUICK]
    assert run(flags) == 0
    artifact = load_artifact(read_files(output), "toy")
    assert set(PEOPLE + PLACES) <= {w.title() for w in artifact.encoder.vocabulary.words}
    metrics = artifact.metrics
    assert metrics["speed"]["tokens_per_second"] > 0  # of the model that is written
    folds = metrics["cross_validation"]["f1"]
    assert len(folds) == 5
    micro = metrics["scores"]["dev"]["micro"]
    assert micro["support"] == 40  # every sentence of train was scored once
    kept = metrics["history"]["val_f1"][metrics["kept_epoch"] - 1]
    assert micro["f1"] == pytest.approx(kept, abs=1e-6)
    assert metrics["calibration"]["fitted_on"]["gold"] == 40

    told = capsys.readouterr().out
    assert "cross-validation: 5 models, each without one fold of the sentences" in told
    assert "the F1 on their 40 entities is known to about ±0.13" in told
    assert "no set that was tried has so few entities to train on" in told
    assert re.search(r"\n  learning_rate +0\.00\d+  for 20 sentences a step\n", told)
    assert not re.search(r"\n  (units|batch_size) ", told)
    assert f"cross-validation, 5 folds: F1 {micro['f1']:.3f}, standard deviation" in told
    card = (output / "MODEL_CARD.md").read_text()
    assert "In a cross-validation of 5 folds (20 sentences, 120 words, each tagged by a" in card
    assert "| batch_size | 20 |  |" in card
    assert "| for 20 sentences a step |" in card


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_a_model_of_no_use_is_called_so_at_the_end_and_on_its_card(
    csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every model, where the bound is beyond what any reaches."""
    monkeypatch.setattr("jobs.train.report.outcome.USELESS", 2.0)
    output = tmp_path / "toy"
    flags = [f"--train={csv}", f"--output={output}", "--validation_split=0.2", *QUICK]
    assert run(last_of_each([*flags, "--epochs=1"])) == 0
    told = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"warning: do not use it. Its F1 is 0\.\d{3}: .*--epochs 2\.", told)
    card = re.sub(r"\\(.)", r"\1", (output / "MODEL_CARD.md").read_text())
    assert f"**Do not use this model.** {told.removeprefix('warning: do not use it. ')}" in card


DOCUMENT = {"id": "a", "text": "Eva left.", "entities": [{"start": 0, "end": 3, "label": "per"}]}


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_documents_become_a_model_and_the_report_comes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Documents with a span for each entity, of which one cuts a word."""
    lines = []
    for number, sentence in enumerate(sentences()):
        text = " ".join(word for word, _ in sentence)
        spans = [
            {"start": text.index(word), "end": text.index(word) + len(word) - cut, "label": tag[2:]}
            for word, tag in sentence
            if tag != "O"
            for cut in [tag == "B-per" and number == 7]
        ]
        lines.append(json.dumps({"id": number, "text": text, "entities": spans}))
    path = tmp_path / "toy.jsonl"
    path.write_text("\n".join(lines))
    output = tmp_path / "model"
    flags = [f"--train={path}", f"--output={output}", "--validation_split=0.1", *QUICK]
    assert run(last_of_each([*flags, "--epochs=1"])) == 0
    artifact = load_artifact(read_files(output), "toy")
    assert artifact.tags.labels == ("geo", "per")
    assert artifact.metrics["scores"]["dev"]["micro"]["support"] == 4
    told = capsys.readouterr().out
    assert told.startswith("data\n  train  ")
    place = f"{path}:8: 7 [0, 2) per 'Ru' begins or ends within a token or a blank"
    assert f"    {place}; tagged: 'Rui'\n" in told


@pytest.mark.training
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epoch=3"], "unknown flag --epoch, did you mean --epochs?"),
        (["more"], "'more' belongs to no flag"),
        (["--epochs=0"], "--epochs is 0, expected at least 1"),
        (["--dropout=1"], "--dropout is 1.0, expected at least 0 and below 1"),
        (["--mode=best"], "--mode is best, expected auto, max or min"),
        (["--verbose=3"], "--verbose is 3, expected 0, 1 or 2"),
        (["--monitor=accuracy"], "--monitor is accuracy, expected one of loss, val_f1"),
        (["--epochs=many"], "--epochs is 'many', expected a whole number"),
        (
            ["--save_best_only=yes"],
            "--save_best_only: 'yes' is neither true nor false",
        ),
        (
            ["--validation_split=1"],
            "--validation_split is 1.0, expected more than 0 and below 1",
        ),
        (["--dev=nowhere.csv"], "nowhere.csv"),
        (["--train=documents.jsonl"], "--train documents.jsonl holds too few sentences to split"),
        (["--train=no_entity.conll"], "--train no_entity.conll holds no entity"),
        (["--train=one.conll"], "--train one.conll holds too few sentences to split: give --dev"),
        (["--output=full"], "--output full exists and is not an empty directory"),
        (["--output=no_entity.conll/new"], "--output no_entity.conll/new cannot be made"),
        (["--output=no_entity.conll"], "--output no_entity.conll exists and is not an empty"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("documents.jsonl").write_text(json.dumps(DOCUMENT) + "\n")
    Path("no_entity.conll").write_text("Nobody\tO\ncame\tO\n")
    Path("one.conll").write_text("Eva\tB-per\nleft\tO\n\nEva\tB-per\nleft\tO\n")
    Path("full").mkdir()
    Path("full", "mine").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as caught:
        run(last_of_each([f"--train={csv}", "--output=new", *flags]))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("missing", ["--train", "--output"])
def test_required_flags_are_named(missing: str) -> None:
    flags = [flag for flag in ("--train=a.csv", "--output=b") if not flag.startswith(missing)]
    with pytest.raises(UsageError, match=f"the following arguments are required: {missing}"):
        run(flags)


def test_a_mistyped_flag_costs_no_import_of_tensorflow() -> None:
    """Exit code 2 and one line, before anything heavy is loaded."""
    code = (
        "import sys, jobs.train.__main__\n"
        "from schemas.errors import UsageError\n"
        "try:\n    jobs.train.__main__.run(['--train=a', '--output=b', '--epocs=1'])\n"
        "except UsageError as error:\n    print(error)\n"
        "print([m for m in ('tensorflow', 'keras', 'apache_beam') if m in sys.modules])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.splitlines() == ["unknown flag --epocs, did you mean --epochs?", "[]"]


def test_the_command_leaves_with_exit_code_2_and_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.train", "--train=a", "--output=b", "--units=0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "error: --units is 0, expected at least 1\n"


@pytest.mark.slow
@pytest.mark.training
def test_a_training_killed_with_9_is_resumed_to_the_same_model(csv: Path, tmp_path: Path) -> None:
    """As a process, in graph mode: the weights of the resumed one are those of the undisturbed."""
    identities = []
    for output in (tmp_path / "whole" / "toy", tmp_path / "killed" / "toy"):
        flags = [f"--train={csv}", f"--output={output}", *QUICK, "--epochs=40", "--scheme=BIOES"]
        command = [sys.executable, "-m", "jobs.train", *last_of_each(flags)]
        state = output.with_name("toy.training")
        if output.parent.name == "killed":
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            while not state.exists():
                assert process.poll() is None, "ended before it could be killed"
                time.sleep(0.01)
            process.kill()
            process.wait()
            assert not output.exists()
            refused = subprocess.run(command, capture_output=True, text=True, check=False)
            assert refused.returncode == 2
            assert "go on with --resume, or remove it" in refused.stderr
            command.append("--resume")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        assert not state.exists()
        weights = load_artifact(read_files(output), "toy").weights.arrays()
        identities.append({name: array.tobytes() for name, array in weights.items()})
    assert identities[0] == identities[1]
