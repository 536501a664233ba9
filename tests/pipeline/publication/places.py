"""An output that is published to three places, and what readers find in each of its tables."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from pyiceberg.exceptions import NoSuchTableError
from sqlalchemy.exc import OperationalError

from pipeline.outputs.current import current_sources, read_manifests, read_names
from pipeline.outputs.names import has_names, write_names
from schemas.tables import NAMES
from tests.builders import stored_rows
from tests.jobs.runs.view.histories import (
    LATER,
    SOURCES,
    TABLES,
    Manifest,
    committed,
    comparable,
    write,
)
from tests.pipeline.publication.readers import delta_rows, iceberg_rows

PUBLISHED = (*TABLES, "names")
# By place and table; None where there is no table.
Seen = Mapping[tuple[str, str], list[str] | None]


def run_of(number: int, *sources: str) -> Manifest:
    """The run of this number, which has read these sources and counts after those before it."""
    return {**committed(f"r{number}", list(sources)), "timings": {**LATER, "seconds": 1.0 * number}}


def make_output(root: Path, *names: str) -> Path:
    """An output of two runs, of which the second read a source of the first anew.

    names: the surfaces of its table of names; it has none without any.
    """
    root.mkdir(parents=True)
    write(root, committed("r1", list(SOURCES)))
    write(root, run_of(2, SOURCES[2]))
    if names:
        call(root, *names)
    return root


def call(root: Path, *names: str) -> None:
    """Have these surfaces in the table of names, each with an id and without, as `jobs.resolve`."""
    rows = [
        {
            "surface": name,
            "label": "per",
            "entity_id": entity_id,
            "canonical": names[0],
            "group": 0,
            "rule": "",
            "mentions": 2,
            "documents": 1,
        }
        for name in names
        for entity_id in (None, f"id of {name}")
    ]
    write_names(str(root), pa.Table.from_pylist(rows, NAMES), f"digest of {names}")


def commit(root: Path, told: Manifest) -> None:
    """Add a run as the pipeline does: its manifest comes last, and whole."""
    write(root / "_staging", told)
    for table in TABLES:
        name = f"{table}/run_id={told['run_id']}"
        (root / "_staging" / name).rename(root / name)
    name = f"runs/{told['run_id']}.json"
    (root / "_staging" / name).rename(root / name)


def targets_of(root: Path) -> list[str]:
    """In place, elsewhere, and in the catalog below the output."""
    return [f"delta={root}", f"delta={root.parent}/lake", "iceberg=open"]


def seen(root: Path) -> Seen:
    """What readers find now."""
    found: dict[tuple[str, str], list[str] | None] = {}
    for table in PUBLISHED:
        places = {"in place": root / table, "elsewhere": root.parent / "lake" / table}
        for name, place in places.items():
            is_there = DeltaTable.is_deltatable(str(place))
            found[name, table] = comparable(delta_rows(place)) if is_there else None
        found["iceberg", table] = _iceberg(root, table)
    return found


def _iceberg(root: Path, table: str) -> list[str] | None:
    if not (root / "_iceberg/catalog.db").exists():
        return None
    try:
        return comparable(iceberg_rows(root, table))
    except (NoSuchTableError, OperationalError):  # SQLite's file is there before its tables are
        return None


def counting(root: Path) -> Seen:
    """What each of them should find: what counts of the output."""
    counts = bool(current_sources(read_manifests(str(root))))
    rows: dict[str, list[str] | None] = {
        table: comparable(stored_rows(str(root), table).to_pylist()) if counts else []
        for table in TABLES
    }
    is_named = has_names(str(root))
    rows["names"] = comparable(read_names(str(root)).to_pylist()) if is_named else None
    places = ("in place", "elsewhere", "iceberg")
    return {(name, table): rows[table] for name in places for table in PUBLISHED}


def kept(place: Path) -> Path:
    """A copy of all that is in a folder, to be restored from."""
    return Path(shutil.copytree(place, place.with_name(f"{place.name}-kept")))


def restored(place: Path) -> None:
    """Have a folder be as it was when it was kept."""
    shutil.rmtree(place)
    shutil.copytree(place.with_name(f"{place.name}-kept"), place)
