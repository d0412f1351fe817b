"""Collects what the functions logged, each function's lines in a file of its own."""

from __future__ import annotations

from pathlib import Path

from infra.local.emulator import client
from infra.local.settings import STACK_NAME


def collect(endpoint: str, folder: Path) -> list[Path]:
    """Write every log group of the stack to `folder`, replacing what is there. Returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    logs = client("logs", endpoint)
    prefix = f"/portal/{STACK_NAME}/"
    written = []
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
        for group in page["logGroups"]:
            lines = []
            for events in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
                lines += [(event["timestamp"], event["message"].rstrip("\n")) for event in events["events"]]
            file = folder / f"{group['logGroupName'].removeprefix(prefix)}.log"
            file.write_text("".join(f"{message}\n" for _, message in sorted(lines, key=lambda line: line[0])))
            written.append(file)
    return written
