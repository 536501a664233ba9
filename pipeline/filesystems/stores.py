"""The object stores by the scheme of their URLs, and whether one can be reached."""

from collections.abc import Mapping
from importlib import import_module

from model.host.installation import install_command
from pipeline.filesystems.beam import filesystems
from pipeline.filesystems.gcs import GoogleStorage
from pipeline.filesystems.paths import bucket_and_key, scheme_of
from pipeline.filesystems.s3 import S3
from pipeline.filesystems.store import Store
from schemas.errors import UsageError

# What other programs call the stores that we know.
_USUAL: Mapping[str, str] = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}

_STORES: Mapping[str, Store] = {"s3": S3(), "gs": GoogleStorage()}


def store_of(path: str) -> Store:
    """The store that a URL names."""
    return _STORES.get(scheme_of(path), Store())


def require_filesystem(flag: str, path: str) -> None:
    """Raise UsageError where a flag names a path on a filesystem that is out of reach."""
    from apache_beam.io.filesystem import BeamIOError

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
    except (ValueError, BeamIOError) as error:
        hint = f", where it is {_USUAL[scheme]}://" if scheme in _USUAL else ""
        raise UsageError(
            f"{flag} {path}: {scheme}:// is no filesystem that can be reached; there are local "
            f"paths, file://, s3:// and gs://{hint}"
        ) from error
