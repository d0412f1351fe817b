"""Runs the emulator in a Python that has nothing but itself, so that functions find only what they ship.

The emulator starts functions with its own interpreter. Were that the emulator's environment, a function would
import the emulator's packages, and a dependency missing from the layer would show on AWS first.

    PYTHON emulator_host.py SITE_PACKAGES ACCESS      PYTHON is a bare interpreter, SITE_PACKAGES the emulator's

What roles were allowed and refused is noted in the file ACCESS, each decision once, for the test that holds each
role to what its function does.
"""

import json
import os
import signal
import site
import sys
import threading
import time
from typing import Any

_NOTED = ("who", "action", "resource", "decision")


def _stop_with(parent: int) -> None:
    """Stop in good order, saving what was entered, when whoever started us is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _note_decisions(file: str) -> None:
    """Write down each decision about a role once: who, what, on what, and how it was decided."""
    from ministack.core import iam_evaluator

    evaluate, enforce = iam_evaluator.evaluate, iam_evaluator.enforce
    asked = threading.local()
    noted: set[tuple[str, ...]] = set()
    lock = threading.Lock()

    def evaluating(context: Any, *policies: Any) -> Any:
        asked.by = context.principal_arn
        return evaluate(context, *policies)

    def enforcing(key: str, action: str, service: str, region: str, resource_arn: str = "*", **more: Any) -> Any:
        asked.by = None
        refused = enforce(key, action, service, region, resource_arn, **more)
        if asked.by and ":assumed-role/" in asked.by:
            # The folder of an object, not its name.
            parts = 2 if resource_arn.startswith("arn:aws:s3:::") else None
            where = "/".join(resource_arn.split("/")[:parts])
            decision = (asked.by.rpartition(":")[2], action, where, "refused" if refused else "allowed")
            with lock:
                if decision not in noted:
                    noted.add(decision)
                    with open(file, "a") as lines:
                        lines.write(json.dumps(dict(zip(_NOTED, decision, strict=True))) + "\n")
        return refused

    iam_evaluator.evaluate, iam_evaluator.enforce = evaluating, enforcing


def main() -> None:
    """Serve until SIGTERM."""
    threading.Thread(target=_stop_with, args=(os.getppid(),), daemon=True).start()
    site.addsitedir(sys.argv[1])
    _note_decisions(sys.argv[2])
    del sys.argv[1:]
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
