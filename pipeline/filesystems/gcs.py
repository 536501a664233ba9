"""Google's storage, by Google's client beside Beam's filesystem."""

from typing import Any

from pipeline.filesystems.beam import options
from pipeline.filesystems.paths import bucket_and_key
from pipeline.filesystems.store import Store, no_bucket, unreachable
from schemas.errors import UsageError

_PATIENCE = 10  # seconds for a store to answer


def gs_client() -> Any:  # noqa: ANN401 - Google's client has no types
    """A client of Google's storage as Beam's filesystem makes them, with the user's options."""
    beam_options = options()
    from apache_beam.io.gcp.gcsio import create_storage_client

    return create_storage_client(beam_options)


class GoogleStorage(Store):
    """`gs://`, by the store's own conditions."""

    package, extra = "google.cloud.storage", "gcp"

    def require(self, flag: str, path: str) -> None:
        """Beam tries for two minutes to reach a store, and 25 s to find credentials.

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
            raise UsageError(no_bucket(flag, path)) from error
        except Forbidden as error:
            if nobody:
                raise UsageError(unreachable(flag, path, nobody)) from error
        except GoogleAPICallError:
            return  # it answers; what it refuses is said where it is asked for
        except GoogleAuthError as error:  # of nobody: that there is nothing to refresh
            raise UsageError(unreachable(flag, path, nobody or error)) from error
        except (OSError, ValueError) as error:  # ValueError: no name of a bucket
            # What is around a failed connection is about retries that there were none of.
            reason = getattr(next(iter(error.args), None), "reason", error)
            raise UsageError(unreachable(flag, path, reason)) from error

    def create(self, path: str, data: bytes) -> bool:
        from google.api_core.exceptions import PreconditionFailed

        bucket, key = bucket_and_key(path)
        blob = gs_client().bucket(bucket).blob(key)
        try:
            blob.upload_from_string(data, "application/octet-stream", if_generation_match=0)
        except PreconditionFailed:
            return False
        return True


def _missing_credentials() -> Exception | None:
    """What Google's library says where it finds no credentials; it looks for them once."""
    from google.auth import default
    from google.auth.exceptions import DefaultCredentialsError

    try:
        default()
    except DefaultCredentialsError as error:
        return error
    return None
