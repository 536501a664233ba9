"""End to end: what a file that cannot be read to its end means for the others and the exit code."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.outputs.current import read_table
from pipeline.run import run
from schemas.errors import BrokenFilesError, DeadLettersError

Extract = Callable[..., dict[str, Any]]


def lines(name: str, documents: int = 3) -> bytes:
    rows = ({"id": f"{name}{n}", "text": f"Maria left Lisbon {n}."} for n in range(documents))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two files that can be read, and one that breaks off."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(lines("a"))
    (folder / "b.jsonl").write_bytes(lines("b"))
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(lines("c", 3000))[:-400])
    return folder


@pytest.fixture
def extract(corpus: Path, tiny_artifact: Path, tmp_path: Path) -> Extract:
    """Runs, as r1 if not told, all in one process; returns the manifest."""

    def attempt(*flags: str, run_id: str = "r1") -> dict[str, Any]:
        own = [f"--input={corpus}", f"--output={tmp_path}/out", f"--model={tiny_artifact}"]
        assert run([*own, f"--run_id={run_id}", "--direct_num_workers=1", *flags]) == 0
        return manifest_of(tmp_path, run_id)

    return attempt


def manifest_of(tmp_path: Path, run_id: str = "r1") -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((tmp_path / f"out/runs/{run_id}.json").read_text())
    return manifest


def ids(tmp_path: Path) -> set[str]:
    return set(read_table(f"{tmp_path}/out", "documents")["doc_id"].to_pylist())


def test_a_broken_file_fails_the_run_which_keeps_its_dead_letters_alone(
    extract: Extract, corpus: Path, tmp_path: Path
) -> None:
    with pytest.raises(BrokenFilesError) as caught:
        extract()
    assert caught.value.exit_code == 3
    told = str(caught.value)
    broken = f"1 of 3 files could not be read to its end ({corpus}/cut.jsonl.gz)"
    assert told.startswith(f"{broken}, and --max_broken_files is 0; no other rows were written. ")
    assert "the file is truncated" in told
    manifest = manifest_of(tmp_path)
    assert manifest["status"] == "failed"
    assert list(manifest["tables"]) == ["dead_letters"]
    assert manifest["warnings"] == [broken]
    with pytest.raises(ValueError, match="has no committed run"):
        ids(tmp_path)


def test_in_quarantine_it_keeps_no_other_from_being_committed(
    extract: Extract, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BrokenFilesError) as caught:
        extract("--quarantine", "--log_format=json")
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"1 of 3 files could not be read to its end ({corpus}/cut.jsonl.gz), and "
        "--max_broken_files is 0; all else of run r1 is committed"
    )
    manifest = manifest_of(tmp_path)
    assert manifest["status"] == "committed"
    (cut,) = [entry for entry in manifest["inputs"] if not entry["complete"]]
    assert 0 < cut["documents"] < 3000
    assert ids(tmp_path) == {
        *(f"{name}{n}" for name in "ab" for n in range(3)),
        *(f"c{n}" for n in range(cut["documents"])),
    }


def test_a_file_full_of_dead_letters_is_set_aside_as_well(
    extract: Extract, corpus: Path, tmp_path: Path
) -> None:
    """Its good records count too, and the next night, which is done with it, ends well."""
    (corpus / "cut.jsonl.gz").unlink()
    (corpus / "odd.jsonl").write_bytes(lines("d", 2) + 8 * b'{"id": 1, "body": "Maria"}\n')
    few = "8 of 16 records became dead letters"
    with pytest.raises(DeadLettersError, match=rf"^{few}, a share of .* no other rows"):
        extract(run_id="r0")
    with pytest.raises(DeadLettersError) as caught:
        extract("--quarantine")
    assert caught.value.exit_code == 3
    said = f"{few} (of {corpus}/odd.jsonl), a share of 0.5, and --max_dead_letters is 0.05"
    assert str(caught.value) == f"{said}; all else of run r1 is committed"
    manifest = manifest_of(tmp_path)
    assert (manifest["status"], said in manifest["warnings"]) == ("committed", True)
    assert ids(tmp_path) == {*(f"{name}{n}" for name in "ab" for n in range(3)), "d0", "d1"}
    later = extract("--quarantine", "--only_new", run_id="r2")
    assert (later["status"], later["counts"]["skipped_files"]) == ("empty", 3)


def test_a_stray_table_is_one_file_that_cannot_be_read(
    extract: Extract, corpus: Path, tmp_path: Path
) -> None:
    (corpus / "cut.jsonl.gz").unlink()
    (corpus / "a contents.csv").write_bytes(b"file,owner\na.jsonl,Maria\n")
    with pytest.raises(BrokenFilesError, match=r"^1 of 3 files .*a contents\.csv.* is committed$"):
        extract("--quarantine")
    assert ids(tmp_path) == {f"{name}{n}" for name in "ab" for n in range(3)}


def test_a_run_of_dead_letters_in_every_file_is_refused_in_quarantine_too(
    extract: Extract, corpus: Path, tmp_path: Path
) -> None:
    """More often than not it is a wrong flag, and half a corpus is worse than none."""
    for name in ("a.jsonl", "b.jsonl", "cut.jsonl.gz"):
        (corpus / name).unlink()
    for name in "xy":
        (corpus / f"{name}.jsonl").write_bytes(lines(name, 2) + 3 * b'{"id": 1, "body": "Maria"}\n')
    with pytest.raises(DeadLettersError, match=r"^6 of 10 .* no other rows were written"):
        extract("--quarantine")
    assert manifest_of(tmp_path)["status"] == "failed"


@pytest.mark.parametrize("flags", [["--max_broken_files=0.34"], ["--max_broken_files=1"]])
def test_so_many_broken_files_as_are_allowed_are_a_warning(
    extract: Extract, tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = extract(*flags)
    assert (manifest["status"], manifest["counts"]["broken_files"]) == ("committed", 1)
    assert "1 of 3 files could not be read to its end" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [[], ["--max_broken_files=1"], ["--quarantine"]])
def test_a_run_that_could_read_no_file_leaves_with_code_3_whatever_is_allowed(
    extract: Extract, corpus: Path, tmp_path: Path, flags: list[str]
) -> None:
    for name in "ab":
        (corpus / f"{name}.jsonl").unlink()
    (corpus / "no.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(BrokenFilesError, match=r"^2 of 2 files could not be read to their end"):
        extract("--max_dead_letters=1", *flags)
    status = "committed" if "--quarantine" in flags else "failed"
    assert manifest_of(tmp_path)["status"] == status


def test_each_part_of_a_job_decides_by_itself(
    extract: Extract, tmp_path: Path, corpus: Path
) -> None:
    with pytest.raises(BrokenFilesError, match=r"^1 of 1 files .*cut\.jsonl\.gz"):
        extract("--commit_shards=1")
    states = [manifest_of(tmp_path, f"r1.{part}")["status"] for part in (1, 2, 3)]
    assert states == ["committed", "committed", "failed"]
    assert ids(tmp_path) == {f"{name}{n}" for name in "ab" for n in range(3)}
