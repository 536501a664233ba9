"""Forget: what runs say in words quotes nothing any more, also where an older version wrote it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.runs.__main__ import run
from jobs.runs.forget.redaction import ERASED, messages_left, redacted
from jobs.runs.forget.selection import Documents
from pipeline.outputs.manifest.encoding import encode_manifest
from schemas.manifest import GazetteerEntry, Manifest, TermEntry
from schemas.records import DeadLetter
from schemas.tables import DEAD_LETTERS
from tests.jobs.runs import conftest
from tests.jobs.runs.forget.everything import everything, places_of
from tests.jobs.runs.forget.forgetting import forget, mentions

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MadeOutput

WHOLE = "The shard broke off after 3 records: "


@pytest.mark.parametrize(
    ("error", "left"),
    [
        ("no record has the text field 'a'; the keys are b, c", "no record has the text field 'a'"),
        ("the job could not be submitted (ValueError: 'c')", "the job could not be submitted"),
        ("Traceback (most recent call last):\n  File c\nValueError: c", ERASED),
        (
            "a worker process died; its work is lost\nlog-1.txt\nthread panicked at `c`",
            "a worker process died; its work is lost",
        ),
        ("3 of 5 records became dead letters", "3 of 5 records became dead letters"),
    ],
)
def test_the_error_of_a_failed_run_keeps_what_is_ours(
    output: "MadeOutput", error: str, left: str
) -> None:
    manifest = output.commit("r1", output.read("/in/a", unread=("a1",)), allowed=0.0)
    failed: Manifest = {**manifest, "error": error}
    once = redacted(failed, Documents(frozenset(["a1"])))
    assert once["error"] == left
    assert redacted(once, Documents(frozenset(["a1"]))) == once


def test_the_terms_of_lists_go_with_rows_that_may_have_them(output: "MadeOutput") -> None:
    """Also from the report; a run of which no row goes keeps them."""
    for run_id, name in (("r1", "secret"), ("r2", "a1")):
        manifest = output.commit(run_id, output.read(f"/in/{name}", (name, "a2")))
        term = TermEntry(term="Orsolya", label="geo", policy="add", count=1)
        manifest["gazetteer"] = GazetteerEntry(
            files=["/lists/geo.csv"],
            terms=2,
            fired=1,
            entities_by_label={"geo": 2},
            most=[term],
            never=["Porvoo"],
            disagreements=[],
            disagreed=0,
        )
        (output.root / f"runs/{run_id}.json").write_bytes(encode_manifest(manifest))
    output.report("r1", "r2")
    assert forget(output.root, "--doc_id", "secret") == 0
    assert {name: "gazetteer" in told for name, told in output.manifests().items()} == {
        "r1": False,
        "r2": True,
    }
    assert "Orsolya" not in output.reports()["r1"]
    assert run(["rollback", "r2", f"--output={output.root}"]) == 0
    assert not mentions(output.root, "Orsolya")
    output.require_sound()


def test_warnings_keep_all_but_the_keys(output: "MadeOutput") -> None:
    manifest = output.commit("r1", output.read("/in/a", ("a1",)))
    tail = "; ids were made of source and record"
    null = "; it is null everywhere"
    keys = f"; the keys are x; the keys are y, z{null}, w"
    manifest["warnings"] = [
        f"no record has the field 'a' of --id_field{keys}{tail}",
        f"no record has the field 'b' of --keep_fields; the nearest key is 'bb'{null}",
        "nothing that quotes",
    ]
    assert redacted(manifest, Documents(frozenset(["a1"]))).get("warnings") == [
        f"no record has the field 'a' of --id_field{tail}",
        f"no record has the field 'b' of --keep_fields{null}",
        "nothing that quotes",
    ]


@pytest.mark.parametrize(
    ("error", "said", "left"),
    [
        (
            "MissingColumnError",
            "There is no column 'text'; the columns are 17, Max.",
            "There is no column 'text'.",
        ),
        (
            "MissingColumnError",
            "There is no column 'text', did you mean tex? The columns are 17, tex.",
            "There is no column 'text'.",
        ),
        (
            "ShardError",
            'The object holds no array of objects; its keys are "Max".',
            "The object holds no array of objects.",
        ),
        (
            "ShardError",
            "a further array of objects with the field 'text', \"Max\", and the first alone.",
            "a further array of objects with the field 'text', and the first alone.",
        ),
        ("ArrowInvalid", "Could not convert 'Max' with type str.", "Could not convert '…'"),
        ("OSError", "No space left on device.", "No space left on device."),
    ],
)
def test_messages_of_whole_files_keep_all_but_values(error: str, said: str, left: str) -> None:
    """Those of records go with their rows."""
    names = DEAD_LETTERS.names
    letters = [
        {"source": "/in/a", "record": record, "error": error, "message": WHOLE + said}
        for record in (None, 3)
    ]
    rows = pa.table(
        {name: [letter.get(name) for letter in letters] for name in names}, DEAD_LETTERS
    )
    whole, of_record = messages_left(rows)["message"].to_pylist()
    assert whole.startswith(WHOLE + left)
    assert "Max" not in whole
    assert of_record == WHOLE + said
    again = messages_left(rows)
    assert messages_left(again).equals(again)


class Headless(conftest.Read):
    """A file whose first row stands in the message of its dead letter."""

    def letters(self) -> list[DeadLetter]:
        message = "There is no column 'text'; the columns are hushed, whisper."
        return [
            replace(letter, error="MissingColumnError", message=WHOLE + message)
            for letter in super().letters()
        ]


def test_what_an_older_version_wrote_down_goes_with_any_forgetting(output: "MadeOutput") -> None:
    """Of all runs, the report too; rows that stay are as they were, and counted as they were."""
    output.commit("r1", Headless("/in/a", broken=True), output.read("/in/b", ("b1",)))
    before = output.manifests()["r1"]
    output.commit("r2", output.read("/in/c", ("hushed",)))
    output.report("r1")
    assert places_of({"whisper"}, everything(output.root))
    assert forget(output.root, "--doc_id", "hushed") == 0
    assert places_of({"whisper", "hushed"}, everything(output.root)) == []
    after = output.manifests()["r1"]
    assert (after["counts"], after["inputs"]) == (before["counts"], before["inputs"])
    assert "forgotten" not in after
    output.require_sound()


def link(output: "MadeOutput", run_id: str, source: str, real_path: str) -> None:
    """Have the run's only source be a link to that file."""
    manifest = output.manifests()[run_id]
    assert [entry["source"] for entry in manifest["inputs"]] == [source]
    manifest["inputs"][0]["real_path"] = real_path
    (output.root / f"runs/{run_id}.json").write_bytes(encode_manifest(manifest))


def documents(output: "MadeOutput") -> Sequence[str]:
    paths = output.root.glob("documents/*/*.parquet")
    return sorted(name for path in paths for name in pq.read_table(path)["doc_id"].to_pylist())


def test_a_file_is_forgotten_with_all_links_to_it(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    for run_id, source, name in (("r1", "/l/one", "a"), ("r2", "/l/two", "b"), ("r3", "/f", "c")):
        output.commit(run_id, output.read(source, (name,)))
    link(output, "r1", "/l/one", "/f")
    link(output, "r2", "/l/two", "/f")
    assert forget(output.root, "--source", "/f", "--dry_run") == 0
    assert "6 entities, 3 documents" in capsys.readouterr().out
    assert forget(output.root, "--source", "/l/one") == 0
    assert documents(output) == ["b", "c"]
    assert "runs have read the same files as /f, /l/two too: forget these as well" in (
        capsys.readouterr().out
    )
    assert places_of({"/l/one"}, everything(output.root)) == []
    assert forget(output.root, "--source", "/f") == 0
    assert documents(output) == []
    assert places_of({"/l/two", '"/f"'}, everything(output.root)) == []


def test_views_that_name_files_and_sources_are_removed(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    output.commit("r1", output.read("/in/a", ("a1",)), output.read("/in/b", ("b1",)))
    output.commit("r2", output.read("/in/b", ("b1",), fingerprint="2"))
    for engine in ("trino", "duckdb"):
        assert run(["view", f"--output={output.root}", f"--engine={engine}"]) == 0
    assert b"/in/a" in (output.root / "current.trino.sql").read_bytes()
    assert forget(output.root, "--source", "/in/a", "--dry_run") == 0
    assert (output.root / "current.trino.sql").exists()
    capsys.readouterr()
    assert forget(output.root, "--source", "/in/a") == 0
    assert "current.trino.sql names what was there, and is removed" in capsys.readouterr().out
    assert not (output.root / "current.trino.sql").exists()
    assert (output.root / "current.sql").exists()
    assert places_of({"/in/a"}, everything(output.root)) == []


def test_what_dead_runs_left_goes_and_files_of_others_are_told_of(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    output.commit("r1", output.read("/in/a", ("a1",)))
    output.commit("lost", output.read("/in/a", ("a1",)))
    (output.root / "runs/lost.json").unlink()
    (output.root / "entities/run_id=lost/copy.parquet").write_bytes(b"of somebody else")
    assert forget(output.root, "--doc_id", "a1") == 0
    assert "1 file below the tables that gleaner did not write was not looked at: " in (
        capsys.readouterr().out
    )
    assert [path.name for path in output.root.glob("*/run_id=lost/*")] == ["copy.parquet"]
