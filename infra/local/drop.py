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
from infra.local.console import StackError, say
from infra.local.emulator import client

_LONDON = ZoneInfo("Europe/London")
_WAIT_SECONDS = 840
_SHOWN_REFUSALS = 20


def load(
    folder: Path,
    endpoint: str,
    bucket: str,
    *,
    wait_seconds: float = _WAIT_SECONDS,
    given_up: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Upload the files of `folder` as one drop, wait until it is applied, and return its report.

    The files go to `inbox/<date>/<drop_id>/`, `_complete` last; the report is what the import writes to
    `reports/<date>/<drop_id>.json`. Raises StackError where there is nothing to load, no report comes, or `given_up`
    says that nobody waits any more.
    """
    if not folder.is_dir():
        raise StackError(f"there is no folder {folder}.")
    files = sorted(file for file in folder.iterdir() if file.suffix in {".csv", ".json"} and file.is_file())
    if not files:
        raise StackError(f"{folder} holds no exchange files (*.csv).")
    s3 = client("s3", endpoint)
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
        time.sleep(0.25)
    raise StackError(
        f"the import of {drop} gave no report in {wait_seconds:.0f} s. `make logs` shows the importer's log."
    )


def tell(report: dict[str, Any]) -> None:
    """Print what was applied and what was refused."""
    files = report.get("files", {})
    listed = files if isinstance(files, list) else [{"file": name, **counts} for name, counts in files.items()]
    for entry in listed:
        counts = ", ".join(f"{v} {k.replace('_', ' ')}" for k, v in entry.items() if isinstance(v, int))
        say(f"    {entry.get('file') or entry.get('name')}: {counts}")
    refused = report.get("refused") or [
        {"file": entry.get("file") or entry.get("name"), **row}
        for entry in listed
        for row in entry.get("refused", [])
        if isinstance(entry.get("refused"), list)
    ]
    for row in refused[:_SHOWN_REFUSALS] if isinstance(refused, list) else []:
        say(f"    refused: {row.get('file')} line {row.get('line')}: {row.get('reason')}")
    if isinstance(refused, list) and len(refused) > _SHOWN_REFUSALS:
        say(f"    and {len(refused) - _SHOWN_REFUSALS} more, all of them under quarantine/ in the exchange bucket")
