"""The photo bucket: what arrives under `incoming/`, what was cleaned under `shown/`. The one place that talks to it."""

from collections.abc import Iterable
from typing import Any

from portal import aws
from portal.photos import rules
from portal.settings import setting


def post(key: str, content_type: str, size: int) -> dict[str, Any]:
    """The address and the fields of a form that puts one file of that type and size at that key, and nothing else."""
    made: dict[str, Any] = aws.client("s3").generate_presigned_post(
        Bucket=setting("PHOTO_BUCKET"),
        Key=key,
        Fields={"Content-Type": content_type},
        Conditions=[{"Content-Type": content_type}, ["content-length-range", size, size]],
        ExpiresIn=rules.POST_SECONDS,
    )
    return made


def link(key: str) -> str:
    """An address at which the object can be read for some minutes."""
    where = {"Bucket": setting("PHOTO_BUCKET"), "Key": key}
    made: str = aws.client("s3").generate_presigned_url("get_object", Params=where, ExpiresIn=rules.LINK_SECONDS)
    return made


def read(key: str) -> bytes:
    """What arrived; the post let no more than 10 MB in."""
    answer = aws.client("s3").get_object(Bucket=setting("PHOTO_BUCKET"), Key=key)
    content: bytes = answer["Body"].read()
    return content


def write(key: str, jpeg: bytes) -> None:
    """Keep a cleaned picture."""
    aws.client("s3").put_object(
        Bucket=setting("PHOTO_BUCKET"), Key=key, Body=jpeg, ContentType="image/jpeg",
        CacheControl=f"private, max-age={rules.LINK_SECONDS}",
    )  # fmt: skip


def delete(keys: Iterable[str]) -> None:
    """Delete objects, whether or not they are there."""
    for key in keys:
        aws.client("s3").delete_object(Bucket=setting("PHOTO_BUCKET"), Key=key)
