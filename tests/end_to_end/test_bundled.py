"""The bundled model and corpus, and accuracy from the command to the Parquet."""

import json
import unicodedata
from pathlib import Path

import duckdb
import pytest

from jobs.evaluate.__main__ import run as evaluate
from model.corpora import read_labelled
from model.evaluation.entity_scores import entity_scores
from model.tags import Span
from pipeline.run import run as extract

GMB_LABELS = {"art", "eve", "geo", "gpe", "nat", "org", "per", "tim"}


def test_a_run_without_further_flags_finds_entities_of_most_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bundled corpus, bundled model, ./out: what `make run` shows a new user."""
    monkeypatch.chdir(tmp_path)
    assert extract(["--runner=DirectRunner", "--keep_text", "all"]) == 0
    assert "= 114 documents + 0 dead letters" in capsys.readouterr().out
    with duckdb.connect() as db:
        labels = db.execute("SELECT DISTINCT label FROM 'out/entities/*/*.parquet'").fetchall()
        assert {label for (label,) in labels} >= GMB_LABELS - {"art", "nat"}
        wrong = db.execute("""
            SELECT count(*) FROM 'out/entities/*/*.parquet' AS e
            JOIN 'out/documents/*/*.parquet' AS d USING (doc_id)
            WHERE e.text <> substring(d.text, e.start_char + 1, e.end_char - e.start_char)
        """).fetchone()
        assert wrong == (0,)


def test_entities_keep_to_lines_and_cells_and_leave_quotation_marks_out(tmp_path: Path) -> None:
    """Whatever form of Unicode a text has, and wherever a word may be broken."""
    texts = {
        "lines": "Baghdad\nLondon\nMoscow\n",
        "cells": "Town | Mayor\nLondon | Angela Merkel\n",
        "tabs": "Barack Obama\tLondon\nAngela Merkel\tParis\n",
        "quotes": "They left \u2018London\u2019 and \u201cParis\u201d in 2009.",
        "composed": "Ren\u00e9 Garc\u00eda visited Bogot\u00e1 on Monday.",
        "decomposed": "Rene\u0301 Garci\u0301a visited Bogota\u0301 on Monday.",
        "soft": "On Monday Angela Merkel visited Lon\u00addon.",
    }
    documents = tmp_path / "docs.jsonl"
    documents.write_text(
        "".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in texts.items())
    )
    flags = ["--runner=DirectRunner", f"--input={documents}", f"--output={tmp_path}/out"]
    assert extract(flags) == 0
    with duckdb.connect() as db:
        rows = db.execute(
            "SELECT doc_id, start_char, end_char, text, label FROM read_parquet(?) ORDER BY ALL",
            [f"{tmp_path}/out/entities/*/*.parquet"],
        ).fetchall()
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in texts}
    for name, start, end, text, label in rows:
        assert texts[name][start:end] == text
        found[name].append((text, label))
    assert [text for text, _ in found["lines"]] == ["Baghdad", "London", "Moscow"]
    assert [text for text, _ in found["cells"]][-2:] == ["London", "Angela Merkel"]
    assert {"Barack Obama", "London", "Angela Merkel", "Paris"} == {t for t, _ in found["tabs"]}
    assert {"London", "Paris"} <= {text for text, _ in found["quotes"]}
    assert not any(
        mark in text for text, _ in found["quotes"] for mark in "\u2018\u2019\u201c\u201d"
    )
    assert ("Lon\u00addon", "geo") in found["soft"]
    assert found["composed"]
    assert found["composed"] == [
        (unicodedata.normalize("NFC", text), label) for text, label in found["decomposed"]
    ]


@pytest.mark.slow
def test_accuracy_is_the_same_from_tokens_raw_text_and_parquet(
    shared_data: Path, tmp_path: Path
) -> None:
    """On GMB dev: F1 >= 0.855, at most 0.02 less from raw text, and that figure from the tables."""
    gmb = shared_data / "gmb"
    from_tokens = _evaluated(gmb / "dev.csv", tmp_path / "tokens.json")
    from_text = _evaluated(gmb / "dev_documents.jsonl", tmp_path / "text.json")
    assert from_tokens >= 0.855
    assert from_text >= from_tokens - 0.02
    assert extract(["--input", str(gmb / "dev_documents.jsonl"), "--output", str(tmp_path)]) == 0
    assert _from_tables(gmb / "dev_documents.jsonl", tmp_path) == pytest.approx(
        from_text, abs=0.001
    )


def _evaluated(data: Path, scores: Path) -> float:
    assert evaluate(["--model", "gmb-en", "--data", str(data), "--json", str(scores)]) == 0
    f1: float = json.loads(scores.read_text())["micro"]["f1"]
    return f1


def _from_tables(gold: Path, output: Path) -> float:
    found: dict[str, set[Span]] = {}
    with duckdb.connect() as db:
        rows = db.execute(
            "SELECT doc_id, start_char, end_char, label FROM read_parquet(?)",
            [str(output / "entities" / "*" / "*.parquet")],
        ).fetchall()
    for doc_id, start, end, label in rows:
        found.setdefault(doc_id, set()).add(Span(start, end, label))
    documents = read_labelled(gold).documents
    return entity_scores(
        [document.entities for document in documents],
        [found.get(document.doc_id, set()) for document in documents],
    ).micro.f1
