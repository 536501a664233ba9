"""The objects of a store as a tree of folders, so that patterns are matched in it as on a disk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.inputs.walk import Entry

if TYPE_CHECKING:
    from apache_beam.io.filesystem import FileMetadata


@dataclass(frozen=True, slots=True)
class Object:
    """An object, or a folder, which is the beginning of the names of others."""

    name: str
    path: str
    metadata: "FileMetadata | None"

    def is_dir(self) -> bool:
        return self.metadata is None

    def is_file(self, *, follow_symlinks: bool) -> bool:
        return self.metadata is not None

    def is_symlink(self) -> bool:
        return False


class ObjectTree:
    """What one listing gave, by folder."""

    def __init__(self, base: str, objects: "Iterable[FileMetadata]") -> None:
        self._folders: dict[str, list[Object]] = {base: []}
        self.objects: dict[str, FileMetadata] = {}
        for metadata in objects:
            path = metadata.path
            # Stores have no folders, but tools leave empty objects that have such names.
            if path.endswith("/") or not path.startswith(f"{base}/"):
                continue
            self.objects[path] = metadata
            folder, _, name = path.rpartition("/")
            self._folder(folder).append(Object(name, path, metadata))

    def entries(self, folder: str, names: Sequence[str] | None) -> Iterable[Entry]:
        """The entries of a folder, or those of them that have these names."""
        there = self._folders.get(folder, [])
        return there if names is None else [entry for entry in there if entry.name in names]

    def has_folder(self, path: str) -> bool:
        return path in self._folders

    def _folder(self, path: str) -> list[Object]:
        """The entries of a folder, which is an entry of the one above."""
        entries = self._folders.get(path)
        if entries is None:
            entries = self._folders[path] = []
            above, _, name = path.rpartition("/")
            self._folder(above).append(Object(name, path, None))
        return entries
