"""The bundled model and corpus, and accuracy from the command to the Parquet."""

import json
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
