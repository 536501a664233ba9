"""What counts of an output as files of published tables: referred to, or copied where need be."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.outputs.current import current_sources
from pipeline.publication.copies import copy_file, write_copy
from pipeline.publication.divided import Divider
from pipeline.publication.table import PublishedFile, PublishedTable
from pipeline.publication.wanted import WantedFile, wanted_files
from schemas.manifest import Manifest


class CurrentFiles:
    """What counts of an output by these manifests; by: the field that partitions documents."""

    def __init__(self, root: str, manifests: Sequence[Manifest], by: str | None) -> None:
        self._root = root
        self._runs = {manifest["run_id"]: manifest for manifest in manifests}
        self._current = current_sources(manifests)
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
