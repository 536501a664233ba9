"""End to end: users' lists beside the model, in the tables, the manifest and later runs."""

import io
import json
import sys
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from jobs.runs.__main__ import run as runs
from model import load_tagger
from pipeline.console.events import EventStream
from pipeline.run import run
from schemas.errors import UsageError
from tests.openlineage_events import Event

TEXTS = (
    "The Larkspur 300 left Lisbon. Maria saw it in the harbour of Arenhold.",
    "LARKSPUR 300 and the larkspur; Maria met nobody on Monday.",
    "Nothing of it here.",
)
ROWS = """\
term,label,id,policy
Larkspur 300,ship,s-300,override
larkspur,flower,,override
Arenhold,town,t-1,override
Never Seen,town,t-2,
"""
Extract = Callable[..., dict[str, Any]]


@pytest.fixture
def extract(tmp_path: Path, tiny_artifact: Path) -> Extract:
    source = tmp_path / "docs.jsonl"
    source.write_text(
        "".join(json.dumps({"id": f"d{n}", "text": t}) + "\n" for n, t in enumerate(TEXTS))
    )

    def extracted(run_id: str, *flags: str, output: str = "out") -> dict[str, Any]:
        command = [f"--input={source}", f"--model={tiny_artifact}", f"--run_id={run_id}"]
        assert run([*command, f"--output={tmp_path / output}", *flags]) == 0
        manifest: dict[str, Any] = json.loads(
            (tmp_path / output / f"runs/{run_id}.json").read_text()
        )
        return manifest

    return extracted


@pytest.fixture
def terms(tmp_path: Path) -> Path:
    path = tmp_path / "terms.csv"
    path.write_text(ROWS)
    return path


def entities(output: Path, run_id: str) -> list[tuple[Any, ...]]:
    path = f"{output}/entities/run_id={run_id}/*.parquet"
    columns = "doc_id, start_char, text, label, origin, entity_id, confidence"
    query = f"SELECT {columns} FROM read_parquet('{path}') ORDER BY doc_id, start_char"  # noqa: S608
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def test_lists_stand_in_the_table_and_the_manifest_says_how_they_fared(
    tmp_path: Path, extract: Extract, terms: Path
) -> None:
    extract("r0")
    first = next(row[2] for row in entities(tmp_path / "out", "r0") if "Larkspur" not in row[2])
    terms.write_text(f"{ROWS}{first},*,,forbid\n")
    manifest = extract("r1", f"--gazetteer={terms}")
    rows = entities(tmp_path / "out", "r1")
    listed = [row[:6] for row in rows if row[4] != "model"]
    assert [row for row in listed if row[3] in ("ship", "flower", "town")] == [
        ("d0", 4, "Larkspur 300", "ship", "gazetteer", "s-300"),
        ("d0", 61, "Arenhold", "town", "gazetteer", "t-1"),
        ("d1", 0, "LARKSPUR 300", "ship", "gazetteer", "s-300"),
        ("d1", 21, "larkspur", "flower", "gazetteer", None),
    ]
    assert all(row[6] is None for row in rows if row[3] in ("ship", "flower", "town"))
    assert all(0 < row[6] <= 1 for row in rows if row[4] == "model")
    assert first not in [row[2] for row in rows if row[4] == "model"]
    told = manifest["gazetteer"]
    assert (told["files"], told["terms"]) == ([str(terms)], 5)
    assert "Never Seen" in told["never"]
    assert {(each["term"], each["count"]) for each in told["most"]} >= {("Larkspur 300", 2)}
    assert (first, "forbid") in [(each["term"], each["policy"]) for each in told["most"]]
    assert told["fired"] == len(told["most"]) == 5 - len(told["never"])
    assert told["entities_by_label"] == {"flower": 1, "ship": 2, "town": 1}
    assert manifest["counts"]["entities_by_label"]["ship"] == 2
    assert runs(["verify", f"--output={tmp_path / 'out'}"]) == 0


def test_metrics_the_event_and_lineage_tell_of_lists(
    tmp_path: Path,
    extract: Extract,
    terms: Path,
    lineage_events: Callable[[], Sequence[Event]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics = tmp_path / "gleaner.prom"
    out = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", EventStream(out, "info", {}))
        patch.setattr(sys, "stderr", EventStream(io.StringIO(), "warning", {}))
        told = extract("r1", f"--gazetteer={terms}", f"--metrics={metrics}")["gazetteer"]
    rows = entities(tmp_path / "out", "r1")
    alone = sum(row[4] == "gazetteer" for row in rows)
    assert alone == 4
    wanted = {"terms": 4, "fired": told["fired"], "entities": alone}
    events = map(json.loads, out.getvalue().splitlines())
    (committed,) = (event for event in events if event["event"] == "run_committed")
    assert committed["gazetteer"] == wanted
    families = text_string_to_metric_families(metrics.read_text())
    found = {family.name: family.samples[0].value for family in families}
    for name, number in zip(("terms", "terms_fired", "entities"), wanted.values(), strict=True):
        assert found[f"gleaner_gazetteer_{name}"] == number
    start, complete = lineage_events()
    for event in (start, complete):
        dataset = event["inputs"][-1]
        assert (dataset["namespace"], dataset["name"]) == ("file", str(terms))
        digest = blake2b(terms.read_bytes(), digest_size=16).hexdigest()
        assert dataset["facets"]["version"]["datasetVersion"] == digest


def test_all_terms_where_the_model_differs_are_counted(
    tmp_path: Path, extract: Extract, terms: Path
) -> None:
    """Also of more than the manifest names."""
    found = [f"Larkspur {letter}{other}" for letter in "ABCDE" for other in "FGHIJ"]
    text = " . ".join(found)
    (tmp_path / "docs.jsonl").write_text(json.dumps({"id": "d", "text": text}))
    extract("r0")
    known = {row[2] for row in entities(tmp_path / "out", "r0")}
    assert len(known) > 20
    terms.write_text("\n".join(["term,label,policy", *(f'"{k}",ship,override' for k in known)]))
    told = extract("r1", f"--gazetteer={terms}")["gazetteer"]
    assert told["disagreed"] == len(known)
    assert len(told["disagreements"]) == 20


def test_rows_do_not_depend_on_batches_nor_on_processes(
    tmp_path: Path, extract: Extract, terms: Path
) -> None:
    told = []
    for number, flags in enumerate((["--batch_tokens=1"], ["--direct_num_workers=2"], [])):
        manifest = extract("r1", f"--gazetteer={terms}", *flags, output=f"o{number}")
        told.append(
            (manifest["gazetteer"], [row[:6] for row in entities(tmp_path / f"o{number}", "r1")])
        )
    assert told[0] == told[1] == told[2]


def test_what_a_new_list_changes_is_done_again_and_nothing_else(
    extract: Extract, terms: Path
) -> None:
    """Also where the run before had none; the same list in another file is the same."""
    assert extract("r1", "--only_new")["status"] == "committed"
    assert extract("r2", "--only_new", f"--gazetteer={terms}")["counts"]["files"] == 1
    copy = terms.with_name("copy.csv")
    copy.write_bytes(terms.read_bytes())
    assert extract("r3", "--only_new", f"--gazetteer={copy}")["status"] == "empty"
    copy.write_text(ROWS + "Monday,day,,\n")
    assert extract("r4", "--only_new", f"--gazetteer={copy}")["counts"]["files"] == 1
    assert extract("r5", "--only_new")["counts"]["files"] == 1


def test_programs_find_what_the_pipeline_writes(
    tmp_path: Path, extract: Extract, terms: Path, tiny_artifact: Path
) -> None:
    extract("r1", f"--gazetteer={terms}")
    tagger = load_tagger(tiny_artifact, gazetteer=[terms])
    found = [
        (f"d{n}", e.start, e.text, e.label, e.origin, e.entity_id, e.confidence)
        for n, tagged in enumerate(tagger.tag(TEXTS))
        for e in tagged.entities
    ]
    rows = entities(tmp_path / "out", "r1")
    assert [row[:6] for row in found] == [row[:6] for row in rows]
    assert load_tagger(tiny_artifact, gazetteer=terms).tag(TEXTS) == tagger.tag(TEXTS)
    assert load_tagger(tiny_artifact, gazetteer=str(terms)).tag(TEXTS) == tagger.tag(TEXTS)
    assert {"flower", "ship", "town"} <= set(tagger.labels)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("term,label\n,X\n", "{path}:2: the term is empty"),
        (None, "--gazetteer {path} cannot be read: No such file or directory"),
    ],
)
def test_a_list_that_is_broken_is_refused_before_anything_is_written(
    tmp_path: Path, extract: Extract, content: str | None, message: str
) -> None:
    path = tmp_path / "broken.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError) as refused:
        extract("r1", f"--gazetteer={path}")
    assert str(refused.value) == message.format(path=path)
    assert not (tmp_path / "out").exists()
