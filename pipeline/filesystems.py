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

_PATIENCE = 10  # seconds for a store to answer


def filesystems() -> type[FileSystems]:
    """Beam's `FileSystems`, with options and with connections that outlive a call."""
    _prepare()
    return FileSystems


def s3_client() -> Any:  # noqa: ANN401 - boto3 has no types
    """The client of boto3's that Beam's S3 filesystem uses, with the user's options."""
    _prepare()
    from apache_beam.io.aws.clients.s3 import boto3_client

    return boto3_client.Client(_options()).client


def gs_client() -> Any:  # noqa: ANN401 - Google's client has no types
    """A client of Google's storage as Beam's filesystem makes them, with the user's options."""
    _prepare()
    from apache_beam.io.gcp.gcsio import create_storage_client

    return create_storage_client(_options())


def bucket_and_key(path: str) -> tuple[str, str]:
    """The bucket that an object store's URL names, and the rest: an object or a prefix."""
    bucket, _, key = path.partition("://")[2].partition("/")
    return bucket, key


def require_filesystem(flag: str, path: str) -> None:
    """Raise UsageError where a flag names a path on a filesystem that is out of reach."""
    scheme = FileSystems.get_scheme(path)
    module, extra = _EXTRAS.get(scheme, ("", ""))
    try:
        if module:
            import_module(module)
            if not bucket_and_key(path)[0]:
                raise UsageError(f"{flag} {path} names no bucket")
        filesystems().get_filesystem(path)
        if scheme == "s3":
            _require_s3(flag, path)
        elif scheme == "gs":
            _require_gs(flag, path)
    except ImportError as error:
        raise UsageError(
            f"{flag} {path}: {scheme}:// needs more packages: pip install 'gleaner[{extra}]'"
        ) from error
    except ValueError as error:
        raise UsageError(f"{flag} {path}: {scheme}:// is no filesystem that Beam knows") from error


def _require_s3(flag: str, path: str) -> None:
    """Beam tries for ten minutes to reach an S3 that is not there, or that it has no keys for."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _ = bucket_and_key(path)
    try:
        s3_client().head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "404":  # which Beam lists as if it were empty
            raise UsageError(_no_bucket(flag, path)) from error
        return  # it answers; what it refuses is said where it is asked for
    except BotoCoreError as error:
        raise UsageError(_unreachable(flag, path, error)) from error


def _require_gs(flag: str, path: str) -> None:
    """Beam tries for two minutes to reach a store that is not there, and 25 s to find credentials.

    Without any it goes on as nobody, which a public bucket allows, and so do emulators.
    """
    from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage import Client

    bucket, _ = bucket_and_key(path)
    nobody = _missing_credentials()
    try:
        client = Client.create_anonymous_client() if nobody else gs_client()
        found = client.list_blobs(bucket, max_results=1, retry=None, timeout=_PATIENCE)
        next(iter(found), None)
    except NotFound as error:
        raise UsageError(_no_bucket(flag, path)) from error
    except Forbidden as error:
        if nobody:
            raise UsageError(_unreachable(flag, path, nobody)) from error
    except GoogleAPICallError:
        return  # it answers; what it refuses is said where it is asked for
    except GoogleAuthError as error:  # of nobody: that there is nothing to refresh
        raise UsageError(_unreachable(flag, path, nobody or error)) from error
    except (OSError, ValueError) as error:  # ValueError: no name of a bucket
        # What is around a failed connection is about retries that there were none of.
        reason = getattr(next(iter(error.args), None), "reason", error)
        raise UsageError(_unreachable(flag, path, reason)) from error


def _missing_credentials() -> Exception | None:
    """What Google's library says where it finds no credentials; it looks for them once."""
    from google.auth import default
    from google.auth.exceptions import DefaultCredentialsError

    try:
        default()
    except DefaultCredentialsError as error:
        return error
    return None


def _no_bucket(flag: str, path: str) -> str:
    return f"{flag} {path}: there is no bucket {bucket_and_key(path)[0]!r}"


def _unreachable(flag: str, path: str, error: Exception) -> str:
    return f"{flag} {path} cannot be reached: {first_line(error)}"


def refusal(error: Exception) -> str:
    """What the error of a filesystem says, without what Beam puts around it."""
    details = getattr(error, "exception_details", None)
    while details:
        error = next(iter(details.values()))
        details = getattr(error, "exception_details", None)
    message = getattr(error, "message", None)  # of Beam's S3: as text it is a pair with the code
    return first_line(Exception(message) if isinstance(message, str) else error)


def _options() -> Any:  # noqa: ANN401 - Beam has no types for them
    return FileSystems._pipeline_options or RuntimeValueProvider.runtime_options  # noqa: SLF001 - it has no getter


@functools.cache
def _prepare() -> None:
    # The processes of a worker pool get no options, and Beam's S3 filesystem fails without any;
    # with none in particular, boto3 takes endpoint and credentials from the environment.
    if not _options():
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
