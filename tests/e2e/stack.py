"""The local stack for tests: `make run`'s own, with production's limits, on free ports, in a folder of its own.

    def test_something(stack: LocalStack) -> None:
        stack.base_url           # the site and the API, as a browser meets them
        stack.letters(to)        # what the mailer sent
        stack.client("dynamodb") # the emulated AWS with the administrator's keys
        stack.logs()             # what each function logged

A test that must not share its address's budget of tries calls from another: `stack.call(..., source="127.0.0.7")`.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.local import drop, mailbox
from infra.local import logs as function_logs
from infra.local.emulator import client
from infra.local.settings import DEMO, ROOT, Running, Settings

_START_SECONDS = 300
_STOP_SECONDS = 240


@dataclass
class Reply:
    """What the site answered. `headers` have lower-case names; of several of one name, `all_headers` has each."""

    status: int
    all_headers: list[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """Headers by lower-case name."""
        return {name.lower(): value for name, value in self.all_headers}

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class LocalStack:
    """A stack that runs."""

    settings: Settings
    running: Running
    process: subprocess.Popen[bytes]
    output: Path
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def base_url(self) -> str:
        """The site's origin, without a slash at the end."""
        return self.running.site

    @property
    def endpoint(self) -> str:
        """The emulated AWS."""
        return self.running.endpoint

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the application's stack."""
        return self.running.outputs

    def client(self, service: str) -> Any:
        """A client of the emulated AWS with the administrator's keys."""
        return client(service, self.endpoint)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str | None] | None = None,
        raw: bytes | None = None,
        source: str = "127.0.0.1",
    ) -> Reply:
        """Send one request as a page of ours would: `body` as JSON, `raw` as it is; a header of None is left out.

        `source` is the address to call from, any of 127.0.0.0/8: limits are counted per address.
        """
        sent: dict[str, str | None] = {"Origin": self.base_url, "User-Agent": "portal-tests"}
        payload = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        if payload is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        port = urllib.parse.urlsplit(self.base_url).port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40, source_address=(source, 0))
        try:
            connection.request(method, path, payload, {n: v for n, v in sent.items() if v is not None})
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def letters(self, to: str | None = None) -> list[mailbox.Letter]:
        """The emails sent, newest first."""
        return mailbox.letters(self.endpoint, to)

    def wait_for_letter(
        self, to: str, wanted: Callable[[mailbox.Letter], bool] = lambda _: True, *, seconds: float = 20
    ) -> mailbox.Letter:
        """The newest email to an address that is `wanted`, as soon as it is there; fails after `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for letter in self.letters(to):
                if wanted(letter):
                    return letter
            time.sleep(0.1)
        raise AssertionError(
            f"no such email to {to} within {seconds} s; there are {[x.subject for x in self.letters(to)]}"
        )

    def load(self, folder: Path) -> dict[str, Any]:
        """Put a folder of exchange files through the stack; returns the import's report."""
        return drop.load(folder, self.endpoint, self.outputs, self.settings.function_logs, wait_seconds=120)

    def logs(self) -> dict[str, str]:
        """What was logged so far: every function and the API's access log by name, and the emulator's own log."""
        found = function_logs.collect(self.endpoint, self.settings.function_logs)
        found += [file for file in self.settings.logs.glob("*.log") if file.name in {"emulator.log"}]
        return {file.stem: file.read_text() for file in found}

    def stop(self) -> None:
        """Stop as Control-C does, and wait until what was entered is saved."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(_STOP_SECONDS)


def start(
    state: Path, *, limits_factor: int = 1, data: Path | None = DEMO, port: int = 0, root: Path = ROOT
) -> LocalStack:
    """Start a stack on what `state` remembers and return once it is ready. Fails with its output where it is not."""
    state.mkdir(parents=True, exist_ok=True)
    output = state / "run.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "infra.local", "--state", state, "run"),
                *("--port", str(port), "--limits-factor", str(limits_factor), "--data", data or "none"),
            ],
            cwd=root,
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    settings = Settings(state=state, port=port)
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if "\nReady: " in output.read_text():
            running = Running.read(settings)
            assert running
            return LocalStack(settings, running, process, output)
        time.sleep(0.2)
    process.kill()
    raise AssertionError(f"the local stack did not start:\n{output.read_text()}")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One stack for all tests of a session, with the demo landlord loaded and production's limits."""
    started = start(tmp_path_factory.mktemp("stack"))
    yield started
    started.stop()
