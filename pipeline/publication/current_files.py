"""What counts of an output as files of published tables: referred to, or copied where need be."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.console.commands import called
from pipeline.console.text import first_line
from pipeline.outputs.current import current_sources
from pipeline.outputs.layout import NAMES, names_file, table_file
from pipeline.publication.copies import copy_file, write_copy, write_data
from pipeline.publication.divided import Divider
from pipeline.publication.table import PublishedFile, PublishedTable
from pipeline.publication.wanted import WantedFile, wanted_files
from schemas.errors import JobError
from schemas.manifest import Manifest


class CurrentFiles:
    """What counts of an output by these manifests.

    names: the bytes of its table of names, None where it has none; by: the field that partitions
    documents.
    """

    def __init__(
        self, root: str, manifests: Sequence[Manifest], names: bytes | None, by: str | None
    ) -> None:
        self._root = root
        self._runs = {manifest["run_id"]: manifest for manifest in manifests}
        self._current = current_sources(manifests)
        self._names = names
        self._by = by
        self._divider = Divider(root, self._runs, by) if by else None

    def require(self, tables: Mapping[str, PublishedTable]) -> None:
        """Raise UsageError where a file that tables lack cannot be divided; writes nothing."""
        for name, table in tables.items():
            if self._divider and table.by == self._by:
                for wanted in self._wanted(name):
                    self._divider.require(name, table, wanted)

    def _wanted(self, name: str) -> Iterator[WantedFile]:
        return wanted_files(self._root, self._runs, self._current, name)

    def of(self, name: str, table: PublishedTable) -> dict[str, PublishedFile]:
        """The files that a table should have, by location; copies that it lacks are written.

        They went through `require`.
        """
        if name == NAMES:
            return {file.location: file for file in self._names_in(table)}
        divider = self._divider if table.by == self._by else None
        located: dict[str, PublishedFile] = {}
        for wanted in self._wanted(name):
            if divider:
                files = divider.files(name, table, wanted)
            else:
                files = [self._file(name, table, wanted)]
            located.update((file.location, file) for file in files if file.rows)
        return located

    def _file(self, name: str, table: PublishedTable, wanted: WantedFile) -> PublishedFile:
        is_whole = not wanted.counting
        if wanted.has_dictionaries and not table.takes_dictionaries:
            is_whole = False
        reference = table.reference(wanted.path) if is_whole else None
        if reference is not None:
            return PublishedFile(reference, wanted.run_id, wanted.rows, wanted.bytes)
        copy = wanted.path.rpartition("/")[2] if is_whole else wanted.copy_name
        path = f"run_id={wanted.run_id}/{copy}"
        location = table.copy_location(path)
        if location in table.files and location not in table.lost:
            return table.files[location]
        write = copy_file if is_whole else write_copy
        rows, size = write(self._root, name, wanted, f"{table.copies}/{path}")
        return PublishedFile(location, wanted.run_id, rows, size)

    def _names_in(self, table: PublishedTable) -> Iterator[PublishedFile]:
        """The table of names as a copy that is called by its content; no row is no file.

        Never a reference: the file of the output is replaced in place.
        """
        if self._names is None:
            return
        try:
            rows = pq.read_metadata(pa.BufferReader(self._names)).num_rows
        except pa.ArrowException as error:
            raise JobError(
                f"{names_file(self._root)} cannot be read: {first_line(error)}; "
                f"{called('jobs.resolve')} makes it again"
            ) from error
        if not rows:
            return
        name = table_file(hashlib.blake2b(self._names, digest_size=16).hexdigest())
        location = table.copy_location(name)
        if location not in table.files or location in table.lost:
            write_data(self._names, f"{table.copies}/{name}")
        yield PublishedFile(location, None, rows, len(self._names))
