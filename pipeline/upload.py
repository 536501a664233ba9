"""A file in, an object of a store out: whole, or not at all.

Beam's writers send what they are given as it comes, and finish the object whenever they are closed,
also by the garbage collector: of a bundle that failed, half a file would appear later.
"""

import errno
import shutil
import tempfile
from http import HTTPStatus
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from apache_beam.io.filesystem import CompressionTypes

from pipeline.filesystems import bucket_and_key, filesystems, gs_client, refusal, s3_client

_BLOCK = 8 * 2**20


class Writer(Protocol):
    """What a new file is written through, on a disk or to a store."""

    def write(self, data: bytes, /) -> int: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None: ...


class Upload:
    """Gathers a file in the temporary folder, and makes it the object `path` when it is closed.

    One that is dropped, or left by an exception, leaves nothing: its file has no name there. So
    there is no `__del__`, and no base of Python's `io`, which would bring one that closes.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="gleaner-")  # noqa: SIM115 - `close` and `__exit__` close it

    def write(self, data: bytes, /) -> int:
        return self._file.write(data)

    def close(self) -> None:
        """Upload the file, once; raises OSError where the store refuses it."""
        if self._file.closed:
            return
        with self._file:
            self._file.seek(0)
            try:
                _send(self._file, self._path)
            except Exception as error:  # each filesystem raises errors of its own
                raise OSError(errno.EIO, refusal(error), self._path) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        if kind is None:
            self.close()
        self._file.close()


def _send(file: BinaryIO, path: str) -> None:
    if path.startswith("s3://"):
        # Beam's writer has no way to give up. This one sends parts of 8 MiB, and no object is made
        # of them where one fails. One after the other: a worker has threads that write already.
        from boto3.s3.transfer import TransferConfig

        bucket, key = bucket_and_key(path)
        one_thread = TransferConfig(use_threads=False)
        s3_client().upload_fileobj(file, bucket, key, Config=one_thread)
        return
    with filesystems().create(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        shutil.copyfileobj(file, stream, _BLOCK)


def create_object(path: str, data: bytes) -> bool:
    """Make an object of the data; False, and nothing is written, where there is one of that name.

    On S3 and on Google's storage the store itself decides, so of two who try at once one succeeds.
    Beam's filesystems have no such call: elsewhere looking for the object first is all there is.
    """
    # Everywhere: a store that is only compatible with S3 may ignore the condition.
    if filesystems().exists(path):
        return False
    try:
        if path.startswith("s3://"):
            return _create_on_s3(path, data)
        if path.startswith("gs://"):
            return _create_on_gs(path, data)
    except Exception as error:  # each store raises errors of its own
        raise OSError(errno.EIO, refusal(error), path) from error
    with Upload(path) as stream:
        stream.write(data)
    return True


def _create_on_s3(path: str, data: bytes) -> bool:
    from botocore.exceptions import ClientError

    bucket, key = bucket_and_key(path)
    try:
        s3_client().put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.PRECONDITION_FAILED:
            return False
        raise
    return True


def _create_on_gs(path: str, data: bytes) -> bool:
    from google.api_core.exceptions import PreconditionFailed

    bucket, key = bucket_and_key(path)
    blob = gs_client().bucket(bucket).blob(key)
    try:
        blob.upload_from_string(data, "application/octet-stream", if_generation_match=0)
    except PreconditionFailed:
        return False
    return True
