"""The exchange bucket: the one place that talks to S3."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import HTTPClientError

from portal import aws
from portal.exchange import rules
from portal.exchange.rules import Drop
from portal.settings import setting

_CHUNK = 256 * 1024
_IN_MEMORY = 8 * 1024 * 1024
_TRIES = 3


def drops(prefix: str = "inbox/") -> dict[Drop, set[str]]:
    """Every drop of the inbox with the names of its files, the oldest first."""
    found: dict[Drop, set[str]] = {}
    more: dict[str, str] = {}
    while True:
        answer = aws.client("s3").list_objects_v2(Bucket=setting("EXCHANGE_BUCKET"), Prefix=prefix, **more)
        for listed in answer.get("Contents", []):
            if its := rules.drop_of(listed["Key"]):
                found.setdefault(its[0], set()).add(its[1])
        if not answer.get("IsTruncated"):
            return dict(sorted(found.items()))
        more = {"ContinuationToken": answer["NextContinuationToken"]}


@contextmanager
def opened(key: str) -> Iterator[Iterator[bytes]]:
    """The object's bytes, a piece at a time.

    It is brought to local disk first: S3 would not wait with an open answer while rows are applied.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as local:
        for attempt in range(_TRIES):
            local.seek(0)
            local.truncate()
            try:
                answer = aws.client("s3").get_object(Bucket=setting("EXCHANGE_BUCKET"), Key=key)
                for piece in answer["Body"].iter_chunks(_CHUNK):
                    local.write(piece)
                break
            except HTTPClientError:
                if attempt == _TRIES - 1:
                    raise
        local.seek(0)
        yield iter(lambda: local.read(_CHUNK), b"")


def read(key: str) -> bytes:
    """The whole of a small object."""
    with opened(key) as pieces:
        return b"".join(pieces)


def write(key: str, body: bytes, content_type: str = "text/csv; charset=utf-8") -> None:
    """Write an object; one of the same name is replaced."""
    aws.client("s3").put_object(Bucket=setting("EXCHANGE_BUCKET"), Key=key, Body=body, ContentType=content_type)


def write_json(key: str, value: Any) -> None:
    """Write an object that holds `value`."""
    write(key, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n", "application/json")
