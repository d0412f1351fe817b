"""What a person reads while the stack works: steps with their seconds, and faults with what to do about them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STILL_WORKING_SECONDS = 10
_TAIL_LINES = 25


class StackError(Exception):
    """Something a person has to know and can mend.

    Attributes:
        log: the file with the whole story, or None where the message is all of it.
    """

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


def say(line: str = "") -> None:
    """Print one line at once."""
    print(line, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, every ten seconds that it still is, and how long it took."""
    say(f"  {title} ...")
    started = time.monotonic()
    done = threading.Event()

    def remind() -> None:
        while not done.wait(_STILL_WORKING_SECONDS):
            say(f"    still at it, {time.monotonic() - started:.0f} s")

    threading.Thread(target=remind, daemon=True).start()
    try:
        yield
    finally:
        done.set()
    say(f"    done in {time.monotonic() - started:.1f} s")


def explain(fault: StackError) -> None:
    """Print a fault, the end of its log, and where the whole log is."""
    say()
    say(f"Stopped: {fault}")
    if fault.log and fault.log.exists():
        tail = fault.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        if tail:
            say()
            for line in tail:
                say(f"  | {line}")
        say()
        say(f"The whole log: {fault.log}")
