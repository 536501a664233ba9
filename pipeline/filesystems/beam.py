"""Beam's filesystems, ready for use in whatever process this is.

Beam is imported when a path is first looked at: it takes a second, and logs at import.
"""

import contextlib
import functools
import io
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from model.host.regular_files import open_regular
from pipeline.console.text import first_line
from pipeline.filesystems.paths import is_remote

if TYPE_CHECKING:
    from apache_beam.io.filesystem import FileMetadata
    from apache_beam.io.filesystems import FileSystems


_S3 = "apache_beam.io.aws.s3filesystem"
# Beam imports these with itself, where their packages are installed: 0.1 s.
OBJECT_STORES = ("apache_beam.io.gcp.gcsio", "apache_beam.io.gcp.gcsfilesystem", _S3)


def load_object_stores() -> None:
    """Have Beam know the object stores, where it was imported without."""
    if _S3 in sys.modules:  # else each run would put a client that shares around the last one
        return
    for name in OBJECT_STORES:
        with contextlib.suppress(ModuleNotFoundError):
            import_module(name)
    _prepare.cache_clear()


def filesystems() -> "type[FileSystems]":
    """Beam's `FileSystems`, with options and with connections that outlive a call."""
    _prepare()
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


def open_file(path: str) -> BinaryIO:
    """A stream of a file's own bytes, not decompressed; raises OSError.

    Also for what is no regular file: Beam would wait for a pipe for ever.
    """
    if not is_remote(path):
        return io.BufferedReader(open_regular(path))
    from apache_beam.io.filesystem import CompressionTypes

    uncompressed = CompressionTypes.UNCOMPRESSED
    return filesystems().open(path, compression_type=uncompressed)


def create_file(path: str) -> BinaryIO:
    """A stream whose bytes become the file as they are; raises OSError."""
    from apache_beam.io.filesystem import CompressionTypes

    uncompressed = CompressionTypes.UNCOMPRESSED
    return filesystems().create(path, compression_type=uncompressed)


def list_files(pattern: str) -> "list[FileMetadata]":
    """The files that a glob matches; raises what the filesystem raises."""
    return list(filesystems().match([pattern])[0].metadata_list)


def refusal(error: Exception) -> str:
    """What the error of a filesystem says, without what Beam puts around it."""
    details = getattr(error, "exception_details", None)
    while details:
        error = next(iter(details.values()))
        details = getattr(error, "exception_details", None)
    message = getattr(error, "message", None)  # of Beam's S3: as text it is a pair with the code
    return first_line(Exception(message) if isinstance(message, str) else error)


def options() -> Any:  # noqa: ANN401 - Beam has no types for them
    """The options that Beam's filesystems have in this process."""
    _prepare()
    return _options()


def _options() -> Any:  # noqa: ANN401 - as above
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.value_provider import RuntimeValueProvider

    return FileSystems._pipeline_options or RuntimeValueProvider.runtime_options  # noqa: SLF001 - it has no getter


@functools.cache
def _prepare() -> None:
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    # The processes of a worker pool get no options, and Beam's S3 filesystem fails without any;
    # with none in particular, boto3 takes endpoint and credentials from the environment.
    if not _options():
        FileSystems.set_options(PipelineOptions([]))
    if _S3 in sys.modules:
        _share_connections()


def _share_connections() -> None:
    """Let Beam's S3 clients share what they connect with.

    It makes two clients for each file it opens, and boto3 takes about 0.1 s for one of its own.
    """
    from apache_beam.io.aws.clients.s3 import boto3_client

    class SharingClient(boto3_client.Client):
        """A client of Beam's with one of boto3's that all have; that one is safe with threads."""

        _shared: ClassVar[tuple[object, Any] | None] = None

        def __init__(self, options: object) -> None:
            shared = SharingClient._shared
            if shared is None or shared[0] is not options:
                super().__init__(options)  # type: ignore[no-untyped-call]  # Beam has no types
                SharingClient._shared = (options, self.client)
                return
            self.client = shared[1]
            self._download_request = None
            self._download_stream = None
            self._download_pos = 0

    boto3_client.Client = SharingClient  # type: ignore[misc]  # Beam takes it from there by name
