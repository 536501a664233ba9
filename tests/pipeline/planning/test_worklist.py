"""What a run has to do: every file that is not done in its present state, in parts of a size."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.files import InputFile
from pipeline.planning.worklist import (
    History,
    all_files,
    last_run,
    moved_in_words,
    new_files,
    with_known_names,
)

MODEL = "tiny@0123456789ab"
CONFIGURATION: Any = {
    "input_format": "auto",
    "id_field": "id",
    "text_field": "text",
    "keep_fields": ["year"],
    "keep_text": "sample",
    "max_record_mb": 64,
    "encoding": "utf-8",
    "csv_delimiter": "auto",
    "csv_escape": "",
    "min_confidence": 0.0,
    "batch_tokens": 60_000,
}
FILES = [InputFile(path, 1, "1-1") for path in ("a", "b", "c")]


def run(*inputs: dict[str, Any], **more: Any) -> Any:  # noqa: ANN401 - a part of a manifest
    told = {"run_id": "r1", "status": "committed", "model": MODEL, "configuration": CONFIGURATION}
    return {**told, "timings": {"started_at": "2026"}, "inputs": list(inputs), **more}


def entry(source: str, fingerprint: str = "1-1", *, complete: bool = True) -> dict[str, Any]:
    return {"source": source, "fingerprint": fingerprint, "complete": complete}


def todo(*runs: Any, **configuration: Any) -> list[str]:
    work = new_files(FILES, History(runs), MODEL, CONFIGURATION | configuration)
    assert work.skipped == len(FILES) - len(work.files)
    assert work.fingerprints == {file.path: file.fingerprint for file in work.files}
    return [file.path for file in work.files]


def test_a_file_is_done_by_one_complete_run_in_its_present_state() -> None:
    assert todo() == ["a", "b", "c"]
    assert todo(run(entry("a"), entry("b", "2-1"), entry("c", complete=False))) == ["b", "c"]
    assert todo(run(entry("a"), status="failed")) == ["a", "b", "c"]
    assert todo(run(entry("a")), run(entry("a", "2-2"), run_id="r2")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "changed",
    [
        "id_field",
        "text_field",
        "keep_fields",
        "max_record_mb",
        "keep_text",
        "min_confidence",
        "encoding",
        "csv_delimiter",
        "csv_escape",
    ],
)
def test_a_configuration_that_changes_rows_makes_all_files_new(changed: str) -> None:
    """Also a model; not a setting that changes no row, nor one that the older run did not know."""
    done = [entry(name) for name in "abc"]
    assert todo(run(*done)) == []
    assert todo(run(*done), **{changed: "other"}) == ["a", "b", "c"]
    assert todo(run(*done), batch_tokens=1) == []
    assert todo(run(*done, model="tiny@ba9876543210")) == ["a", "b", "c"]
    if changed != "keep_fields":  # which all runs have recorded
        older = {name: value for name, value in CONFIGURATION.items() if name != changed}
        assert todo(run(*done, configuration=older)) == []


def test_what_lists_alone_found_is_no_entity_of_the_last_run() -> None:
    """Nor is a run the last one that does not say any more what its lists found."""
    counts = {"tokens": 1000, "entities_by_label": {"geo": 7, "product": 5}}
    usual: Any = {**CONFIGURATION, "input": ["/in/*"]}
    lists = {**usual, "gazetteer": ["0" * 32]}
    few = {"tokens": 10, "entities_by_label": {"geo": 1}}
    plain = run(entry("a"), configuration=usual, counts=few)
    listed = run(entry("a"), run_id="r2", configuration=lists, counts=counts)
    told: Any = {**listed, "gazetteer": {"entities_by_label": {"geo": 2, "product": 5}}}
    last = last_run([plain, told], usual, ("geo",))
    assert last
    assert (last.run_id, last.tokens, last.total, last.entities) == ("r2", 1000, 5, {"geo": 5})
    last = last_run([plain, listed], usual, ("geo",))
    assert last
    assert (last.run_id, last.total) == ("r1", 1)


def test_a_newer_run_with_another_model_takes_a_file_over() -> None:
    """Going back to the first model does it again, since its rows count no longer."""
    runs = [run(entry("a")), run(entry("a"), run_id="r2", model="tiny@ba9876543210")]
    assert todo(*runs) == ["a", "b", "c"]


def names_of(files: list[InputFile], *runs: Any) -> list[str]:
    return [file.name for file in with_known_names(files, History(runs))]


def test_a_file_keeps_the_name_under_which_it_counts() -> None:
    link = {**entry("/link/a"), "real_path": "/real/a"}
    by_path, by_link = InputFile("/real/a", 1, "1-1"), InputFile("/link/a", 1, "1-1", "/real/a")
    assert names_of([by_path], run(link)) == ["/link/a"]
    assert names_of([by_link], run(entry("/real/a"))) == ["/real/a"]
    assert names_of([by_path], run(entry("/real/a"))) == ["/real/a"]
    # Nothing counts of it any more, or nothing did.
    assert names_of([by_path], run(link, status="rolled_back")) == ["/real/a"]
    assert names_of([by_path]) == ["/real/a"]
    work = all_files(with_known_names([by_path], History([run(link)])))
    assert work.fingerprints == {"/link/a": "1-1"}
    assert work.real_paths == {"/link/a": "/real/a"}
    assert all_files([by_path]).real_paths == {}


def test_a_link_that_leads_elsewhere_now_has_its_own_name() -> None:
    """Last night's file behind it is read as another source, and none counts twice."""
    link = {**entry("/latest/a"), "real_path": "/monday/a"}
    files = [InputFile("/latest/a", 2, "2-2", "/tuesday/a"), InputFile("/monday/a", 1, "1-1")]
    assert names_of(files, run(link)) == ["/latest/a", "/monday/a"]


@given(st.integers(0, 20), st.none() | st.integers(1, 25))
def test_parts_hold_every_file_once_in_order(count: int, size: int | None) -> None:
    files = [InputFile(str(n), 1, f"{n}-1") for n in range(count)]
    parts = all_files(files).in_parts(size)
    assert [file for part in parts for file in part.files] == files
    for part in parts:
        assert part.fingerprints == {file.path: file.fingerprint for file in part.files}
        assert len(part.files) == (size or count) or part is parts[-1]


def test_a_hard_link_goes_by_the_name_that_a_run_has_read() -> None:
    """Though another of its names comes first now."""
    file = InputFile("/in/a", 1, "1-1", inode="1:2", others=("/in/x",))
    (named,) = with_known_names([file], History([run(entry("/in/x"))]))
    assert (named.name, named.path) == ("/in/x", "/in/a")
    assert new_files([named], History([run(entry("/in/x"))]), MODEL, CONFIGURATION).files == []


def test_a_file_that_was_moved_is_told(tmp_path: Path) -> None:
    """It has the size and time of one that is gone; copies, and names used anew, are none."""
    kept = tmp_path / "kept"
    kept.write_text("a")
    history = History(
        [run(entry("/gone/x", "3-7"), entry(str(kept), "1-9"), entry("(forgotten)", "5-5"))]
    )
    (told,) = moved_in_words([InputFile("/new/x", 3, "3-7")], history)
    assert told.startswith(
        "1 file was moved, it seems, since a run read them (/new/x, once /gone/x)"
    )
    assert told.endswith("jobs.runs forget --source erases the old one")
    others = [
        InputFile("/new/y", 3, "3-8"),
        InputFile("/new/copy", 1, "1-9"),
        InputFile("/gone/x", 3, "3-7"),
        InputFile("/new/f", 5, "5-5"),
    ]
    assert moved_in_words(others, history) == ()
    many = [InputFile(f"/new/{n}", 3, "3-7") for n in range(9)]
    (told,) = moved_in_words(many, history)
    assert "9 files were moved" in told
    assert "/new/4, once /gone/x; ...)" in told
    work = all_files(many)
    first, *_ = replace(work, warnings=(told,)).in_parts(4)
    assert first.warnings == (told,)
