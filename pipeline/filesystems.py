"""Beam's filesystems, ready for use in whatever process this is."""

import functools
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.value_provider import RuntimeValueProvider

from pipeline.formats import first_line
from schemas.errors import UsageError

# What a scheme needs that a plain installation has not, and the extra that brings it.
_EXTRAS = {"s3": ("boto3", "aws"), "gs": ("google.cloud.storage", "gcp")}


def filesystems() -> type[FileSystems]:
    """Beam's `FileSystems`, with options and with connections that outlive a call."""
    _prepare()
    return FileSystems


def s3_client() -> Any:  # noqa: ANN401 - boto3 has no types
    """The client of boto3's that Beam's S3 filesystem uses, with the user's options."""
    _prepare()
    from apache_beam.io.aws.clients.s3 import boto3_client

    options = FileSystems._pipeline_options or RuntimeValueProvider.runtime_options  # noqa: SLF001 - it has no getter
    return boto3_client.Client(options).client


def require_filesystem(flag: str, path: str) -> None:
    """Raise UsageError where a flag names a path on a filesystem that is out of reach."""
    scheme = FileSystems.get_scheme(path)
    module, extra = _EXTRAS.get(scheme, ("", ""))
    try:
        if module:
            import_module(module)
        filesystems().get_filesystem(path)
        if scheme == "s3":
            _require_answer(flag, path)
    except ImportError as error:
        raise UsageError(
            f"{flag} {path}: {scheme}:// needs more packages: pip install 'gleaner[{extra}]'"
        ) from error
    except ValueError as error:
        raise UsageError(f"{flag} {path}: {scheme}:// is no filesystem that Beam knows") from error


def _require_answer(flag: str, path: str) -> None:
    """Beam tries for ten minutes to reach an S3 that is not there, or that it has no keys for."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = path.split("/")[2]
    try:
        s3_client().head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":  # which Beam lists as if it were empty
            raise UsageError(f"{flag} {path}: there is no bucket {bucket!r}") from error
        return  # it answers; what it refuses is said where it is asked for
    except BotoCoreError as error:
        raise UsageError(f"{flag} {path} cannot be reached: {first_line(error)}") from error


def refusal(error: Exception) -> str:
    """What the error of a filesystem says, without what Beam puts around it."""
    details = getattr(error, "exception_details", None)
    while details:
        error = next(iter(details.values()))
        details = getattr(error, "exception_details", None)
    message = getattr(error, "message", None)  # of Beam's S3: as text it is a pair with the code
    return first_line(Exception(message) if isinstance(message, str) else error)


@functools.cache
def _prepare() -> None:
    # The processes of a worker pool get no options, and Beam's S3 filesystem fails without any;
    # with none in particular, boto3 takes endpoint and credentials from the environment.
    if not (FileSystems._pipeline_options or RuntimeValueProvider.runtime_options):  # noqa: SLF001 - as below
        FileSystems.set_options(PipelineOptions([]))
    if find_spec("boto3"):
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
