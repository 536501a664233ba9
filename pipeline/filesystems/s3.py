"""Amazon's S3 and what is compatible with it, by boto3's client beside Beam's filesystem."""

from http import HTTPStatus
from typing import Any, BinaryIO

from pipeline.filesystems.beam import options
from pipeline.filesystems.paths import bucket_and_key
from pipeline.filesystems.store import Store, UnfinishedUpload, no_bucket, unreachable
from schemas.errors import UsageError


def s3_client() -> Any:  # noqa: ANN401 - boto3 has no types
    """The client of boto3's that Beam's S3 filesystem uses, with the user's options."""
    beam_options = options()
    from apache_beam.io.aws.clients.s3 import boto3_client

    return boto3_client.Client(beam_options).client


class S3(Store):
    """`s3://`, by the store's own conditions and multipart uploads."""

    package, extra = "boto3", "aws"

    def require(self, flag: str, path: str) -> None:
        """Beam tries for ten minutes to reach an S3 that is not there, or refuses its keys."""
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, _ = bucket_and_key(path)
        try:
            s3_client().head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":  # which Beam lists as if it were empty
                raise UsageError(no_bucket(flag, path)) from error
            return  # it answers; what it refuses is said where it is asked for
        except BotoCoreError as error:
            raise UsageError(unreachable(flag, path, error)) from error

    def send(self, file: BinaryIO, path: str) -> None:
        """Beam's writer has no way to give up; of these parts of 8 MiB all arrive, or no object.

        One after the other: a worker has threads that write already.
        """
        from boto3.s3.transfer import TransferConfig

        bucket, key = bucket_and_key(path)
        one_thread = TransferConfig(use_threads=False)
        s3_client().upload_fileobj(file, bucket, key, Config=one_thread)

    def create(self, path: str, data: bytes) -> bool:
        from botocore.exceptions import ClientError

        bucket, key = bucket_and_key(path)
        try:
            s3_client().put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == HTTPStatus.PRECONDITION_FAILED:
                return False
            raise
        return True

    def unfinished_uploads(self, root: str) -> list[UnfinishedUpload]:
        bucket, key = bucket_and_key(root)
        pages = s3_client().get_paginator("list_multipart_uploads")
        return [
            UnfinishedUpload(f"s3://{bucket}/{upload['Key']}", at.timestamp(), upload["UploadId"])
            for page in pages.paginate(Bucket=bucket, Prefix=f"{key}/")
            for upload in page.get("Uploads", ())
            if (at := upload["Initiated"])
        ]

    def abort(self, upload: UnfinishedUpload) -> None:
        bucket, key = bucket_and_key(upload.path)
        s3_client().abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload.token)
