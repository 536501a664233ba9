"""The published tables of an output: files that they name and that are not there."""

from collections.abc import Iterator

from jobs.runs.outputs import Output
from jobs.runs.verify.findings import Finding
from pipeline.console.commands import called
from pipeline.console.text import counted
from pipeline.outputs.layout import NAMES
from pipeline.outputs.names import has_names
from pipeline.publication.copies import is_whole, listed_files
from pipeline.publication.table import OutdatedError, PublishedTable, Target, require_package
from pipeline.publication.targets import read_publications, target
from schemas.errors import JobError
from schemas.tables import TABLES

_SHOWN = 5


def published_problems(output: Output) -> Iterator[Finding]:
    """Tables that are missing, or name files that are missing or not as long as they say."""
    try:
        known = read_publications(output.root)
    except JobError as error:
        yield Finding("error", str(error))
        return
    if known is None:
        return
    if known.root != output.root:
        yield Finding(
            "remark",
            f"the tables that {known.root} was published to are not checked: this output was moved "
            "or copied",
        )
        return
    for text in known.targets:
        try:
            one = target(text, output.root)
            require_package(one.package, one.table_format)
            names = [NAMES] if has_names(output.root) else []
            for table in (*TABLES, *names):
                yield from _of_table(output.root, one, table, known.owner)
        except (JobError, OutdatedError) as error:
            yield Finding("warning", f"what was published to {text} cannot be checked: {error}")


def _of_table(root: str, one: Target, name: str, owner: str) -> Iterator[Finding]:
    publish = f"{called('jobs.publish')} --output {root}"
    table = one.open(name, owner)
    if not table.is_complete:
        yield Finding("error", f"{one.text} has no table {name}; {publish} makes it")
    lost = _lost(root, name, table)
    if lost:  # others may have published meanwhile, and removed what the table named before
        table = one.open(name, owner)
        lost &= _lost(root, name, table)
    copies = {location for location in lost if table.is_copy(location)}
    if copies:
        yield Finding("error", f"{_in_words(one, name, copies)}; {publish} writes them again")
    if lost - copies:
        yield Finding("error", _in_words(one, name, lost - copies))


def _lost(root: str, name: str, table: PublishedTable) -> set[str]:
    """The locations of files that are not as a table says: its own, and those of the output."""
    others = {at: file for at, file in table.files.items() if not table.is_copy(at)}
    listed = listed_files(f"{root}/{name}") if others else {}
    gone = {at for at, file in others.items() if not is_whole(at, file.bytes, listed)}
    return gone.union(table.lost)


def _in_words(one: Target, name: str, lost: set[str]) -> str:
    first = ", ".join(sorted(lost)[:_SHOWN])
    more = f" and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else ""
    files = "1 file that is" if len(lost) == 1 else f"{counted(len(lost), 'file')} that are"
    return f"{one.text}: {name} names {files} missing or cut short: {first}{more}"
