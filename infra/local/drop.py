"""Puts a folder of the landlord's files through the running stack, as the landlord's own system would."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from botocore.exceptions import ClientError

from infra.local import logs as function_logs
from infra.local.console import StackError, say
from infra.local.emulator import client

_LONDON = ZoneInfo("Europe/London")
_WAIT_SECONDS = 840
_SHOWN_REFUSALS = 20
_FAILURES = 1


def load(
    folder: Path,
    endpoint: str,
    outputs: dict[str, str],
    logs: Path,
    *,
    wait_seconds: float = _WAIT_SECONDS,
    given_up: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Upload the files of `folder` as one drop, wait until it is applied, and return its report.

    The files go to `inbox/<date>/<drop_id>/`, `_complete` last; the report is what the import writes to
    `reports/<date>/<drop_id>.json`. `outputs` are the stack's. Raises StackError where there is nothing to load, where
    the import fails (its log is then in the folder `logs`) or takes too long, or when `given_up` says that nobody waits
    any more.
    """
    if not folder.is_dir():
        raise StackError(f"there is no folder {folder}.")
    files = sorted(file for file in folder.iterdir() if file.suffix in {".csv", ".json"} and file.is_file())
    if not files:
        raise StackError(f"{folder} holds no exchange files (*.csv).")
    s3, bucket = client("s3", endpoint), outputs["ExchangeBucketName"]
    failures = _Failures(endpoint, outputs["ImporterFunctionName"])
    now = datetime.now(_LONDON)
    drop = f"{now:%Y-%m-%d}/{now:%H%M%S}-{uuid.uuid4().hex[:8]}"
    for file in files:
        s3.upload_file(str(file), bucket, f"inbox/{drop}/{file.name}")
    s3.put_object(Bucket=bucket, Key=f"inbox/{drop}/_complete", Body=b"")
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline and not given_up():
        try:
            report: dict[str, Any] = json.load(s3.get_object(Bucket=bucket, Key=f"reports/{drop}.json")["Body"])
            return report
        except ClientError as fault:
            if fault.response["Error"]["Code"] not in {"NoSuchKey", "404"}:
                raise
        if failures.any():
            function_logs.collect(endpoint, logs)
            raise StackError(f"the import of {drop} failed.", log=logs / "importer.log")
        time.sleep(0.25)
    function_logs.collect(endpoint, logs)
    raise StackError(f"the import of {drop} gave no report in {wait_seconds:.0f} s.", log=logs / "importer.log")


class _Failures:
    """Notices when the importer fails: the emulator wakes it again only minutes later, and for hours."""

    def __init__(self, endpoint: str, function: str) -> None:
        configuration = client("lambda", endpoint).get_function_configuration(FunctionName=function)
        self._group = configuration["LoggingConfig"]["LogGroup"]
        self._logs = client("logs", endpoint)
        self._since = int(time.time() * 1000)

    def any(self) -> bool:
        """Whether it failed since this was made: what passes by itself it has tried again itself."""
        found = self._logs.filter_log_events(
            logGroupName=self._group, startTime=self._since, filterPattern='"Traceback (most recent call last)"'
        )
        return len(found["events"]) >= _FAILURES


def tell(report: dict[str, Any]) -> None:
    """Print what was applied and what was refused."""
    shown = 0
    for name, file in report.get("files", {}).items():
        status = "" if file.get("status") == "applied" else f" ({file.get('status')}{_why(file)})"
        counts = ", ".join(f"{file[word]} {word}" for word in ("applied", "unchanged", "refused") if file.get(word))
        say(f"    {name}: {counts or 'nothing to apply'}{status}")
        for row in file.get("reasons", []):
            shown += 1
            if shown <= _SHOWN_REFUSALS:
                say(f"      line {row['line']} refused: {row['reason']}")
    total = {word: report.get(word, 0) for word in ("applied", "unchanged", "refused")}
    say("    in all: " + ", ".join(f"{count} {word}" for word, count in total.items()))
    if total["refused"]:
        say("    each refused row is under quarantine/ in the exchange bucket, with its line and the reason")


def _why(file: dict[str, Any]) -> str:
    return f": {file['reason']}" if file.get("reason") else ""
