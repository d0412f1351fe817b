"""The whole stack: emulator, template, site, the landlord's first files; started in order, stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from data import make_demo
from infra.local import deployment, drop, logs, pages
from infra.local.console import StackError, say, step
from infra.local.emulator import Emulator, client, stop_process
from infra.local.mailbox import Mailbox
from infra.local.people import who_can_register, write_demo
from infra.local.settings import DEMO, ROOT, Running, Settings
from infra.local.site import Origin, Site

_WARMED_AT_ONCE = 3


class Stack:
    """One stack from start to stop. Use `run`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.emulator = Emulator(settings)
        self.mailbox: Mailbox | None = None
        self._stopping = _Stopping()
        self.sockets = _listen(settings.port)
        self.origin = f"http://localhost:{self.sockets[0].getsockname()[1]}"

    def run(self) -> None:
        """Start everything, say Ready, serve until SIGINT or SIGTERM, stop everything.

        Raises StackError where something does not start; what had been started is stopped first.
        """
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._stopping.ask)
            asyncio.run(self._serve(self._start()))
        except KeyboardInterrupt:
            pass
        finally:
            self._stop()

    def _start(self) -> dict[str, str]:
        earlier = Running.read(self.settings)
        if earlier:
            raise StackError(f"this stack runs already, at {earlier.site} (process {earlier.pid}).")
        self.settings.logs.mkdir(parents=True, exist_ok=True)
        self._stop_orphan()
        pages.build(self.settings)
        with step("Starting the emulator of AWS"):
            self.emulator.start()
        return deployment.deploy(self.settings, self.emulator.endpoint, self.origin)

    async def _serve(self, outputs: dict[str, str]) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stopping.then(lambda: loop.call_soon_threadsafe(stopped.set))
        endpoint = self.emulator.endpoint
        secrets = client("secretsmanager", endpoint)
        secret = secrets.get_secret_value(SecretId=outputs["OriginSecretArn"])["SecretString"]
        self.mailbox = Mailbox(endpoint, self.settings.letters_file)
        self.settings.start_api_file.write_text(json.dumps(deployment.Bridges(endpoint).environments(), indent=2))
        site = Site(
            self.settings.site,
            Origin(endpoint, outputs["ApiId"], secret),
            self.mailbox.letters,
            self.settings.closed_file,
            # The emulator has no address a bucket: all are paths under its own.
            photo_bucket_origin=endpoint,
        )
        runner = web.AppRunner(site.application(), access_log=None, shutdown_timeout=2)
        await runner.setup()
        try:
            for listening in self.sockets:
                await web.SockSite(runner, listening).start()
            Running(os.getpid(), self.emulator.pid, self.origin, endpoint, outputs).write(self.settings)
            preparing: asyncio.Task[Any] = loop.create_task(asyncio.to_thread(self._prepare, outputs))
            waiting: asyncio.Task[Any] = loop.create_task(stopped.wait())
            await asyncio.wait([preparing, waiting], return_when=asyncio.FIRST_COMPLETED)
            if preparing.done():
                preparing.result()
                self._ready()
                watching: asyncio.Task[Any] = loop.create_task(self._watch())
                await asyncio.wait([waiting, watching], return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    watching.result()
        finally:
            await runner.cleanup()

    async def _watch(self) -> None:
        while self.emulator.running():
            await asyncio.sleep(1)
        raise StackError("the emulator of AWS ended by itself.", log=self.emulator.log)

    def _prepare(self, outputs: dict[str, str]) -> None:
        with step("Waking the functions"):
            self._warm()
        folder = self.settings.data
        loaded = self.settings.state / "loaded"
        if folder and not loaded.exists():
            if folder == DEMO:
                write_demo()
            with step(f"Loading the landlord's files from {_shown(folder)}"):
                report = drop.load(
                    folder,
                    self.emulator.endpoint,
                    outputs,
                    self.settings.function_logs,
                    given_up=lambda: self._stopping.asked,
                )
            drop.tell(report)
            loaded.write_text(json.dumps(report))

    def _warm(self) -> None:
        """Start each function's first process: a person should not wait for it, nor the emulator for many at once.

        A write without an origin is refused before it does anything, and a reading without a session too.
        """
        calls: dict[str, tuple[str, str]] = {}
        for function, _, properties in deployment.Bridges(self.emulator.endpoint).events("HttpApi"):
            if "Path" in properties:
                path = properties["Path"].replace("{", "").replace("}", "")
                calls.setdefault(function, (properties["Method"], path))

        def call(method: str, path: str) -> None:
            address, body = self.origin + path, None if method == "GET" else b"{}"
            request = urllib.request.Request(address, method=method, data=body)  # noqa: S310 (our own address)
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 (our own address)

        with ThreadPoolExecutor(_WARMED_AT_ONCE) as pool:
            list(pool.map(lambda wanted: call(*wanted), calls.values()))

    def _ready(self) -> None:
        folder = self.settings.data
        people = who_can_register(folder, make_demo.london_today()) if folder else []
        if folder and people:
            say()
            say(f"Who can register at {self.origin}/register/, for example:")
            for person in people:
                say()
                say(f"  {person.description}")
                say(f"    email              {person.email}")
                say(f"    mobile             {person.mobile}")
                say(f"    tenancy reference  {person.tenancy_reference}")
                say(f"    date of birth      {person.date_of_birth:%-d %B %Y}")
            say()
            say(f"Everybody in {_shown(folder)}/people.csv whose tenancy has not ended can.")
        if self.settings.closed_file.exists():
            say("The portal is closed, as it was when it stopped: `make open` opens it.")
        say(f"Emails arrive at {self.origin}/_local/mailbox")
        say("Control-C stops the stack and keeps what was entered; `make reset` forgets it.")
        say()
        say(f"Ready: {self.origin}")

    def _stop_orphan(self) -> None:
        """An emulator whose stack was killed stops by itself; wait for it, so that its state is saved first."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            stop_process(json.loads(self.settings.running_file.read_text())["emulator_pid"])
        self.settings.running_file.unlink(missing_ok=True)

    def _stop(self) -> None:
        for listening in self.sockets:
            listening.close()
        if self.emulator.running():
            say("Stopping, and saving what was entered ...")
            with contextlib.suppress(Exception):
                logs.collect(self.emulator.endpoint, self.settings.function_logs)
                if self.mailbox:
                    self.mailbox.keep()
            self.emulator.stop()
            self.settings.running_file.unlink(missing_ok=True)
            say("Stopped.")


class _Stopping:
    """Whether somebody asked to stop; before there is anything to stop gently, asking interrupts."""

    def __init__(self) -> None:
        self.asked = False
        self._then: Any = None

    def ask(self, *_: object) -> None:
        """A signal arrived."""
        self.asked = True
        if self._then:
            self._then()
        else:
            raise KeyboardInterrupt

    def then(self, stop: Any) -> None:
        """From now on a signal calls `stop`."""
        self._then = stop


def _listen(port: int) -> list[socket.socket]:
    """Sockets on the loopback addresses, so that nobody else can take the port while the stack starts."""
    listening = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            made = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            made.bind((address, port))
            made.listen(128)
        except OSError as fault:
            made.close()
            if family == socket.AF_INET6:
                continue
            raise StackError(
                f"port {port} is taken by another program. Stop that, or choose another: make run PORT={port + 1}"
            ) from fault
        port = made.getsockname()[1]
        listening.append(made)
    return listening


def _shown(folder: Any) -> str:
    return str(folder.relative_to(ROOT)) if folder.is_relative_to(ROOT) else str(folder)
