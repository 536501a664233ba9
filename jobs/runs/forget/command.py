"""Erase documents or sources for good, from all runs.

Entities, documents with their texts and dead letters with their bytes go; files are written again
without them, manifests say how many rows went and when, not which, and reports are made anew. A
record that could not be read has no id: --doc_id erases it where the id stands in its bytes as a
whole JSON or CSV value.

It goes run by run: after a kill, the same command again does the rest. On an object store no run
may be writing meanwhile; what runs left there that died without a manifest is not looked at.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from jobs.runs.forget.erase import (
    Found,
    erase,
    find,
    names_input,
    remove_ownerless_reports,
    remove_unnamed,
    with_records,
)
from jobs.runs.forget.selection import Documents, Selection, Sources
from jobs.runs.outputs import Output, add_dry_run, changing, tell
from pipeline.filesystems.beam import filesystems
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.inputs.formats.records import encodable
from schemas.errors import UsageError
from schemas.manifest import Manifest
from schemas.tables import TABLES

_SHOWN = 5


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What to erase."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--doc_id", nargs="+", metavar="ID", help="documents with these ids")
    which.add_argument("--source", nargs="+", metavar="PATH", help="all that these files gave")
    add_dry_run(parser)


def run(flags: argparse.Namespace) -> int:
    """Erase it from the oldest run first, so that nothing superseded counts again meanwhile."""
    with changing(flags) as output:
        if not flags.dry_run:
            remove_unnamed(output)
            remove_ownerless_reports(output)
        selection = _selection(flags, output)
        found = [find(output.root, manifest, selection) for manifest in output.manifests]
        _require_found(flags, selection, found)
        at = datetime.now(UTC).isoformat()
        for own in found:
            if own.is_concerned and not flags.dry_run:
                erase(output.root, own, selection, at)
            if own.is_concerned:
                tell(flags, f"{own.manifest['run_id']}: {_rows(own.rows)}")
        total = {table: sum(own.rows[table] for own in found) for table in TABLES}
        tell(flags, f"{_rows(total)} {'would be erased' if flags.dry_run else 'erased'}")
        _warn(flags, found)
    return 0


def _selection(flags: argparse.Namespace, output: Output) -> "Selection":
    if flags.doc_id:
        _refuse([name for name in flags.doc_id if not encodable(name)])
        return with_records(output, Documents(frozenset(flags.doc_id)))
    entries = [entry for run in output.manifests for entry in run.get("inputs", ())]
    known = {entry.get("real_path", entry["source"]): entry["source"] for entry in entries}
    known |= {entry["source"]: entry["source"] for entry in entries}
    return Sources(frozenset(_source(path, known, output.manifests) for path in flags.source))


def _source(path: str, known: Mapping[str, str], manifests: Sequence[Manifest]) -> str:
    """The source that is meant; as with `--input`, a local path may be relative.

    known: sources by their names, with and without links.
    """
    own = local_path(path)
    absolute = own if is_remote(own) else os.path.abspath(own)  # noqa: PTH100 - Path.absolute keeps `..`
    if own in known or absolute in known:
        return known.get(own) or known[absolute]
    if any(names_input(run, absolute) for run in manifests):
        return absolute
    raise UsageError(f"--source {path}: no run has read it; nothing was changed")


def _require_found(
    flags: argparse.Namespace, selection: "Selection", found: Sequence["Found"]
) -> None:
    if flags.doc_id:  # sources were found in the manifests
        _refuse(sorted(set(selection.names).difference(*(own.names for own in found))))


def _refuse(missing: Sequence[str]) -> None:
    if missing:
        raise UsageError(
            f"--doc_id {' '.join(map(repr, missing))}: no run has it; nothing was changed"
        )


def _rows(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[table]:,} {table.replace('_', ' ')}" for table in TABLES)


def _warn(flags: argparse.Namespace, found: Sequence["Found"]) -> None:
    """What the user has to do beside, since it is not below the output."""
    sources = sorted({source for own in found for source in own.sources})
    states = {source: _exists(source) for source in sources}
    there = [source for source in sources if states[source]]
    unknown = [source for source in sources if states[source] is None]
    if there:
        more = f" and {len(there) - _SHOWN:,} more" if len(there) > _SHOWN else ""
        tell(
            flags,
            f"{', '.join(there[:_SHOWN])}{more} still {'exists' if len(there) == 1 else 'exist'}: "
            "a later run would read it again; delete it there",
        )
    if unknown:
        more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        tell(
            flags,
            f"{', '.join(unknown[:_SHOWN])}{more} could not be looked up: where it still exists, a "
            "later run would read it again",
        )
    unnamed = sum(own.unnamed[source] for own in found for source in sources)
    if flags.doc_id and unnamed:
        tell(
            flags,
            f"{unnamed:,} dead letters of the same sources have no id, and none of these ids in "
            "their bytes: look at them, and forget the --source where they are meant too",
        )


def _exists(source: str) -> bool | None:
    """Whether the input is still there; None where its filesystem does not say."""
    try:
        return bool(filesystems().exists(source))
    except Exception:  # noqa: BLE001 - each filesystem raises errors of its own
        return None
