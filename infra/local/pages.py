"""Builds the site for the local stack, and does nothing where it is built from these sources already."""

from __future__ import annotations

import subprocess
import sys

from infra.local.console import StackError, step
from infra.local.deployment import fingerprint, only_one
from infra.local.settings import ROOT, SHARED, Settings

_SOURCES = ("frontend", "brand")


def build(settings: Settings) -> None:
    """Bring the built site up to its sources. Raises StackError where the build fails."""
    with only_one():
        sources, stamp = fingerprint(*_SOURCES, str(settings.brand)), SHARED / "site.sources"
        if stamp.exists() and stamp.read_text() == sources and settings.site.is_dir():
            return
        stamp.unlink(missing_ok=True)
        log = settings.logs / "site.log"
        with step("Building the site"), log.open("wb") as output:
            done = subprocess.run(
                [sys.executable, "-m", "frontend.build", "--brand", settings.brand, "--out", settings.site],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        if done.returncode:
            raise StackError("building the site failed.", log=log)
        stamp.write_text(sources)
