"""Erase documents or sources for good, from all runs.

Entities, documents with their texts and dead letters with their bytes go; files are written again
without them, manifests say how many rows went and when, not which, and reports are made anew. A
record that could not be read has no id: --doc_id erases it where the id stands in its bytes as a
whole JSON or CSV value. With --source as well, --doc_id means the documents of these files alone.
Tracebacks of failed runs go too, and keys that warnings list: they may quote what is erased.

Later runs withhold what was forgotten: `forgotten.json` keeps salted hashes, no names.

It goes run by run: after a kill, the same command again does the rest. On an object store no run
may be writing meanwhile, since what killed runs left there goes too.
"""

import argparse
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from jobs.runs.clean import leftovers
from jobs.runs.forget.erase import (
    Found,
    erase,
    find,
    names_input,
    with_records,
)
from jobs.runs.forget.selection import Documents, Sources
from jobs.runs.outputs import Output, add_dry_run, changing, tell
from jobs.runs.verify.output import unnamed_files
from jobs.runs.view.trino_views import TRINO_FILE
from pipeline.console.commands import called
from pipeline.console.text import counted, listed
from pipeline.filesystems.beam import filesystems
from pipeline.filesystems.paths import is_remote, local_path
from pipeline.inputs.encodings import UTF8, codecs_of
from pipeline.inputs.formats.records import encodable
from pipeline.outputs.forgotten import (
    ForgottenNames,
    new_names,
    read_forgotten,
    write_forgotten,
)
from pipeline.outputs.names import forget_names
from pipeline.publication.publish import expire_everywhere
from schemas.errors import UsageError
from schemas.manifest import Manifest
from schemas.tables import TABLES

_SHOWN = 5


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What to erase."""
    parser.add_argument(
        "--doc_id", nargs="+", action="extend", metavar="ID", help="documents with these ids"
    )
    parser.add_argument(
        "--source",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="all that these files gave, or with --doc_id these documents of them",
    )
    add_dry_run(parser)


def run(flags: argparse.Namespace) -> int:
    """Erase it from the oldest run first, so that nothing superseded counts again meanwhile.

    It is on the list before the first row goes: no run that comes between brings it back.
    """
    if not (flags.doc_id or flags.source):
        raise UsageError("--doc_id or --source is missing: what is to be forgotten")
    with changing(flags) as output:
        if not flags.dry_run:
            for left in leftovers(output.root):
                left.remove()
        names = read_forgotten(output.root)
        selection = _selection(flags, output, names)
        found = [find(output.root, manifest, selection) for manifest in output.manifests]
        _require_found(selection, found, names)
        if not flags.dry_run:
            _remove_stale_view(flags, output.root, found)
            _forget_names(flags, output.root, found)
            write_forgotten(
                output.root, _with_selection(names or new_names(), selection, output.manifests)
            )
        at = datetime.now(UTC).isoformat()
        for own in found:
            if own.is_concerned and not flags.dry_run:
                erase(output, own, selection, at)
            if own.is_concerned:
                tell(flags, f"{own.manifest['run_id']}: {_rows(own.rows)}")
        output.outdated.append(partial(expire_everywhere, output.root))
    # Behind all that is removed: until then it is not erased.
    total = {table: sum(own.rows[table] for own in found) for table in TABLES}
    tell(flags, f"{_rows(total)} {'would be erased' if flags.dry_run else 'erased'}")
    _warn(flags, found)
    _warn_of_others(flags, output, selection)
    return 0


def _remove_stale_view(flags: argparse.Namespace, root: str, found: Sequence["Found"]) -> None:
    """The views for Trino name files and sources as they were: also those that go."""
    path = f"{root}/{TRINO_FILE}"
    if any(own.is_concerned for own in found) and filesystems().exists(path):
        filesystems().delete([path])
        tell(flags, f"{TRINO_FILE} names what was there, and is removed: make it again")


def _forget_names(flags: argparse.Namespace, root: str, found: Sequence["Found"]) -> None:
    """The table of names, and what it is made of, hold texts of entities: also those that go."""
    if any(own.is_concerned for own in found) and forget_names(root):
        tell(flags, f"the table of names is emptied: {called('jobs.resolve')} makes it again")


def _selection(
    flags: argparse.Namespace, output: Output, names: ForgottenNames | None
) -> Documents | Sources:
    sources = None
    known = _known(output.manifests)
    if flags.source:
        sources = frozenset[str]().union(
            *(_sources(path, known, output.manifests, names) for path in flags.source)
        )
    if flags.doc_id:
        _refuse([name for name in flags.doc_id if not encodable(name)])
        encodings = {run["configuration"].get("encoding", UTF8.name) for run in output.manifests}
        others = {codec for name in encodings - {UTF8.name} for codec in codecs_of(name)}
        documents = Documents(frozenset(flags.doc_id), sources=sources, encodings=sorted(others))
        return with_records(output, documents)
    chosen = sources or frozenset()
    others = set[str]().union(*known.values()) - chosen
    return Sources(chosen, _real_paths(output.manifests, chosen) - others)


def _with_selection(
    names: ForgottenNames, selection: Documents | Sources, manifests: Sequence[Manifest]
) -> ForgottenNames:
    if isinstance(selection, Sources):
        paths = {*selection.names, *_real_paths(manifests, selection.names)}
        return names.with_names("source", ((path,) for path in paths))
    places = ((source, str(record)) for source, record in selection.records)
    if selection.sources is None:
        return names.with_names("doc_id", ((name,) for name in selection.names)).with_names(
            "record", places
        )
    pairs = ((source, name) for source in selection.sources for name in selection.names)
    return names.with_names("pair", pairs).with_names("record", places)


def _known(manifests: Sequence[Manifest]) -> Mapping[str, set[str]]:
    """The sources by their names, with and without links: of a file, also the links to it.

    And by names that were passed over, since the same was read under another.
    """
    known: dict[str, set[str]] = {}
    for entry in (entry for run in manifests for entry in run.get("inputs", ())):
        for path in {entry["source"], entry.get("real_path", entry["source"])}:
            known.setdefault(path, set()).add(entry["source"])
    for passed in (entry for run in manifests for entry in run.get("unread", ())):
        if passed["path"] not in known and passed.get("detail") in known:
            known[passed["path"]] = {passed["detail"]}
    return known


def _real_paths(manifests: Iterable[Manifest], sources: Collection[str]) -> set[str]:
    """Where these sources are, or were, without links."""
    entries = (entry for run in manifests for entry in run.get("inputs", ()))
    return {e.get("real_path", e["source"]) for e in entries if e["source"] in sources}


def _sources(
    path: str,
    known: Mapping[str, set[str]],
    manifests: Sequence[Manifest],
    names: ForgottenNames | None,
) -> set[str]:
    """The sources that are meant; as with `--input`, a local path may be relative."""
    own = local_path(path)
    absolute = own if is_remote(own) else os.path.abspath(own)  # noqa: PTH100 - Path.absolute keeps `..`
    if own in known or absolute in known:
        return known.get(own) or known[absolute]
    if any(names_input(run, absolute) for run in manifests):
        return {absolute}
    if names and names.has("source", absolute):
        return {absolute}
    raise UsageError(f"--source {path}: no run has read it; nothing was changed")


def _require_found(
    selection: Documents | Sources, found: Sequence["Found"], names: ForgottenNames | None
) -> None:
    """What was forgotten before need not be there: an earlier try may have been stopped."""
    if isinstance(selection, Sources):  # these were found in the manifests
        return
    missing = set(selection.names).difference(*(own.names for own in found))
    if names:
        within = selection.sources
        missing -= {
            name
            for name in missing
            if names.has("doc_id", name)
            or (within and all(names.has("pair", source, name) for source in within))
        }
    _refuse(sorted(missing), _spelt_otherwise(found))


def _refuse(missing: Sequence[str], held: Sequence[str] = ()) -> None:
    if missing:
        others = f", but {listed(held, most=_SHOWN)}, spelt otherwise" if held else ""
        raise UsageError(
            f"--doc_id {' '.join(map(repr, missing))}: no run has it{others}; nothing was changed"
        )


def _spelt_otherwise(found: Sequence["Found"]) -> list[str]:
    """The ids that may be meant too, as Python would write them: a blank is seen then."""
    return sorted(ascii(name) for name in set().union(*(own.spelt_otherwise for own in found)))


def _rows(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[table]:,} {table.replace('_', ' ')}" for table in TABLES)


def _warn(flags: argparse.Namespace, found: Sequence["Found"]) -> None:
    """What the user has to do beside, since it is not below the output."""
    sources = sorted({source for own in found for source in own.sources})
    states = {source: _exists(source) for source in sources}
    there = [source for source in sources if states[source]]
    unknown = [source for source in sources if states[source] is None]
    if there:
        tell(
            flags,
            f"{listed(there, most=_SHOWN)} still {'exists' if len(there) == 1 else 'exist'}: "
            "later runs withhold what was forgotten of it; delete it there",
        )
    if unknown:
        tell(
            flags,
            f"{listed(unknown, most=_SHOWN)} could not be looked up: where it still exists, "
            "later runs withhold what was forgotten of it",
        )
    alike = _spelt_otherwise(found)
    if alike:
        tell(
            flags,
            f"runs have {listed(alike, most=_SHOWN)} too, which may be the same spelt otherwise: "
            "if so, forget that as well",
        )
    unnamed = sum(own.unnamed[source] for own in found for source in sources)
    if flags.doc_id and unnamed:
        tell(
            flags,
            f"{unnamed:,} dead letters of the same sources have no id, and none of these ids in "
            "their bytes: look at them, and forget the --source where they are meant too",
        )


def _warn_of_others(
    flags: argparse.Namespace, output: Output, selection: Documents | Sources
) -> None:
    """What was not looked at, or not meant, and may hold the same."""
    chosen = (selection.names if isinstance(selection, Sources) else selection.sources) or ()
    paths = _real_paths(output.manifests, chosen)
    known = _known(output.manifests)
    same = set[str]().union(*(known[path] for path in paths if path in known))
    if others := sorted(same.difference(chosen)):
        told = listed(others, most=_SHOWN)
        tell(flags, f"runs have read the same files as {told} too: forget these as well")
    if not is_remote(output.root):
        unnamed = [finding for finding in unnamed_files(output) if finding.kind == "error"]
        if unnamed:
            tell(
                flags,
                f"{counted(len(unnamed), 'file')} below the tables that gleaner did not write "
                f"{'was' if len(unnamed) == 1 else 'were'} not looked at: {called('jobs.runs')} "
                "verify names them",
            )


def _exists(source: str) -> bool | None:
    """Whether the input is still there; None where its filesystem does not say."""
    try:
        return bool(filesystems().exists(source))
    except Exception:  # noqa: BLE001 - each filesystem raises errors of its own
        return None
