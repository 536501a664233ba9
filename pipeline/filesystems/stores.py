"""The object stores by the scheme of their URLs, and whether one can be reached."""

from collections.abc import Mapping
from importlib import import_module

from model.installation import install_command
from pipeline.filesystems.beam import filesystems
from pipeline.filesystems.gcs import GoogleStorage
from pipeline.filesystems.paths import bucket_and_key, scheme_of
from pipeline.filesystems.s3 import S3
from pipeline.filesystems.store import Store
from schemas.errors import UsageError

_STORES: Mapping[str, Store] = {"s3": S3(), "gs": GoogleStorage()}


def store_of(path: str) -> Store:
    """The store that a URL names."""
    return _STORES.get(scheme_of(path), Store())


def require_filesystem(flag: str, path: str) -> None:
    """Raise UsageError where a flag names a path on a filesystem that is out of reach."""
    scheme, store = scheme_of(path), store_of(path)
    try:
        if store.package:
            import_module(store.package)
            if not bucket_and_key(path)[0]:
                raise UsageError(f"{flag} {path} names no bucket")
        filesystems().get_filesystem(path)
        store.require(flag, path)
    except ImportError as error:
        raise UsageError(
            f"{flag} {path}: {scheme}:// needs more packages: {install_command(store.extra)}"
        ) from error
    except ValueError as error:
        raise UsageError(f"{flag} {path}: {scheme}:// is no filesystem that Beam knows") from error
