"""Make the tables of a target what counts of an output, whatever they were.

A table is opened before the manifests and the names are read, and its change is refused where
another came between. Once it is done they are read again: if they are others by now, somebody else
may have found the table right as it was. Whoever was slower begins again. What was written for a
change that came to nothing counts for nothing, and is removed a week later.
"""

import random
import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import pyarrow as pa

from pipeline.console.commands import called
from pipeline.console.printing import console
from pipeline.console.text import counted
from pipeline.filesystems.paths import is_remote
from pipeline.lineage.observing import Lineage, open_lineage
from pipeline.outputs.catalog import manifest_contents, manifests_of, read_manifests
from pipeline.outputs.current import committed_runs
from pipeline.outputs.layout import NAMES, PUBLISHED_LOCK
from pipeline.outputs.lock import locked
from pipeline.outputs.names import has_names, names_bytes
from pipeline.publication.copies import now, remove_copies
from pipeline.publication.current_files import CurrentFiles
from pipeline.publication.lineage import publish_run
from pipeline.publication.table import (
    Change,
    OutdatedError,
    Published,
    PublishedTable,
    Target,
)
from pipeline.publication.targets import (
    named_publications,
    read_publications,
    remember,
    require_compatible,
    target,
)
from pipeline.publication.wanted import kept_fields, published_schemas
from schemas.errors import BrokenFilesError, DeadLettersError, DriftError, JobError, UsageError
from schemas.manifest import Manifest
from schemas.tables import TABLES

# So long, versions of a table can be read that are not the last one.
KEPT = timedelta(days=7)
_SKEW = timedelta(days=1)  # of the clock of a store, at most
_TRIES = 20
_T = TypeVar("_T")
_SECONDS = 1.0  # at most, before a change is tried again


def publish(root: str, target: Target, kept: timedelta = KEPT) -> list[Published]:
    """Publish what counts of an output; others may do so at the same time.

    kept: how long versions of a table stay that are not the last one. Raises JobError where files
    cannot be read or a table cannot be changed, UsageError where a table is there that is of
    somebody else.
    """
    owner = named_publications(root).owner
    return _until_others_are_done(partial(_once, root, target, owner, kept))


def _once(root: str, target: Target, owner: str, kept: timedelta) -> list[Published]:
    """Publish what counts now; OutdatedError where it is not that any more, or others publish."""
    tables = _opened(target, owner, needs_names=has_names(root))
    contents, names = before = manifest_contents(root), names_bytes(root)
    if names is not None and NAMES not in tables:
        raise OutdatedError("its first names were found meanwhile")
    manifests = manifests_of(contents)
    try:
        done = list(_published(root, target, tables, manifests, names, kept))
    except JobError as error:
        if (manifest_contents(root), names_bytes(root)) == before:
            raise
        raise OutdatedError("files went that did not count any more") from error
    if (manifest_contents(root), names_bytes(root)) != before:
        raise OutdatedError("the output changed meanwhile")
    # On an object store another one may have written at the same time what is remembered.
    remember(root, target.text)
    return done


def _until_others_are_done(work: Callable[[], _T]) -> _T:
    """Do it again as long as it is too late; raises JobError where that has no end."""
    for _ in range(_TRIES):
        try:
            return work()
        except OutdatedError as error:
            last = error
            time.sleep(random.uniform(0, _SECONDS))  # noqa: S311 - so that two do not meet again
    raise JobError(f"its tables change all the time: {last}") from last


def required_targets(
    root: str,
    texts: Sequence[str],
    kept: Sequence[str] | None = None,
    *,
    makes_names: bool = False,
) -> list[Target]:
    """The targets of these names, each once; nothing is written.

    kept: the fields that runs will have kept, as they have until now by default; makes_names:
    whether there will be a table of names, also where there is none yet. Raises UsageError for a
    target that is none, out of reach, or has tables of another output, and for columns that its
    tables cannot have.
    """
    targets = {one.text: one for one in (target(text, root) for text in texts)}
    if not targets:
        return []
    known = read_publications(root)
    require_compatible(root, known, [*targets])
    fields = kept_fields(read_manifests(root)) if kept is None else kept
    for one in targets.values():
        with _naming(one):
            one.require()
            needs_names = makes_names or has_names(root)
            tables = _in_reach(one, known.owner if known else "", needs_names=needs_names)
            _schemas(one, tables, fields)
    return [*targets.values()]


@contextmanager
def _naming(target: Target) -> Iterator[None]:
    """Name the target in errors."""
    try:
        yield
    except JobError as error:
        name = target.text if target.text.isprintable() else repr(target.text)
        raise type(error)(f"{name}: {error}") from error


Tables = Mapping[str, PublishedTable]


def _opened(target: Target, owner: str, *, needs_names: bool) -> Tables:
    """The tables of a target; that of names where it is needed, or else where it is there."""
    tables = {table: target.open(table, owner) for table in TABLES}
    try:
        names = target.open(NAMES, owner)
    except UsageError:  # it is of somebody else, which matters to those alone who need one
        if needs_names:
            raise
        return tables
    return {**tables, NAMES: names} if needs_names or names.is_complete else tables


def _in_reach(target: Target, owner: str, *, needs_names: bool) -> Tables:
    try:
        return _opened(target, owner, needs_names=needs_names)
    except UsageError:
        raise
    except (JobError, OutdatedError) as error:
        raise UsageError(f"it is out of reach: {error}") from error


def _schemas(target: Target, tables: Tables, kept: Sequence[str]) -> Mapping[str, pa.Schema]:
    """The columns of each table; raises UsageError where a table cannot have them."""
    if target.by and target.by not in kept and not tables["documents"].is_complete:
        raise UsageError(f"no run kept the field {target.by}, by which it is to be published")
    schemas = published_schemas(kept, target.by)
    for name, table in tables.items():
        table.require_columns(schemas[name].names)
    return schemas


@contextmanager
def publishing_alone(root: str) -> Iterator[None]:
    """Wait for others who publish an output on this machine, and keep them waiting.

    An object store has no locks: there it is the tables alone that refuse the slower one.
    """
    if is_remote(root):
        yield
        return
    try:
        with locked(f"{root}/{PUBLISHED_LOCK}", None):
            yield
    except OSError as error:
        raise JobError(f"{error.filename or root}: {error.strerror or error}") from error


@contextmanager
def publishing(
    root: str, texts: Sequence[str], kept: Sequence[str], lineage: Lineage
) -> Iterator[None]:
    """Publish an output to these targets once what stands within is done, and tell of it.

    kept: the fields that it keeps. Also where a run was refused: others of its job may be
    committed, and what is raised stays that refusal. Raises UsageError at once as
    `required_targets`.
    """
    before = kept_fields(read_manifests(root)) if texts else []
    targets = required_targets(root, texts, [*before, *kept])
    try:
        yield
    except (DeadLettersError, BrokenFilesError, DriftError) as refused:
        try:
            publish_all(root, targets, lineage)
        except JobError as error:
            raise type(refused)(f"{refused}; {error}") from error
        raise
    publish_all(root, targets, lineage)


def publish_all(root: str, targets: Sequence[Target], lineage: Lineage | None = None) -> None:
    """Publish an output to these targets, and tell of each.

    lineage: that of the whole job, which waits once for what is not sent; None: this is the job.
    Raises JobError for those that fail; the others are tried all the same.
    """
    if not targets:
        return
    failed: dict[str, JobError] = {}
    with nullcontext(lineage) if lineage else open_lineage() as told:
        for one in targets:
            try:
                with (
                    _naming(one),
                    publishing_alone(root),
                    told.run(partial(publish_run, root, one, now())) as observe,
                ):
                    published = publish(root, one)
                    observe(published)
            except JobError as error:
                failed[one.text] = error
                continue
            facts = {"target": one.text, "tables": [table.described() for table in published]}
            event = {"name": "published", "level": "info", **facts}
            console().account(in_words(one, published), event)
    if failed:
        raise JobError(_failure(root, failed)) from next(iter(failed.values()))


def _failure(root: str, failed: Mapping[str, JobError]) -> str:
    """What failed, by target, and what to do where the same again may do it."""
    message = "; ".join([*map(str, failed.values()), f"what counts of {root} stays as it is"])
    again = [text for text, error in failed.items() if not isinstance(error, UsageError)]
    if not again:
        return message
    command = f"{called('jobs.publish')} {shlex.join([f'--output={root}', *again])}"
    return f"{message}, and {command} publishes it"


def in_words(target: Target, published: Sequence[Published]) -> str:
    """What became of the tables of a target, in a line each."""
    told = [f"published {target.text}"]
    for one in published:
        held = f"{counted(one.rows, 'row')} in {counted(one.files, 'file')}"
        again = f", {one.restored:,} written again that had been lost" if one.restored else ""
        told.append(f"  {one.table:12}  {held}, {one.added:,} new, {one.removed:,} gone{again}")
    return "\n".join(told)


def _published(
    root: str,
    target: Target,
    tables: Tables,
    manifests: Sequence[Manifest],
    names: bytes | None,
    kept: timedelta,
) -> Iterator[Published]:
    runs = committed_runs(manifests)
    run_id = runs[-1]["run_id"] if runs else ""
    schemas = _schemas(target, tables, kept_fields(manifests))
    current = CurrentFiles(root, manifests, names, target.by)
    current.require(tables)
    # What is remembered may have a table, what is not has none: also after a kill.
    remember(root, target.text)
    for name, table in tables.items():
        table.begin(schemas[name])
        columns = table.columns_with(schemas[name])
        before, wanted = table.files, current.of(name, table)
        added = [file for location, file in wanted.items() if before.get(location) != file]
        removed = [file for location, file in before.items() if wanted.get(location) != file]
        if added or removed or not table.is_complete:
            table.commit(Change(added, removed, run_id))
        with suppress(OutdatedError):  # whoever was faster does it, or the next one
            _tidy(table, wanted, now() - kept)
        rows = sum(file.rows for file in wanted.values())
        restored = sum(location in wanted for location in table.lost)
        yield Published(name, len(added), len(removed), len(wanted), rows, restored, columns)


def expire_everywhere(root: str) -> None:
    """Let the tables of an output have no version but the current one, and no other rows."""
    known = read_publications(root)
    if known is None:
        return
    for text in known.targets:
        one = target(text, root)
        with _naming(one), publishing_alone(root):
            _until_others_are_done(partial(_expire, one, known.owner, now() + _SKEW))


def _expire(target: Target, owner: str, before: datetime) -> None:
    for table in _opened(target, owner, needs_names=False).values():
        if table.is_complete:
            _tidy(table, table.files, before)


def _tidy(table: PublishedTable, located: Collection[str], before: datetime) -> None:
    """Drop versions of a table that were current before, and files that no location names."""
    table.expire(before)
    remove_copies(table.listed, located, before)
