"""Make the tables of a target what counts of an output, whatever they were.

A table is opened before the manifests are read, and its change is refused where another came
between: so what is committed last was read last, and whoever was slower begins again. What was
written for a change that came to nothing counts for nothing, and is removed a week later.
"""

import random
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from pipeline.console.commands import called
from pipeline.console.printing import console
from pipeline.console.text import counted
from pipeline.lineage.observing import open_lineage
from pipeline.outputs.catalog import read_manifests
from pipeline.outputs.current import committed_runs
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
from pipeline.publication.targets import read_publications, remember, target
from pipeline.publication.wanted import published_schemas
from schemas.errors import BrokenFilesError, DeadLettersError, DriftError, JobError
from schemas.manifest import Manifest
from schemas.tables import TABLES

# So long, versions of a table can be read that are not the last one.
KEPT = timedelta(days=7)
_TRIES = 20
_SECONDS = 1.0  # at most, before a change is tried again


def publish(root: str, target: Target) -> list[Published]:
    """Publish what counts of an output.

    Raises JobError where files cannot be read or a table cannot be changed, UsageError where a
    table is there that is of somebody else.
    """
    owner = remember(root, target.text).owner
    for last in range(_TRIES):
        tables = {table: target.open(table, owner) for table in TABLES}
        manifests = read_manifests(root)
        try:
            return list(_published(root, tables, manifests, target.by))
        except OutdatedError as error:
            if last == _TRIES - 1:
                raise JobError(f"{target.text}: others change the tables all the time") from error
            time.sleep(random.uniform(0, _SECONDS))  # noqa: S311 - so that two do not meet again
            continue
        except JobError:
            if read_manifests(root) == manifests:
                raise
            continue  # files went that did not count any more
    raise JobError(f"{target.text}: the output changes all the time")


@contextmanager
def publishing(root: str, texts: Sequence[str]) -> Iterator[None]:
    """Publish an output to these targets once what stands within is done, and tell of it.

    Also where a run was refused: others of its job may be committed. Raises UsageError at once for
    a target that is out of reach.
    """
    targets = [target(text, root) for text in texts]
    for one in targets:
        one.require()
    try:
        yield
    except (DeadLettersError, BrokenFilesError, DriftError):
        publish_all(root, targets)
        raise
    publish_all(root, targets)


def publish_all(root: str, targets: Sequence[Target]) -> None:
    """Publish an output to these targets, and tell of each.

    Raises JobError for the first that fails; the others are tried all the same.
    """
    failed: list[JobError] = []
    with open_lineage() as lineage:
        for one in targets:
            try:
                with lineage.run(partial(publish_run, root, one, now())) as observe:
                    published = publish(root, one)
                    observe(published)
            except JobError as error:
                failed.append(error)
                continue
            facts = {"target": one.text, "tables": [table._asdict() for table in published]}
            event = {"name": "published", "level": "info", **facts}
            console().account(in_words(one, published), event)
    if failed:
        again = f"{root} itself is not changed by that, and {called('jobs.publish')} does the rest"
        raise JobError(f"{failed[0]}; {again}") from failed[0]


def in_words(target: Target, published: Sequence[Published]) -> str:
    """What became of the tables of a target, in a line each."""
    told = [f"published {target.text}"]
    for table, added, removed, files, rows in published:
        held = f"{counted(rows, 'row')} in {counted(files, 'file')}"
        told.append(f"  {table:12}  {held}, {added:,} new, {removed:,} gone")
    return "\n".join(told)


def _published(
    root: str, tables: dict[str, PublishedTable], manifests: Sequence[Manifest], by: str | None
) -> Iterator[Published]:
    runs = committed_runs(manifests)
    run_id = runs[-1]["run_id"] if runs else ""
    schemas = published_schemas(manifests, by)
    current = CurrentFiles(root, manifests, by)
    for name, table in tables.items():
        table.begin(schemas[name])
        before, wanted = table.files, current.of(name, table)
        added = [file for location, file in wanted.items() if location not in before]
        removed = [file for location, file in before.items() if location not in wanted]
        if added or removed or not table.is_complete:
            table.commit(Change(added, removed, run_id))
        _tidy(table, wanted, now() - KEPT)
        rows = sum(file.rows for file in wanted.values())
        yield Published(name, len(added), len(removed), len(wanted), rows)


def expire_everywhere(root: str) -> None:
    """Let the tables of an output have no version but the current one, and no other rows."""
    known = read_publications(root)
    for text in known.targets if known else ():
        for name in TABLES:
            table = target(text, root).open(name, known.owner if known else "")
            _tidy(table, table.files, now())


def _tidy(table: PublishedTable, located: Collection[str], before: datetime) -> None:
    """Drop versions of a table that were current before, and files that no location names."""
    table.expire(before)
    remove_copies(table.copies, located, before)
