"""Text beside gold: sentences without labels, and those that a run found entities in."""

import json
from pathlib import Path

import pytest

from jobs.train.data import texts
from jobs.train.data.texts import labels_of_runs, unlabelled_text
from model.text.segmentation import Segmentation
from pipeline.inputs.formats import ReadConfig
from pipeline.outputs.current import read_table
from pipeline.run import run as extract
from schemas.errors import UsageError

SEGMENTATION = Segmentation()
FIRST = "The council met Maria in Lisbon on Monday. Ships of the river left the harbour at dawn."
SECOND = "The council of Porto said that Maria was at the river. Nobody met the ships on Monday."


def write(path: Path, *records: dict[str, str]) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


def test_sentences_come_cut_and_without_what_is_labelled(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", {"id": "1", "body": FIRST}, {"id": "2", "body": SECOND})
    (tmp_path / "notes.png").write_bytes(b"\x89PNG")
    known = {"ThecouncilmetMariainLisbononMonday."}
    found, warnings = unlabelled_text(
        [str(tmp_path)], ReadConfig(text_field="body"), SEGMENTATION, known, 0
    )
    assert sorted(" ".join(words) for words in found) == [
        "Nobody met the ships on Monday .",
        "Ships of the river left the harbour at dawn .",
        "The council of Porto said that Maria was at the river .",
    ]
    assert any("notes.png" in warning for warning in warnings)


def test_no_sentence_but_what_is_labelled_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", {"id": "1", "text": "Ships."})
    with pytest.raises(UsageError, match="--unlabelled: there is no sentence to learn from"):
        unlabelled_text([str(tmp_path / "a.jsonl")], ReadConfig(), SEGMENTATION, (), 0)


def test_no_more_is_drawn_than_is_learnt_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of each file, and the same with the same seed."""
    monkeypatch.setattr(texts, "MOST_SENTENCES", 10)
    for name in ("a", "b"):
        lines = (f"In {name} they met number {n} at the river." for n in range(50))
        write(tmp_path / f"{name}.jsonl", *({"text": line} for line in lines))
    drawn = [
        unlabelled_text([f"{tmp_path}/*.jsonl"], ReadConfig(), SEGMENTATION, (), seed)[0]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert sorted(words[1] for words in drawn[0]) == ["a"] * 5 + ["b"] * 5


@pytest.mark.usefixtures("kept_taggers")
def test_what_runs_found_comes_with_its_confidence(tmp_path: Path, tiny_artifact: Path) -> None:
    """Sentence by sentence, at its place; a document that no run wrote is not there."""
    output = tmp_path / "out"
    write(tmp_path / "a.jsonl", {"id": "1", "text": FIRST}, {"id": "2", "text": SECOND})
    flags = [f"--input={tmp_path}/*.jsonl", f"--output={output}", f"--model={tiny_artifact}"]
    assert extract(["--runner=DirectRunner", *flags]) == 0
    corpus = labels_of_runs(str(output), SEGMENTATION, 0)
    assert len(corpus.documents) == 4
    rows = read_table(str(output), "entities").to_pylist()
    assert rows
    expected = sorted((row["text"], row["label"], row["confidence"]) for row in rows)
    found = []
    for document in corpus.documents:
        assert document.certainty is not None
        assert document.certainty.rest == 1.0
        for span, sure in zip(document.entities, document.certainty.entities, strict=True):
            found.append((document.text[span.start : span.end], span.label, sure))
    assert sorted(found) == expected


@pytest.mark.usefixtures("kept_taggers")
def test_what_a_list_says_of_a_label_that_the_model_lacks_counts_as_right(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    write(tmp_path / "a.jsonl", {"id": "1", "text": FIRST})
    (tmp_path / "l.csv").write_text("term,label,policy\ncouncil,body,override\n")
    flags = [f"--input={tmp_path}/a.jsonl", f"--model={tiny_artifact}"]
    lists = [f"--gazetteer={tmp_path}/l.csv", f"--output={tmp_path}/out"]
    assert extract(["--runner=DirectRunner", *flags, *lists]) == 0
    documents = labels_of_runs(str(tmp_path / "out"), SEGMENTATION, 0).documents
    found = [
        (document.text[span.start : span.end], sure)
        for document in documents
        if document.certainty
        for span, sure in zip(document.entities, document.certainty.entities, strict=True)
        if span.label == "body"
    ]
    assert found == [("council", 1.0)]


@pytest.mark.usefixtures("kept_taggers")
def test_a_run_that_left_entities_out_says_nothing_of_other_tokens(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    output = tmp_path / "out"
    write(tmp_path / "a.jsonl", {"id": "1", "text": FIRST})
    flags = [f"--input={tmp_path}/*.jsonl", f"--output={output}", f"--model={tiny_artifact}"]
    more = ["--min_confidence=0.01", "--run_id=r1"]
    assert extract(["--runner=DirectRunner", *flags, *more]) == 0
    corpus = labels_of_runs(str(output), SEGMENTATION, 0)
    assert {document.certainty.read for document in corpus.documents if document.certainty} == {()}
    [remark] = corpus.remarks
    assert remark.text.startswith("r1 left out entities below a --min_confidence")


@pytest.mark.usefixtures("kept_taggers")
def test_inputs_that_changed_since_are_left_out(tmp_path: Path, tiny_artifact: Path) -> None:
    output = tmp_path / "out"
    write(tmp_path / "a.jsonl", {"id": "1", "text": FIRST})
    write(tmp_path / "b.jsonl", {"id": "2", "text": SECOND})
    flags = [f"--input={tmp_path}/*.jsonl", f"--output={output}", f"--model={tiny_artifact}"]
    assert extract(["--runner=DirectRunner", *flags]) == 0
    write(tmp_path / "a.jsonl", {"id": "1", "text": "Something else was written here since then."})
    corpus = labels_of_runs(str(output), SEGMENTATION, 0)
    assert {document.doc_id for document in corpus.documents} == {"2"}
    [remark] = corpus.remarks
    assert "inputs changed since the run read them, and are left out" in remark.text
