"""`python -m jobs.evaluate`: scores and mistakes of a model, printed, as JSON and as a page."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.evaluate.__main__ import run
from model.tagger.artifact import Artifact
from schemas.errors import CorpusError, UsageError

SCORE_KEYS = ["f1", "precision", "recall", "support"]
SCORES = ["micro", "macro", "labels", "muc", "kinds"]


@pytest.fixture
def conll(tmp_path: Path) -> Path:
    path = tmp_path / "gold.conll"
    path.write_text(
        "Maria\tB-per\nmet\tO\nin\tO\nLisbon\tB-geo\n.\tO\n\nNobody\tO\ncame\tO\n.\tO\n"
    )
    return path


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    path = tmp_path / "gold.jsonl"
    text = "Maria met in Lisbon. Nobody came."
    entities = [
        {"start": 0, "end": 5, "label": "per"},
        {"start": text.index("Lisbon"), "end": text.index("Lisbon") + 6, "label": "geo"},
    ]
    path.write_text(json.dumps({"id": "d", "text": text, "entities": entities}) + "\n")
    return path


def scores_of(model: Path, data: Path, output: Path) -> dict[str, dict[str, Any]]:
    assert run([f"--model={model}", f"--data={data}", f"--json={output}"]) == 0
    loaded: dict[str, dict[str, Any]] = json.loads(output.read_text())
    return loaded


def test_the_json_has_exactly_the_keys_of_the_contract(
    tiny_artifact: Path, conll: Path, tmp_path: Path
) -> None:
    scores = scores_of(tiny_artifact, conll, tmp_path / "scores.json")
    assert list(scores) == ["model", "data", "warnings", "speed", *SCORES, "mistakes"]
    assert str(scores["model"]).startswith("tiny@")
    assert scores["data"] == {
        "path": str(conll),
        "format": "conll",
        "sentences": 2,
        "documents": 0,
    }
    speed = scores["speed"]
    assert list(speed) == ["tokens_per_second", "from_text", "processor", "cores"]
    assert speed["tokens_per_second"] > 0
    assert (speed["from_text"], speed["cores"]) == (False, 1)
    assert sorted(scores["micro"]) == sorted(scores["macro"]) == SCORE_KEYS
    assert list(scores["muc"]) == ["micro", "macro", "labels"]
    assert list(scores["kinds"]) == ["boundaries", "label", "both", "missed", "invented"]
    assert scores["micro"]["support"] == 2
    assert {"geo", "per"} <= scores["labels"].keys()
    for row in scores["labels"].values():
        assert isinstance(row, dict)
        assert sorted(row) == SCORE_KEYS


def test_raw_documents_score_as_the_same_sentences_do(
    tiny_artifact: Path, conll: Path, documents: Path, tmp_path: Path
) -> None:
    by_tokens = scores_of(tiny_artifact, conll, tmp_path / "tokens.json")
    by_text = scores_of(tiny_artifact, documents, tmp_path / "text.json")
    assert by_tokens["kinds"]
    assert [by_text[part] for part in SCORES] == [by_tokens[part] for part in SCORES]
    assert by_text["speed"]["from_text"]


def test_the_table_says_what_was_measured_on_what(
    tiny_artifact: Path,
    tiny_model: Artifact,
    documents: Path,
    conll: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run([f"--model={tiny_artifact}", f"--data={documents}"])
    out = capsys.readouterr().out
    assert out.startswith("tiny@")
    assert f" on {documents} (1 documents, from raw text)\n" in out
    begins = [line.split()[0] for line in out.splitlines() if line]
    for name in ("micro", "macro", "strict", "exact", "partial", "ent_type", "missed", "invented"):
        assert name in begins
    assert re.search(r"\n[\d,]+ tokens/s on one core \(.+\), from raw text to entities\n", out)
    run([f"--model={tiny_artifact}", f"--data={conll}"])
    out = capsys.readouterr().out
    assert f" on {conll} (2 sentences)\n" in out
    assert re.search(r"\n[\d,]+ tokens/s on one core \(.+\), from tokens, the model alone\n", out)


def test_mistakes_are_listed_with_their_sentence_and_place(
    tiny_artifact: Path, documents: Path, conll: Path, tmp_path: Path
) -> None:
    """By kinds they add up; spans point into the sentence, and that into the document."""
    document = json.loads(documents.read_text())
    for data, name in ((conll, None), (documents, "d")):
        output = tmp_path / "scores.json"
        flags = [f"--model={tiny_artifact}", f"--data={data}", f"--json={output}"]
        assert run([*flags, "--mistakes=1000"]) == 0
        found = json.loads(output.read_text())
        listed = found["mistakes"]
        assert listed
        assert sum(each["count"] for each in listed) == sum(found["kinds"].values())
        for each in listed:
            example = each["example"]
            assert example["document"] == name
            assert example["line"] in ({1} if name else {1, 7})
            if name:
                assert document["text"][example["sentence_start"] :].startswith(example["sentence"])
            for side in ("gold", "predicted"):
                span = example[side]
                assert each[f"{side}_label"] == (span and span["label"])
                if span:
                    assert example["sentence"][span["start"] : span["end"]] == span["text"]
            if example["predicted"]:
                assert 0 < example["predicted"]["confidence"] <= 1
        assert run([*flags, "--mistakes=1"]) == 0
        assert json.loads(output.read_text())["mistakes"] == listed[:1]


def test_the_page_is_written_beside_the_table(
    tiny_artifact: Path, conll: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert run([f"--model={tiny_artifact}", f"--data={conll}", f"--html={page}"]) == 0
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert "micro" in capsys.readouterr().out


def test_a_terminal_that_lacks_a_character_gets_an_escape_sequence(
    tiny_artifact: Path, tmp_path: Path
) -> None:
    data = tmp_path / "gold.conll"
    data.write_text("Łódź\tB-geo\n日本\tB-per\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "jobs.evaluate", f"--model={tiny_artifact}", f"--data={data}"],
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u65e5\u672c" in done.stdout


def test_a_file_that_cannot_be_written_is_found_out_before_the_model_runs(
    tiny_artifact: Path, conll: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flag in ("--json", "--html"):
        for path in (tmp_path / "missing" / "scores", tmp_path):
            with pytest.raises(UsageError) as caught:
                run([f"--model={tiny_artifact}", f"--data={conll}", f"{flag}={path}"])
            assert str(caught.value) == f"{flag} {path} cannot be written: not a file in a folder"
    assert capsys.readouterr().out == ""


def test_what_is_written_overwrites_nothing_that_is_read(
    tiny_artifact: Path, conll: Path, tmp_path: Path
) -> None:
    """Neither the labelled file nor the model, by whatever name; nor one page the other."""
    link = tmp_path / "link"
    link.symlink_to(conll)
    before = {path: path.read_bytes() for path in (conll, *tiny_artifact.iterdir())}
    weights = tiny_artifact / "weights.safetensors"
    both = tmp_path / "both"
    for flag, path, other in [
        ("--json", conll, "--data"),
        ("--html", link, "--data"),
        ("--json", weights, "--model"),
        ("--html", both, "--json"),
    ]:
        more = [f"--json={both}"] * (path == both)
        with pytest.raises(UsageError) as caught:
            run([f"--model={tiny_artifact}", f"--data={conll}", f"{flag}={path}", *more])
        assert str(caught.value) == f"{flag} {path} would overwrite the file of {other}"
    assert {path: path.read_bytes() for path in before} == before
    assert not both.exists()


def test_a_lone_surrogate_in_a_document_is_refused(tiny_artifact: Path, tmp_path: Path) -> None:
    """JSON can spell one; no table could hold it, and the sentence rules cannot read it."""
    path = tmp_path / "odd.jsonl"
    path.write_text('{"id": "a", "text": "Eva \\ud800 left.", "entities": []}\n')
    with pytest.raises(CorpusError, match=r":1: 'text' holds a lone surrogate"):
        run([f"--model={tiny_artifact}", f"--data={path}"])


def test_mistakes_are_one_sentence(tiny_artifact: Path, conll: Path, tmp_path: Path) -> None:
    for flags, message in (
        ([f"--model={tmp_path / 'no'}", f"--data={conll}"], "no such directory, and no bundled"),
        ([f"--model={tmp_path}", f"--data={conll}"], "is not a gleaner model"),
        ([f"--model={tiny_artifact}", "--data=nowhere.csv"], "nowhere.csv"),
        ([f"--model={tiny_artifact}", f"--data={tmp_path}"], str(tmp_path)),
        ([f"--model={tiny_artifact}"], "the following arguments are required: --data"),
        (
            [f"--model={tiny_artifact}", f"--data={conll}", "--jsn=x"],
            "unknown flag --jsn, did you mean --json?",
        ),
        (
            [f"--model={tiny_artifact}", f"--data={conll}", "--mistakes=-1"],
            "--mistakes is -1, expected at least 0",
        ),
    ):
        with pytest.raises(UsageError) as caught:
            run(flags)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_command_leaves_with_exit_code_2_and_one_line(tmp_path: Path) -> None:
    """Without TensorFlow's own lines, and without importing it."""
    command = [sys.executable, "-X", "importtime", "-m", "jobs.evaluate"]
    done = subprocess.run(
        [*command, f"--model={tmp_path}", "--data=x"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = done.stderr.splitlines()
    imported = {
        line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")
    }
    said = [line for line in lines if not line.startswith("import time:")]
    assert done.returncode == 2
    assert said == [f"error: {tmp_path} is not a gleaner model: it has no checksums.json"]
    assert "model.tagger.artifact" in imported
    assert not {"tensorflow", "keras", "apache_beam"} & imported


def test_a_model_on_an_object_store_scores_as_the_same_on_a_disk(
    bucket: str, tiny_artifact: Path, conll: Path, tmp_path: Path
) -> None:
    import boto3

    client = boto3.client("s3")
    for file in tiny_artifact.iterdir():
        client.upload_file(str(file), bucket, f"models/tiny/{file.name}")
    there, here = tmp_path / "there.json", tmp_path / "here.json"
    for model, figures in ((f"s3://{bucket}/models/tiny/", there), (str(tiny_artifact), here)):
        assert run([f"--model={model}", f"--data={conll}", f"--json={figures}"]) == 0
    found, expected = (json.loads(path.read_text()) for path in (there, here))
    speeds = [each.pop("speed") for each in (found, expected)]  # the one thing that takes time
    assert found == expected
    assert speeds[0].keys() == speeds[1].keys()
    with pytest.raises(UsageError, match=f"s3://{bucket}/none is not a gleaner model"):
        run([f"--model=s3://{bucket}/none", f"--data={conll}"])


def test_a_model_and_a_file_that_share_no_label_are_told_so(
    tiny_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal, before the scores, in the JSON and on the page."""
    path, page, figures = tmp_path / "gold.conll", tmp_path / "page.html", tmp_path / "f.json"
    path.write_text("Maria\tB-PERSON\nmet\tO\nLisbon\tB-PLACE\n")
    assert (
        run([f"--model={tiny_artifact}", f"--data={path}", f"--html={page}", f"--json={figures}"])
        == 0
    )
    warning = (
        f"the model and {path} share no label, so that no entity can be right: "
        "the model finds geo, org, per, the file has PERSON, PLACE"
    )
    out = capsys.readouterr().out
    assert out.index(f"\nwarnings\n- {warning}\n") < out.index("micro")
    assert json.loads(figures.read_text())["warnings"] == [warning]
    assert warning in page.read_text()


@pytest.mark.parametrize(
    ("rows", "warnings"),
    [
        ("Maria B-per\nLisbon B-geo\nUN B-org\n", []),
        ("Maria B-per\nLisbon B-geo\n", ["lacks labels of the model, where whatever it finds"]),
        (
            "Maria B-per\nFram B-ship\n",
            ["the model does not know labels of ", "lacks labels of the model"],
        ),
        ("Nobody O\ncame O\n", ["holds no entity: whatever the model finds there counts as wrong"]),
        ("Maria B-per\nUN B-org\nLisbon I-geo\n", ["1 tag of "]),
    ],
)
def test_what_makes_scores_doubtful_is_told(
    tiny_artifact: Path, tmp_path: Path, rows: str, warnings: list[str]
) -> None:
    path = tmp_path / "gold.conll"
    path.write_text(rows)
    told = scores_of(tiny_artifact, path, tmp_path / "scores.json")["warnings"]
    assert len(told) == len(warnings)
    assert all(warning in text for warning, text in zip(warnings, told, strict=True))


def test_all_files_that_training_takes_are_scored_alike(
    tiny_artifact: Path, tmp_path: Path
) -> None:
    """Rows of any layout, and documents of any tool, whose entities may overlap."""
    rows = [("Maria", "B-per"), ("met", "O"), ("Lisbon", "B-geo"), (".", "O")]
    text = " ".join(word for word, _ in rows)
    spans = [[0, 5, "per"], [10, 16, "geo"]]
    files = {
        "two": "".join(f"{word}\t{tag}\n" for word, tag in rows),
        "three": "".join(f"{word} NN {tag}\n" for word, tag in rows),
        "numbered": "".join(f"{n} {word} {tag}\n" for n, (word, tag) in enumerate(rows)),
        "commented": "# id 7\n" + "".join(f"{word}\t{tag}\n" for word, tag in rows),
        "csv": "sentence #;word;tag\n" + "".join(f"1;{word};{tag}\n" for word, tag in rows),
        "doccano": json.dumps({"id": 1, "text": text, "label": spans}),
        "overlaps": json.dumps({"id": 1, "text": text, "label": [*spans, [1, 5, "org"]]}),
    }
    figures = {}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        scores = scores_of(tiny_artifact, tmp_path / name, tmp_path / "scores.json")
        figures[name] = [scores[part] for part in SCORES]
        told = " ".join(scores["warnings"])
        assert ("of the entities of" in told) == (name == "overlaps")
    assert all(each == figures["two"] for each in figures.values())


def test_spans_that_the_model_cannot_find_are_told(
    tiny_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps({"id": 1, "text": "Maria left.", "label": [[0, 4, "per"]]}))
    assert run([f"--model={tiny_artifact}", f"--data={path}"]) == 0
    assert (
        f"\n- 1 span of {path} is not whole tokens of one sentence: as the model cuts text, "
        f"it cannot find them\n    {path}:1: 1 [0, 4) per 'Mari' begins or ends within a token "
        "or a blank\n"
    ) in capsys.readouterr().out


def test_an_export_in_utf_16_is_scored_as_the_same_documents(
    tiny_artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The unit is found out, and told; another one that is asked for is what counts."""
    text = "🚢 Maria met in Lisbon."
    spans = [(2, 7, "per"), (text.index("Lisbon"), text.index("Lisbon") + 6, "geo")]
    results = [
        {
            "type": "labels",
            "value": {"start": a + 1, "end": b + 1, "text": text[a:b], "labels": [label]},
        }
        for a, b, label in spans
    ]
    task = {"id": 1, "data": {"text": text}, "annotations": [{"result": results}]}
    points, units = tmp_path / "points.jsonl", tmp_path / "units.json"
    points.write_text(json.dumps({"id": 1, "text": text, "entities": spans}))
    units.write_text(json.dumps([task]))
    expected = scores_of(tiny_artifact, points, tmp_path / "scores.json")
    capsys.readouterr()
    found = scores_of(tiny_artifact, units, tmp_path / "scores.json")
    assert [found[part] for part in SCORES] == [expected[part] for part in SCORES]
    assert "offsets in UTF-16, since 2 spans fit their text so)" in capsys.readouterr().out
    asked = ["--offsets=codepoints", f"--model={tiny_artifact}", f"--data={units}"]
    assert run(asked) == 0
    assert "not what their offsets cover, 2 in all" in capsys.readouterr().out
