"""Where the local stack keeps its things, and what it is started with."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-2"
ACCOUNT = "000000000000"
STACK_NAME = "portal"
ARTIFACTS_BUCKET = "portal-artifacts"
DEFAULT_PORT = 8000

VENVS = ROOT / ".venvs"
SHARED = ROOT / ".local"
"""What stacks on this machine share: the build of the functions, the demo landlord's files."""

DEMO = SHARED / "demo"
"""The demo landlord's exchange files, written by data/make_demo.py as of the day."""


@dataclass(frozen=True)
class Settings:
    """How one stack is started.

    Attributes:
        state: the folder for everything that this stack remembers and logs.
        port: where the site listens; 0 takes any free port.
        limits_factor: by how much the limits per address are multiplied (1 as in production).
        data: a folder of exchange files loaded when the stack is empty, or None.
        brand: the landlord's brand file.
        site: the folder of the built site.
    """

    state: Path = SHARED
    port: int = DEFAULT_PORT
    limits_factor: int = 100
    data: Path | None = DEMO
    brand: Path = ROOT / "brand" / "demo.toml"
    site: Path = SHARED / "site"

    @property
    def logs(self) -> Path:
        """Where every log of this stack is written."""
        return self.state / "logs"

    @property
    def function_logs(self) -> Path:
        """Where the functions' own log lines are collected when the stack stops."""
        return self.logs / "functions"

    @property
    def access_log(self) -> Path:
        """What the roles were allowed and refused, one JSON object a line."""
        return self.logs / "access.jsonl"

    @property
    def letters_file(self) -> Path:
        """The emails of earlier runs: the emulator forgets them."""
        return self.state / "letters.json"

    @property
    def start_api_file(self) -> Path:
        """What `sam local start-api` is to tell the functions (samconfig.toml)."""
        return self.state / "start-api.json"

    @property
    def closed_file(self) -> Path:
        """Stands in for the key `closed` of CloudFront's key value store: while it is there, the portal is closed."""
        return self.state / "closed"

    @property
    def running_file(self) -> Path:
        """Tells other commands about the running stack; there only while it runs."""
        return self.state / "running.json"


@dataclass(frozen=True)
class Running:
    """A stack that runs: what other commands need to talk to it."""

    pid: int
    emulator_pid: int
    site: str
    endpoint: str
    outputs: dict[str, str]

    def write(self, settings: Settings) -> None:
        """Tell other commands."""
        settings.running_file.write_text(json.dumps(self.__dict__, indent=2))

    @staticmethod
    def read(settings: Settings) -> Running | None:
        """The stack that runs on this state, or None. What a killed stack left behind counts as none."""
        try:
            told: dict[str, Any] = json.loads(settings.running_file.read_text())
            running = Running(**told)
        except (OSError, ValueError, TypeError):
            return None
        return running if alive(running.pid) else None


def alive(pid: int) -> bool:
    """Whether a process of this id exists and is not merely waiting to be collected."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True
