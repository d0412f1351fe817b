"""Clients of AWS services: one botocore session for all, short time-outs, a few retries.

A call may take 1 s to connect and 2 s to answer, three times over, and never longer than what is left of the time in
which somebody waits for an answer (`portal.budget`): a try that would not end in time is not begun.
"""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from portal import budget

CONNECT_SECONDS = 1
READ_SECONDS = 2
ATTEMPTS = 3
_LEAST_READ_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 2
"""botocore's before its third try of a throttled call (standard mode: up to 1 s, then up to 2)."""

_CONFIG = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
)

# What is signed beforehand is signed for the region's own address, by the signature that an encrypted bucket takes.
_PRESIGNING = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})


class OutOfTime(BotoCoreError):  # type: ignore[misc]  # botocore has no types
    """No time was left to make a call; it was not made."""

    fmt = "no time was left for another call"


@cache
def _session() -> Any:
    return botocore.session.get_session()


@cache
def client(service: str) -> Any:
    """The client of an AWS service, made once a process."""
    config = _CONFIG.merge(_PRESIGNING) if service == "s3" else _CONFIG
    made = _session().create_client(service, config=config)
    made.meta.events.register_first("before-send", _in_time)
    made.meta.events.register_first("needs-retry", _no_pause_at_the_end)
    return made


def _in_time(request: Any, **_: Any) -> None:
    left = budget.remaining()
    if left is None:
        return
    if left < CONNECT_SECONDS + _LEAST_READ_SECONDS:
        raise OutOfTime
    request.context["read_timeout"] = min(READ_SECONDS, left - CONNECT_SECONDS)


def _no_pause_at_the_end(**_: Any) -> bool | None:
    """False: not tried again. None: botocore decides."""
    left = budget.remaining()
    return False if left is not None and left < _LONGEST_PAUSE_SECONDS else None


@cache
def secret(arn: str, version: str | None = None) -> tuple[str, str]:
    """A secret's text and its version id, read once a process; without `version`, the current one.

    Both versions of a rotation are at hand: what was made under the older one names it.
    """
    wanted = {"VersionId": version} if version else {"VersionStage": "AWSCURRENT"}
    answer = client("secretsmanager").get_secret_value(SecretId=arn, **wanted)
    return answer["SecretString"], answer["VersionId"]
