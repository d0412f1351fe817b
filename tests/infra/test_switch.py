"""The kill switch of AWS: what it asks of the AWS CLI, and that it says so only once it is seen."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import switch

ARN = "arn:aws:cloudfront::123456789012:key-value-store/a"

# Stands in for the AWS CLI: writes down what it was asked, and does it to a file that the site below reads.
AWS = """#!/usr/bin/env python3
import json, pathlib, sys
here = pathlib.Path(__file__).parent
asked = sys.argv[1:]
with (here / "asked").open("a") as log:
    log.write(json.dumps(asked) + "\\n")
words = dict(zip(asked, asked[1:]))
if "describe-stacks" in asked:
    print(ARN if "SwitchesArn" in words["--query"] else (here / "site").read_text())
elif "describe-key-value-store" in asked:
    print("E1")
elif "put-key" in asked and (here / "takes").exists():
    (here / "closed").touch()
elif "delete-key" in asked:
    (here / "closed").unlink()
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an `aws` that takes what it is asked."""
    (tmp_path / "aws").write_text(AWS.replace("ARN", repr(ARN)))
    (tmp_path / "aws").chmod(0o755)
    (tmp_path / "takes").touch()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


@pytest.fixture
def site(cli: Path) -> Iterator[str]:
    """A site that is closed while the key says so."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if (cli / "closed").exists() else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}"
    (cli / "site").write_text(origin)
    yield origin
    server.shutdown()
    server.server_close()


def asked(cli: Path) -> list[list[str]]:
    return [json.loads(line) for line in (cli / "asked").read_text().splitlines()]


def run(monkeypatch: pytest.MonkeyPatch, command: str, environment: str) -> int:
    monkeypatch.setattr("sys.argv", ["switch", command, environment])
    return switch.main()


def test_closing_sets_the_key_in_the_environments_own_store_and_says_when_it_is_seen(
    cli: Path, site: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "close", "production") == 0
    assert capsys.readouterr().out == f"{site} is closed: seen after 0 seconds.\n"
    stacks = [words[words.index("--stack-name") + 1] for words in asked(cli) if "--stack-name" in words]
    assert stacks == ["portal-site", "portal"]
    (put,) = [words for words in asked(cli) if "put-key" in words]
    assert put[put.index("--kvs-arn") + 1] == ARN
    assert put[put.index("--if-match") + 1] == "E1"
    assert put[put.index("--key") + 1] == "closed"
    assert put[put.index("--value") + 1]

    assert run(monkeypatch, "open", "staging") == 0
    assert capsys.readouterr().out == f"{site} is open: seen after 0 seconds.\n"
    assert [w[w.index("--stack-name") + 1] for w in asked(cli) if "--stack-name" in w][2:] == [
        "portal-staging-site",
        "portal-staging",
    ]


def test_a_switch_that_nobody_sees_is_no_success(
    cli: Path, site: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (cli / "takes").unlink()
    monkeypatch.setattr(switch.seen, "__kwdefaults__", {"within": 0.1})
    assert run(monkeypatch, "close", "production") == 1
    assert "does not answer so" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(cli / "nowhere"))
    assert run(monkeypatch, "close", "production") == 1
    assert "AWS CLI" in capsys.readouterr().err
