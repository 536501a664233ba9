"""Two thousand odd folders: what a run says of each is what another reader finds there."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.run import run
from schemas.errors import JobError
from tests.end_to_end.odd_collections.make import Collection, make_collection
from tests.end_to_end.odd_collections.read import Expected, Identity, matches, read_collection

FAST, ALL = 50, 2000


@pytest.mark.parametrize("seed", range(FAST))
def test_a_run_says_the_truth_of_an_odd_folder(
    seed: int, tmp_path: Path, tiny_artifact: Path
) -> None:
    require_truth(tmp_path, seed, tiny_artifact)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(FAST, ALL, 50))
def test_a_run_says_the_truth_of_fifty_more(
    first: int, tmp_path: Path, tiny_artifact: Path
) -> None:
    for seed in range(first, first + 50):
        root = tmp_path / str(seed)
        root.mkdir()
        require_truth(root, seed, tiny_artifact)


def require_truth(root: Path, seed: int, model: Path) -> None:
    """Run, and compare manifest, exit code and rows with what is there."""
    collection = make_collection(root, seed)
    code, message = exit_code(collection, model)
    if not all(any(True for _ in matches([pattern])) for pattern in collection.patterns):
        assert code == 2, message
        return
    expected = read_collection(collection)
    assert code in (0, 3), message
    manifest = json.loads((root / "out/runs/r1.json").read_text())
    entries = {os.path.realpath(entry["source"]): entry for entry in manifest["inputs"]}
    assert set(entries) == set(expected.documents)
    assert len(entries) == len(manifest["inputs"])
    broken = {path for path, entry in entries.items() if not entry["complete"]}
    assert broken <= collection.damaged
    assert manifest["counts"]["broken_files"] == len(broken)
    assert (code == 3) == bool(broken), message
    assert manifest["status"] == ("failed" if broken else "committed")
    require_counts(entries, expected, collection, manifest["counts"])
    if not broken:
        require_rows(root, expected, collection)


def exit_code(collection: Collection, model: Path) -> tuple[int, str]:
    """The exit code of a run, and what it said."""
    flags = [f"--model={model}", f"--output={collection.root}/out", "--run_id=r1"]
    flags += ["--direct_num_workers=1", "--max_dead_letters=1", "--keep_text=all"]
    try:
        return run([*collection.flags, *flags]), ""
    except JobError as error:
        return error.exit_code, str(error)


def require_counts(
    entries: dict[str, Any], expected: Expected, collection: Collection, counts: dict[str, Any]
) -> None:
    """Each record is one document or one dead letter, of each file and in sum."""
    for path, entry in entries.items():
        assert entry["records"] == entry["documents"] + entry["dead_letters"], path
        if path not in collection.damaged:
            assert entry["documents"] == expected.documents[path].total(), path
            assert entry["dead_letters"] == expected.dead_letters[path], path
    for name in ("records", "documents", "dead_letters"):
        assert counts[name] == sum(entry[name] for entry in entries.values())


def require_rows(root: Path, expected: Expected, collection: Collection) -> None:
    """The documents are those that are there, and entities stand where they say."""
    rows: dict[str, Counter[Identity]] = {path: Counter() for path in expected.documents}
    documents = f"{root}/out/documents/run_id=r1/*.parquet"
    entities = f"{root}/out/entities/run_id=r1/*.parquet"
    texts = {}
    for doc_id, source, record, text in duckdb.execute(
        f"SELECT doc_id, source, record, text FROM '{documents}'"  # noqa: S608 - our own names
    ).fetchall():
        path = os.path.realpath(source)
        made_up = doc_id == f"{source}#{record}"
        odd = path.endswith(".parquet") and not made_up
        rows[path][(None if made_up else "" if odd else doc_id), text] += 1
        texts[source, record] = text
    for path, found in rows.items():
        if path not in collection.damaged:
            assert found == expected.documents[path], path
    for source, record, start, end, text in duckdb.execute(
        f"SELECT source, record, start_char, end_char, text FROM '{entities}'"  # noqa: S608
    ).fetchall():
        assert texts[source, record][start:end] == text
