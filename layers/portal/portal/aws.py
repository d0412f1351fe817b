"""Clients of AWS services: one botocore session for all, short time-outs, a few retries.

A call may take 1 s to connect and 2 s to answer, three times over, so that a slow dependency is given up
well before API Gateway's 30 s.
"""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

CONNECT_SECONDS = 1
READ_SECONDS = 2
ATTEMPTS = 3

_CONFIG = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
)


@cache
def _session() -> Any:
    return botocore.session.get_session()


@cache
def client(service: str) -> Any:
    """The client of an AWS service, made once a process."""
    return _session().create_client(service, config=_CONFIG)


@cache
def secret(arn: str, version: str | None = None) -> tuple[str, str]:
    """A secret's text and its version id, read once a process; without `version`, the current one.

    Both versions of a rotation are at hand: what was made under the older one names it.
    """
    wanted = {"VersionId": version} if version else {"VersionStage": "AWSCURRENT"}
    answer = client("secretsmanager").get_secret_value(SecretId=arn, **wanted)
    return answer["SecretString"], answer["VersionId"]
