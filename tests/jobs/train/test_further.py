"""`jobs.train` with other teachers and with text: what it learns, says and writes down."""

import json
from pathlib import Path

import pytest

from jobs.train.__main__ import run
from model.tagger.artifact import load_artifact, read_files
from schemas.errors import UsageError

PEOPLE, PLACES = ("Maria", "Rui", "Tom", "Eva"), ("Lisbon", "Porto", "Faro", "York", "Bath")
QUICK = (
    *("--embedding_size=8", "--units=6", "--character_filters=4", "--character_size=4"),
    *("--batch_size=20", "--epochs=1", "--verbose=0", "--seed=5"),
)


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("gold") / "gold.conll"
    blocks = (
        f"{person}\tB-per\nleft\tO\n{place}\tB-geo\nat\tO\ndawn\tO\n.\tO"
        for person in PEOPLE
        for place in PLACES
    )
    file.write_text("\n\n".join(blocks) + "\n")
    return file


@pytest.fixture
def silver(tmp_path: Path) -> Path:
    """Two new texts, one of gold with a mistake, and one whose offsets are wrong."""
    file = tmp_path / "silver.jsonl"
    texts = [
        ("Zoe saw Cork.", [(0, 3, "PERSON"), (8, 12, "LOC")]),
        ("Zoe slept.", [(0, 3, "PERSON")]),
        ("Maria left Lisbon at dawn.", [(11, 17, "LOC")]),
        ("Zoe ate.", [(0, 90, "PERSON")]),
    ]
    lines = (
        {"text": text, "entities": [[*span] for span in spans], "score": 0.9}
        for text, spans in texts
    )
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_silver_is_learnt_compared_and_told(
    gold: Path, silver: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "model"
    flags = [f"--train={gold}", f"--output={output}", *QUICK, f"--silver={silver}"]
    with pytest.raises(UsageError, match=r"labels that --train lacks: PERSON \(\d\), LOC"):
        run(flags)
    assert not output.exists()
    assert run([*flags, "--silver_labels", "PERSON=per", "LOC=geo"]) == 0
    artifact = load_artifact(read_files(output), "model")
    assert {"zoe", "cork"} <= {*map(str.lower, artifact.encoder.vocabulary.words)}
    assert artifact.tags.labels == ("geo", "per")
    assert artifact.metrics["scores"]["dev"]["micro"]["support"] == 40
    told = capsys.readouterr().out
    assert f"silver of {silver}: 2 sentences" in told
    assert "it has 1 sentence of gold, which are compared and learnt as gold says" in told
    assert "where they disagree: per in gold, none in silver 1" in told
    assert "1 documents with a span that does not fit their text" in told
    assert "| silver 1, silver.jsonl | 2 sentences |" in (output / "MODEL_CARD.md").read_text()


@pytest.mark.training
@pytest.mark.usefixtures("eager")
def test_text_is_learnt_from_and_what_came_of_it_is_told(
    gold: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (f"{person} saw {place} by night." for person in ("Zoe", "Rui") for place in PLACES)
    (tmp_path / "corpus.txt").write_text("\n".join(lines))
    output = tmp_path / "model"
    text = ["--unlabelled", f"{tmp_path}/*.txt", "--input_format=lines"]
    flags = [f"--train={gold}", f"--output={output}", *QUICK, *text]
    assert run([*flags, "--check"]) == 0
    assert "text without labels: 10 sentences, 60 tokens" in capsys.readouterr().out
    assert run(flags) == 0
    told = capsys.readouterr().out
    assert "then these models label 10 sentences of text; others learn from that" in told
    metrics = load_artifact(read_files(output), "model").metrics
    f1, learnt = (metrics["self_training"][name] for name in ("f1", "sentences"))
    assert len(f1) >= 2
    assert learnt == (10 if f1[1] > f1[0] else 0)
    path = ", ".join(f"{each:.3f}" for each in f1)
    line = f"F1 before the text was learnt from, and after each round: {path}"
    assert line in told
    card = (output / "MODEL_CARD.md").read_text()
    assert line in card
    assert "| text without labels | 10 sentences |" in card


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--text_field=body"], "--text_field is for --unlabelled, which is not given"),
        (["--silver_labels", "A=b"], "--silver_labels is for --silver, which is not given"),
        (["--silver_weight=2"], "--silver_weight is for --silver, which is not given"),
        (["--silver_weight=-1"], "--silver_weight is -1.0, expected 0 to 100"),
        (["--silver_weight=inf"], "--silver_weight is inf, expected 0 to 100"),
        (["--silver=nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["--silver=."], "--silver .: "),
        (["--unlabelled", "nowhere/*.txt"], "--unlabelled 'nowhere/*.txt' matches no file"),
    ],
)
def test_a_mistake_is_one_sentence(
    gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for check in ([], ["--check"]):
        with pytest.raises(UsageError) as refused:
            run([f"--train={gold}", "--output=new", *check, *flags])
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)
