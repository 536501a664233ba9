"""Whether a file holds a manifest that can be believed: types, ids, places, numbers, times.

What a manifest says decides what is read, and what is removed. So none is taken on trust: it may
have been cut off, edited by hand, or written by somebody else.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import MAXYEAR, datetime
from typing import Any, cast

import msgspec

from pipeline.outputs.current import manifest_flaw
from schemas.manifest import ASIDES, Manifest
from schemas.tables import SCHEMA_VERSION, TABLES


def require_manifest(value: object, name: str) -> Manifest:
    """The value of a file of this name in, as a manifest out; raises ValueError for any other.

    The message goes on behind the file's name. Of keys that no version had, none is looked at.
    """
    version = value.get("schema_version") if isinstance(value, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ValueError(
            f"has schema version {version}, and this gleaner knows versions up to "
            f"{SCHEMA_VERSION}: a newer one has written to this output"
        )
    try:
        msgspec.convert(value, Manifest)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(
            f"is not the manifest of a run, it may be damaged: {_first_words(error)}"
        ) from error
    manifest = cast(Manifest, value)
    flaw = manifest_flaw(manifest, name) or next(_flaws(manifest), None)
    if flaw:
        raise ValueError(f"is not to be believed, and nothing was changed: {flaw}")
    return manifest


def _first_words(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _flaws(manifest: Manifest) -> Iterator[str]:
    status, tables = manifest["status"], manifest.get("tables", {})
    if status == "committed" and tables.keys() != TABLES.keys():
        yield f"a committed run has files of {', '.join(TABLES)}"
    if tables and not {"counts", "inputs"} <= manifest.keys():
        yield "it names files, and says nothing of what is in them"
    if ("counts" in manifest) != ("inputs" in manifest):
        yield "of counts and inputs, it has one alone"
    if status == "rolled_back" and "rolled_back_at" not in manifest:
        yield "it does not say when the run was rolled back"
    yield from _odd_times(manifest)
    yield from _odd_numbers(manifest)
    yield from _odd_inputs(manifest)


def _odd_inputs(manifest: Manifest) -> Iterator[str]:
    """Files that are said to have rows of an input that is not there."""
    inputs = len(manifest.get("inputs", ()))
    for table in manifest.get("tables", {}).values():
        for file in table["files"]:
            named = file.get("inputs")
            if named and not 0 <= min(named) <= max(named) < inputs:
                yield f"{file['path']} has rows of an input that the run has not"


def _odd_times(manifest: Manifest) -> Iterator[str]:
    timings = manifest["timings"]
    times = [timings["started_at"], timings["finished_at"]]
    times += [entry["at"] for entry in manifest.get("forgotten", ())]
    times += [manifest["rolled_back_at"]] if "rolled_back_at" in manifest else []
    for time in times:
        try:
            read = datetime.fromisoformat(time)
        except ValueError:
            yield f"{time!r} is no time"
            continue
        if read.tzinfo is None or read.year == MAXYEAR:
            yield f"{time!r} is no time in a time zone, or none of these days"


def _odd_numbers(manifest: Manifest) -> Iterator[str]:
    """Counts that are none, and tables without a file."""
    seconds = manifest["timings"]["seconds"]
    if not math.isfinite(seconds):  # below 0 in old manifests, where a clock was set back
        yield f"seconds is {seconds}"
    yield from _odd_columns(manifest.get("inputs", ()), _OF_INPUTS, "an input")
    counted: list[Mapping[str, Any]] = [*manifest.get("forgotten", ())]
    if "counts" in manifest:
        counts = manifest["counts"]
        counted += [counts, counts["entities_by_label"], counts.get("unread_by_reason", {})]
    if "part" in manifest:
        counted.append(manifest["part"])
    for table, told in manifest.get("tables", {}).items():
        counted.append(told)
        yield from _odd_columns(told["files"], _OF_FILES, f"a file of {table}")
        if not told["files"]:
            yield f"{table} has no file"
    for numbers in counted:
        for name, value in numbers.items():
            if isinstance(value, int | float) and not 0 <= value < _MOST:
                yield f"{name} is {value}"


def _odd_columns(
    entries: Sequence[Mapping[str, Any]], names: Sequence[str], what: str
) -> Iterator[str]:
    """Counts that are none, a column at a time: there may be 100,000 inputs or files."""
    for name in names:
        values = [entry.get(name, 0) for entry in entries]
        for value in (min(values, default=0), max(values, default=0)):
            if not 0 <= value < _MOST:
                yield f"{name} of {what} is {value}"


_OF_FILES = ("rows", "bytes")
_OF_INPUTS = ("records", "documents", "dead_letters", "entities", *ASIDES)

# More than that, no column of the tables can count.
_MOST = 2**63
