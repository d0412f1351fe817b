"""The emulator of AWS as a process: started in a folder of its own, stopped so that it saves what it holds."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.local.console import StackError
from infra.local.settings import REGION, VENVS, Settings, alive

_START_SECONDS = 30
_STOP_SECONDS = 90
_KEEP_WARM_SECONDS = 3600


def client(service: str, endpoint: str) -> Any:
    """A client of the emulated AWS with the administrator's keys."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 (the emulator's own, known to everybody)
        config=Config(retries={"total_max_attempts": 3}, read_timeout=60, s3={"addressing_style": "path"}),
    )


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Emulator:
    """One emulator. State is loaded on start and saved on stop (never on a kill, so `stop` waits)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = settings.logs / "emulator.log"
        self.temporary = settings.state / "tmp"
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; only while it runs."""
        if self._process is None:
            raise StackError("the emulator of AWS does not run.")
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it answers. Raises StackError where it does not."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        for folder in (self.settings.logs, self.temporary, self.settings.state / "aws", self.settings.state / "s3"):
            folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    _bare_python(),
                    Path(__file__).with_name("emulator_host.py"),
                    _site_packages(VENVS / "ministack"),
                    self.settings.access_log,
                ],
                cwd=self.temporary,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Control-C goes to a whole foreground group; this one is told to stop by us, in its turn.
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise StackError("the emulator of AWS did not start.", log=self.log)
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2)  # noqa: S310
                return
            time.sleep(0.1)
        raise StackError(f"the emulator of AWS gave no answer for {_START_SECONDS} seconds.", log=self.log)

    def stop(self) -> None:
        """Save and stop; the folders that its functions ran in go with it."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.temporary, ignore_errors=True)

    def running(self) -> bool:
        """Whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
        return kept | {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(self.settings.state / "aws"),
            "S3_DATA_DIR": str(self.settings.state / "s3"),
            "TMPDIR": str(self.temporary),
            "LAMBDA_WARM_TTL_SECONDS": str(_KEEP_WARM_SECONDS),
            # It looks for a container engine; there is nothing here for it to start.
            "DOCKER_HOST": f"unix://{self.temporary}/no-engine.sock",
            "LOG_LEVEL": "WARNING",
            # As on Lambda, where code lies on a read-only disk.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONNOUSERSITE": "1",
        }


def stop_process(pid: int) -> None:
    """Stop a stack that another command started, and wait until it has saved."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)


def _bare_python() -> Path:
    """An interpreter that has no packages, made once."""
    python = VENVS / "functions" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENVS / "functions"], check=True)
    return python


def _site_packages(environment: Path) -> Path:
    found = sorted(environment.glob("lib/python3.*/site-packages"))
    if not found:
        raise StackError("the emulator of AWS is not installed: run `make setup`.")
    return found[-1]
