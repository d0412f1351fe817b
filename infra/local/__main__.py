"""The local stack's commands: `python -m infra.local run | load FOLDER | logs | close | open | reset`.

The Makefile calls them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from infra import switch
from infra.local import drop, logs
from infra.local.console import StackError, explain, say, step
from infra.local.emulator import stop_process
from infra.local.settings import DEFAULT_PORT, SHARED, Running, Settings
from infra.local.stack import Stack


def main() -> int:
    """Run one command; returns the exit code."""
    arguments = _arguments()
    settings = Settings(state=arguments.state.resolve())
    try:
        if arguments.command == "run":
            data = (
                None
                if arguments.data == "none"
                else Path(arguments.data).resolve()
                if arguments.data
                else settings.data
            )
            settings = Settings(
                state=settings.state, port=arguments.port, limits_factor=arguments.limits_factor, data=data
            )
            Stack(settings).run()
        elif arguments.command == "load":
            running = _running(settings)
            with step(f"Loading {arguments.folder}"):
                report = drop.load(arguments.folder, running.endpoint, running.outputs, settings.function_logs)
            drop.tell(report)
        elif arguments.command == "logs":
            for file in logs.collect(_running(settings).endpoint, settings.function_logs):
                say(str(file))
        elif arguments.command in {"close", "open"}:
            _turn(settings, closed=arguments.command == "close")
        elif arguments.command == "reset":
            _reset(settings)
    except StackError as fault:
        explain(fault)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="infra.local", description=__doc__)
    parser.add_argument("--state", type=Path, default=SHARED, help="the folder of everything the stack remembers")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start the stack and serve until Control-C")
    run.add_argument("--port", type=int, default=DEFAULT_PORT, help="where the site listens; 0 takes a free port")
    run.add_argument(
        "--limits-factor", type=int, default=100, help="multiplies the limits per address; 1 as in production"
    )
    run.add_argument("--data", default="", help="exchange files to load when the stack is empty, or `none`")
    load = commands.add_parser("load", help="put a folder of exchange files through the running stack")
    load.add_argument("folder", type=Path)
    commands.add_parser("logs", help="collect the functions' log lines, one file a function")
    commands.add_parser("close", help="close the portal: every page says so, the API answers 503")
    commands.add_parser("open", help="open the portal again")
    commands.add_parser("reset", help="forget everything that was entered")
    return parser.parse_args()


def _running(settings: Settings) -> Running:
    running = Running.read(settings)
    if running is None:
        raise StackError("no stack is running. Start one with `make run`, and leave it running.")
    return running


def _turn(settings: Settings, *, closed: bool) -> None:
    """Close or open the running stack, and say when it was seen."""
    running = _running(settings)
    if closed:
        settings.closed_file.write_text(datetime.now(UTC).isoformat(timespec="seconds"))
    else:
        settings.closed_file.unlink(missing_ok=True)
    try:
        seconds = switch.seen(running.site, closed=closed)
    except switch.NotSeen as fault:
        raise StackError(str(fault)) from fault
    say(f"{running.site} is {'closed' if closed else 'open'}: seen after {seconds:.0f} seconds.")


def _reset(settings: Settings) -> None:
    """Forget what was entered. The build stays: it holds nothing that was entered."""
    running = Running.read(settings)
    if running:
        with step("Stopping the running stack"):
            stop_process(running.pid)
    for remembered in ("aws", "s3", "tmp", "logs"):
        shutil.rmtree(settings.state / remembered, ignore_errors=True)
    for remembered in ("deployed.json", "loaded", "letters.json", "start-api.json", "running.json", "closed"):
        (settings.state / remembered).unlink(missing_ok=True)
    say("Forgotten. `make run` starts afresh with the demo landlord's files.")


if __name__ == "__main__":
    sys.exit(main())
