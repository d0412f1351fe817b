"""Runs the emulator in a Python that has nothing but itself, so that functions find only what they ship.

The emulator starts functions with its own interpreter. Were that the emulator's environment, a function would
import the emulator's packages, and a dependency missing from the layer would show on AWS first.

    PYTHON emulator_host.py SITE_PACKAGES      PYTHON is a bare interpreter, SITE_PACKAGES the emulator's
"""

import os
import signal
import site
import sys
import threading
import time


def _stop_with(parent: int) -> None:
    """Stop in good order, saving what was entered, when whoever started us is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve until SIGTERM."""
    threading.Thread(target=_stop_with, args=(os.getppid(),), daemon=True).start()
    site.addsitedir(sys.argv[1])
    del sys.argv[1:]
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
