"""The kill switch: closes the portal within a minute, pages and API, and opens it again.

`make close ENV=production` and `make open ENV=production` come here. It sets the key `closed` in CloudFront's key
value store through the AWS CLI (version 2: that store takes no other signature), and then looks at the site until
it answers so. The local stack's own switch is `infra.local close`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

SECONDS = 60
"""Within which it is to be seen (security.md T12)."""

CLOSED = 503
_ROOT = Path(__file__).resolve().parents[1]


class NotSeen(Exception):
    """The switch was set, and the site does not answer so."""


def seen(site: str, *, closed: bool, within: float = SECONDS) -> float:
    """Seconds until the API behind `site` (an origin) answers as it should; raises NotSeen after `within`."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if (_status(f"{site}/api/openapi.json") == CLOSED) is closed:
            return time.monotonic() - began
        time.sleep(0.5)
    raise NotSeen(f"{site} does not answer so after {within:.0f} seconds. Look at the key value store's `closed`.")


def _status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 (our own site)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def turn(environment: str, *, closed: bool) -> str:
    """Set the switch of `environment`, a section of samconfig.toml. Returns the site's origin."""
    settings = tomllib.loads((_ROOT / "samconfig.toml").read_text())[environment]["global"]["parameters"]
    stack, region = settings["stack_name"], settings["region"]
    switches = _output(f"{stack}-site", "SwitchesArn", region)
    store = ["cloudfront-keyvaluestore", "--region", region]
    at = ["--kvs-arn", switches]
    version = _aws(*store, "describe-key-value-store", *at, "--query", "ETag", "--output", "text")
    key = ["--if-match", version, "--key", "closed"]
    if closed:
        _aws(*store, "put-key", *at, *key, "--value", datetime.now(UTC).isoformat(timespec="seconds"))
    else:
        _aws(*store, "delete-key", *at, *key)
    return _output(stack, "SiteOrigin", region)


def _output(stack: str, name: str, region: str) -> str:
    query = f"Stacks[0].Outputs[?OutputKey=='{name}'].OutputValue | [0]"
    return _aws(
        "cloudformation", "describe-stacks", "--region", region, "--stack-name", stack, "--query", query,
        "--output", "text",
    )  # fmt: skip


def _aws(*arguments: str) -> str:
    done = subprocess.run(["aws", *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def main() -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="infra.switch", description=__doc__)
    parser.add_argument("command", choices=["close", "open"])
    parser.add_argument("environment", choices=["staging", "production"])
    arguments = parser.parse_args()
    closed = arguments.command == "close"
    try:
        site = turn(arguments.environment, closed=closed)
        print(f"{site} is {'closed' if closed else 'open'}: seen after {seen(site, closed=closed):.0f} seconds.")
    except NotSeen as fault:
        print(fault, file=sys.stderr)
        return 1
    except (subprocess.CalledProcessError, FileNotFoundError) as fault:
        print(f"The AWS CLI (version 2) could not do it: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
