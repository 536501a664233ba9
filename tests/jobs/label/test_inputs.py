"""What is drawn from: files as the runs that count read them, and nothing that they left out."""

from pathlib import Path
from typing import Any, cast

import pytest

from jobs.label.inputs import model_of_runs, sources_of_files, sources_of_runs
from jobs.runs.outputs import Output
from pipeline.inputs.formats import ReadConfig
from schemas.errors import UsageError
from schemas.manifest import Manifest
from schemas.records import Document
from tests.builders import configuration, input_of, manifest_of

ENGLISH = "The council met on Monday and spoke of the ships that had left the harbour at night."
GERMAN = "Der Rat traf sich am Montag und sprach von den Schiffen, die nachts den Hafen verlassen."


def manifest(run_id: str, day: int, *sources: dict[str, Any], **more: Any) -> Manifest:
    time = f"2026-11-{day:02}T02:00:00+00:00"
    timings = {"started_at": time, "finished_at": time, "seconds": 0.0}
    how = {**configuration(), **more.pop("configuration", {})}
    made = manifest_of(run_id, inputs=list(sources), timings=timings, configuration=how, **more)
    return cast(Manifest, made)


def output(root: Path, *manifests: Manifest) -> Output:
    return Output(str(root), manifests)


def test_each_file_is_read_as_the_run_read_it_that_counts(tmp_path: Path) -> None:
    made = output(
        tmp_path,
        manifest(
            "r1", 1, input_of("/in/a"), input_of("/in/b"), configuration={"text_field": "old"}
        ),
        manifest(
            "r2",
            2,
            input_of("/in/b", fingerprint="2-2"),
            configuration={"text_field": "new", "keep_fields": ["year"], "encoding": "cp1252"},
        ),
        manifest("r3", 3, input_of("/in/c"), status="failed"),
    )
    found = sources_of_runs(made, None)
    assert [(each.name, each.read.text_field, each.fingerprint) for each in found] == [
        ("/in/a", "old", "1-1"),
        ("/in/b", "new", "2-2"),
    ]
    assert found[1].read == ReadConfig("jsonl", text_field="new", encoding="cp1252")
    of_first = sources_of_runs(made, "r1")
    assert [(each.name, each.read.text_field) for each in of_first] == [
        ("/in/a", "old"),
        ("/in/b", "old"),
    ]


def test_a_repair_is_read_as_the_run_that_it_repairs(tmp_path: Path) -> None:
    made = output(
        tmp_path,
        manifest("r1", 1, input_of("/in/a"), configuration={"text_field": "body"}),
        manifest(
            "r2",
            2,
            input_of("/in/a", repairs="r1"),
            configuration={"input_format": "dead_letters"},
        ),
    )
    for run in (None, "r1", "r2"):
        (source,) = sources_of_runs(made, run)
        assert (source.read.input_format, source.read.text_field) == ("jsonl", "body")


def test_documents_that_the_run_left_out_are_left_out(tmp_path: Path) -> None:
    made = output(
        tmp_path, manifest("r1", 1, input_of("/in/a"), configuration={"languages": ["en"]})
    )
    (source,) = sources_of_runs(made, None)
    assert [source.unwanted(Document("d", "/in/a", 0, text)) for text in (ENGLISH, GERMAN)] == [
        False,
        True,
    ]


def test_where_no_run_counts_that_is_said(tmp_path: Path) -> None:
    made = output(tmp_path, manifest("r1", 1, input_of("/in/a"), status="failed"))
    with pytest.raises(UsageError, match="the runs that count read no file, so there is none"):
        sources_of_runs(made, None)
    with pytest.raises(UsageError, match="--run r1 is failed: it has no inputs that count"):
        sources_of_runs(made, "r1")
    with pytest.raises(UsageError, match="has no run that counts: name a model with --model"):
        model_of_runs(made, None)


def test_the_model_is_that_of_the_newest_run_that_counts(tmp_path: Path) -> None:
    made = output(
        tmp_path,
        manifest("r1", 1, input_of("/in/a"), model="old@1"),
        manifest("r2", 2, input_of("/in/b"), model="new@2"),
        manifest("r3", 3, input_of("/in/c"), model="none@3", status="failed"),
    )
    assert model_of_runs(made, None) == "new@2"
    assert model_of_runs(made, "r1") == "old@1"


def test_what_of_the_input_is_not_read_is_named(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.docx", "out/documents/part.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    found, warnings = sources_of_files([str(tmp_path)], ReadConfig(), None)
    assert {Path(each.name).name for each in found} == {"a.jsonl", "part.parquet"}
    assert warnings == [f"of --input, this is not read: {tmp_path}/b.docx (of no known format)"]
    with pytest.raises(UsageError, match=r"--input .* matches no file"):
        sources_of_files([f"{tmp_path}/*.csv"], ReadConfig(), None)
