"""The emails that the emulated SES took, for a person and for tests."""

from __future__ import annotations

import html
import json
import re
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'self'"
)
"""A letter's HTML is shown in a sandboxed frame and can neither run a script nor load anything."""


@dataclass(frozen=True)
class Letter:
    """One email to one address. `sent_at` is ISO 8601."""

    to: str
    subject: str
    text: str
    html: str
    sent_at: str


def letters(endpoint: str, to: str | None = None) -> list[Letter]:
    """The emails sent, newest first; with `to`, only those to that address (case does not matter)."""
    with urllib.request.urlopen(f"{endpoint}/_ministack/ses/messages", timeout=10) as answer:  # noqa: S310
        accounts = json.load(answer)["messages"]
    found = [
        (record["Timestamp"], number, Letter(address, record["Subject"], record["BodyText"] or "",
                                             record["BodyHtml"] or "", _iso(record["Timestamp"])))
        for records in accounts.values()
        for number, record in enumerate(records)
        for address in record["To"]
        if to is None or address.lower() == to.lower()
    ]  # fmt: skip
    return [letter for *_, letter in sorted(found, key=lambda entry: entry[:2], reverse=True)]


def _iso(moment: float | str) -> str:
    """The emulator tells a moment as seconds since 1970, or as text."""
    return moment if isinstance(moment, str) else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


class Mailbox:
    """The emails of this run and, from `file`, of the runs before it."""

    def __init__(self, endpoint: str, file: Path) -> None:
        self._endpoint, self._file = endpoint, file
        self._earlier = [Letter(**kept) for kept in json.loads(file.read_text())] if file.exists() else []

    def letters(self, to: str | None = None) -> list[Letter]:
        """As the function `letters`."""
        earlier = [letter for letter in self._earlier if to is None or letter.to.lower() == to.lower()]
        return letters(self._endpoint, to) + earlier

    def keep(self) -> None:
        """Write all of them down for the next run."""
        self._file.write_text(json.dumps([letter.__dict__ for letter in self.letters()]))


def page(shown: list[Letter], to: str | None) -> str:
    """The mailbox as an HTML page."""
    whose = f" to {html.escape(to)}" if to else ""
    found = "\n".join(_article(letter) for letter in shown) or f"<p>No email{whose} has been sent yet.</p>"
    filled = {"whose": whose, "to": html.escape(to or ""), "found": found}
    return re.sub(r"{(whose|to|found)}", lambda name: filled[name[1]], _PAGE)


def _article(letter: Letter) -> str:
    rich = ""
    if letter.html:
        frame = f'<iframe sandbox title="The email as HTML" srcdoc="{html.escape(letter.html)}"></iframe>'
        rich = f"<details><summary>As HTML</summary>{frame}</details>"
    return (
        f"<article><h2>{html.escape(letter.subject)}</h2>"
        f"<p>To {html.escape(letter.to)}, {html.escape(letter.sent_at)}</p>"
        f"<pre>{html.escape(letter.text)}</pre>{rich}</article>"
    )


_PAGE = """<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Mailbox{whose} - local stack</title>
<style>
body { font: 19px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 45rem; padding: 1rem; }
article { border-top: 1px solid #bbb; margin-top: 2rem; }
h2 { margin-bottom: 0; }
pre { background: #f3f3f3; overflow-wrap: break-word; padding: 1rem; white-space: pre-wrap; }
iframe { border: 1px solid #bbb; height: 30rem; width: 100%; }
input, button { font: inherit; min-height: 44px; }
</style>
</head>
<body>
<main>
<h1>Mailbox</h1>
<p>Every email that the portal on this machine has sent, newest first. Nothing here left this machine.</p>
<form method="get"><label>Only to <input name="to" type="email" value="{to}"></label> <button>Show</button></form>
{found}
</main>
</body>
</html>
"""
