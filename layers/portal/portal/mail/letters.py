"""What the emails say: Jinja templates, one a kind, each in plain text and HTML, in the landlord's name."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from portal import clock
from portal.brand import landlord

_HERE = Path(__file__).parent
KINDS = tuple(
    sorted(p.name.removesuffix(".txt") for p in (_HERE / "templates").glob("*.txt") if p.name != "closing.txt")
)


class Message(NamedTuple):
    """A mail ready to be sent."""

    subject: str
    text: str
    html: str


def written(kind: str, about: Mapping[str, Any], *, secret: str | None, site: str) -> Message:
    """The mail of that kind. `about` as `letter` was given it; `site` is the portal's address without a path.

    Raises:
        jinja2.UndefinedError: a variable of the template is missing; never a mail with a gap.
    """
    values = {**about, "secret": secret, "site": site, "landlord": landlord()}
    text = _environment().get_template(f"{kind}.txt").render(values)
    subject, _, body = text.partition("\n")
    subject = " ".join(subject.removeprefix("Subject:").split())
    html = (
        _environment().get_template("base.html").render(values | {"subject": subject, "paragraphs": _paragraphs(body)})
    )
    return Message(subject, body.strip() + "\n", html)


def _paragraphs(body: str) -> list[list[str]]:
    return [block.split("\n") for block in body.strip().split("\n\n")]


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(["html"], default=False),
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": lambda text: clock.in_words(datetime.fromisoformat(text)),
        "day": lambda text: clock.day_in_words(date.fromisoformat(text)),
        "pounds": lambda pence: f"£{abs(pence) // 100:,}.{abs(pence) % 100:02}",
    }
    return environment
