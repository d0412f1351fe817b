"""T13: what somebody stored is text wherever it is shown, in a real browser under the site's own headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.frontend import answers, test_in_browser
from tests.frontend.answers import (
    ACCOUNT,
    CONTACT,
    LINES,
    MEMBERS,
    OLD_REPAIR,
    REPAIR,
    SESSIONS,
    ok,
    payment,
)
from tests.frontend.test_in_browser import Tab

pytestmark = pytest.mark.browser
origin, browser, tab = test_in_browser.origin, test_in_browser.browser, test_in_browser.tab

AROUND = [
    ("", ""), ("\"'>", ""), ("</p></main>", ""), ("<!--", "-->"), ("]]>", ""), ("{{", "}}"), ("\\", ""), ("`${", "}`"),
]  # fmt: skip
RUNS = [
    "<script>window.ran=1</script>", "<img src=x onerror=window.ran=1>", "<svg onload=window.ran=1>",
    "<iframe srcdoc='<script>parent.ran=1</script>'>", "javascript:window.ran=1", "<a href=javascript:ran=1>a</a>",
    "<body onload=window.ran=1>", "<details open ontoggle=window.ran=1>", "<input autofocus onfocus=ran=1>",
    "<math><mi xlink:href=javascript:ran=1>", "<style>@import 'x1'</style>", "<link rel=stylesheet href=//x/1>",
    "<base href=//evil.example/>", "<form action=//evil.example/><button>", "<object data=x>", "<embed src=x>",
    "<meta http-equiv=refresh content=0;url=//x/>", "<video><source onerror=ran=1>", "<marquee onstart=ran=1>",
    "<template><script>ran=1</script></template>", "&lt;script&gt;ran=1&lt;/script&gt;", "${ran=1}",
    "\u202e<script>ran=1</script>", "<scr\u00adipt>ran=1</script>", "<isindex action=javascript:ran=1 type=image>",
]  # fmt: skip
PAYLOADS = [before + run + after for before, after in AROUND for run in RUNS]

# Elements that a payload would bring in; how many of them a page has by itself is counted first.
FOREIGN = (
    "script, img, svg, iframe, object, embed, style, link, base, meta, math, video, template, marquee, isindex, "
    "[onload], [onerror], [ontoggle], [onfocus], [onstart], [href^='javascript:'], form"
)
Stored = Callable[[str], dict[str, Any]]


def contact(text: str) -> dict[str, Any]:
    address = dict.fromkeys(("line_1", "line_2", "town", "postcode"), text)
    preferences = {"contact_by": "text", "language": text, "large_print": True}
    return {**CONTACT, "email": text, "correspondence_address": address, "preferences": preferences}


def repair(text: str) -> dict[str, Any]:
    fields = dict.fromkeys(("place", "object", "problem", "description", "access_notes", "reference"), text)
    events = [{"at": answers.moment(days=2), "event": "reported", "note": text}]
    answered = [{"question_id": "which", "text": text, "answer_id": "hot", "answer": text}]
    return {**REPAIR, **fields, "events": events, "answers": answered}


def listed(name: str, item: dict[str, Any], *fields: str) -> Stored:
    return lambda text: {name: [{**item, **dict.fromkeys(fields, text)}], "next_cursor": None}


def at_home(text: str) -> dict[str, Any]:
    session = answers.logged_in({**answers.HOME, "address": text})
    session["customer"] |= {"first_name": text}
    return session


def accounts(text: str) -> dict[str, Any]:
    """Two of them, so that each is shown by its name."""
    return {"rent_accounts": [{**ACCOUNT, "name": text}, answers.GARAGE]}


STORED: list[tuple[str, str, Stored]] = [
    ("GET /session", "/home/", at_home),
    ("GET /balance", "/home/", accounts),
    ("GET /repairs", "/home/", lambda text: {"repairs": [repair(text)], "next_cursor": None}),
    ("GET /household", "/household/", listed("members", MEMBERS[0], "name")),
    ("GET /contact", "/contact/", contact),
    ("GET /repairs/r1", "/repairs/repair/#r1", repair),
    ("GET /repairs", "/repairs/", listed("repairs", OLD_REPAIR, "description", "reference")),
    ("GET /balance/a1/transactions", "/rent/transactions/#a1", listed("transactions", LINES[0], "description")),
    ("GET /balance", "/rent/", listed("rent_accounts", ACCOUNT, "name", "payment_reference")),
    ("GET /pay", "/pay/history/", listed("payments", payment("succeeded"), "rent_account_name", "reference")),
    ("GET /sessions", "/settings/", listed("sessions", SESSIONS[0], "device")),
]


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.long)], ids=["some", "all"])
@pytest.mark.parametrize(
    ("call", "address", "stored"), STORED, ids=[f"{call} {address}" for call, address, _ in STORED]
)
def test_t13_two_hundred_payloads_through_each_stored_field_are_text(
    tab: Callable[..., Tab], call: str, address: str, stored: Stored, step: int
) -> None:
    """Nothing runs, nothing becomes markup, and the words are there to be read. `make test` takes a few of them."""
    assert len(PAYLOADS) == 200
    opened = tab()
    headers = {"etag": '"3"'} if call == "GET /contact" else {}
    opened.api[call] = ok(stored("Plain words"), **headers)
    opened.open(address)
    usual = opened.settled().locator(FOREIGN).count()
    for payload in PAYLOADS[len(RUNS) % step :: step]:
        opened.api[call] = ok(stored(payload), **headers)
        opened.page.reload()
        page = opened.settled()
        shown = page.evaluate("() => document.body.textContent")
        assert "".join(payload.split()) in "".join(shown.split()), payload
        assert page.locator(FOREIGN).count() == usual, payload
        assert page.evaluate("() => window.ran") is None, payload
