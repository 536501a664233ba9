"""Paths and URLs as text: nothing here opens anything."""

import os
from urllib.parse import unquote

_FILE = "file://"


def bucket_and_key(path: str) -> tuple[str, str]:
    """The bucket that an object store's URL names, and the rest: an object or a prefix."""
    bucket, _, key = path.partition("://")[2].partition("/")
    return bucket, key


def is_remote(path: str) -> bool:
    """Whether a path names a filesystem (`gs://...`) rather than the local disk."""
    return "://" in path


def local_path(path: str) -> str:
    """A `file://` URL in, its path out, without percent escapes; any other path as it is."""
    if not path.startswith(_FILE):
        return path
    path = path.removeprefix(_FILE)
    return unquote(path.removeprefix("localhost") if path.startswith("localhost/") else path)


def shown_path(path: str) -> str:
    """A local path relative to where the user is, if that is shorter."""
    if is_remote(path):
        return path
    relative = os.path.relpath(path)
    return min(path, relative, key=len)


def scheme_of(path: str) -> str:
    """What stands before `://`, nothing of a local path."""
    return path.partition("://")[0] if is_remote(path) else ""
