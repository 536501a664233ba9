"""The files of a run: on a local disk staged and renamed, on an object store written in place."""

from pipeline.filesystems.paths import is_remote
from pipeline.outputs.storage.base import RunStorage
from pipeline.outputs.storage.disk import DiskStorage
from pipeline.outputs.storage.object_store import ObjectStorage

__all__ = ["RunStorage", "run_storage"]


def run_storage(root: str, run_id: str) -> RunStorage:
    """The storage of a run below `root`, a local directory or a URL of a Beam filesystem."""
    return (ObjectStorage if is_remote(root) else DiskStorage)(root, run_id)
