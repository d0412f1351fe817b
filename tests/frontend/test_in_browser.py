"""The built site in a real browser, under the site template's own headers, against answers in the API's shapes."""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from infra.site import headers as policies
from tests.frontend import answers
from tests.frontend.answers import Replies, Reply, logged_in, ok, payment, problem, regular
from tests.pictures import plain

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PHONE, DESK = 320, 1280

# WCAG 2.5.5 and site.md: what is pressed is 44 px high, but for links inside a sentence or a list of facts.
TOO_SMALL = """() => [...document.querySelectorAll('a, button, input, select, textarea, summary')]
  .filter((e) => e.checkVisibility() && !e.closest('p, .govuk-list'))
  .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect().height])
  .filter(([, height]) => height > 2 && height < 43.5)"""
DRAWN = """() => !document.querySelector('#ready')
  || ['#ready', '#failed'].some((part) => !document.querySelector(part).hidden)"""
HEADINGS = "() => [...document.querySelectorAll('h1')].filter((e) => e.checkVisibility()).length"
WIDER = "() => document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def origin(site: Path) -> Iterator[str]:
    """The site behind the headers that CloudFront would add."""

    class Pages(SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(site))

        def end_headers(self) -> None:
            for header in policies.page_headers():
                self.send_header(header.name, header.value)
            super().end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "Chromium is not installed: make browser"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield started
        started.close()


class Tab:
    """A browser tab on the site: `api` are the answers by method and path, `calls` what was asked."""

    def __init__(self, browser: Browser, origin: str, width: int, *, script: bool = True) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=script)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(5_000)
        self.origin = origin
        self.api: Replies = answers.usual()
        self.calls: list[tuple[str, Any, dict[str, str]]] = []
        self.complaints: list[str] = []
        self.page.route(re.compile(r".*/api/.*"), self._answer)
        self.page.on("console", lambda said: self._complain(said.type, said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _complain(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and "Failed to load resource" not in text:
            self.complaints.append(text)

    def _answer(self, route: Route) -> None:
        request = route.request
        path = re.sub(r"^https?://[^/]+/api", "", request.url).split("?")[0]
        self.calls.append((f"{request.method} {path}", json.loads(request.post_data or "null"), dict(request.headers)))
        reply = self.api.get(f"{request.method} {path}", problem(404, "not-found"))
        if callable(reply):
            reply = reply(request)
        route.fulfill(**reply)

    def sent(self, call: str) -> list[Any]:
        """The bodies of every such call, in order."""
        return [body for named, body, _ in self.calls if named == call]

    def open(self, address: str) -> Page:
        self.page.goto(self.origin + address)
        return self.page

    def submit(self) -> None:
        self.page.locator("button[type=submit]:visible").first.click()

    def settled(self) -> Page:
        """The page once it has been fetched and drawn: its module has run, and nothing says that it waits."""
        self.page.wait_for_selector("body.js-enabled", state="attached")
        self.page.wait_for_function(DRAWN)
        return self.page


@pytest.fixture
def tab(browser: Browser, origin: str) -> Iterator[Callable[..., Tab]]:
    """Opens tabs; when the test is over, none may have broken the policy or thrown."""
    opened: list[Tab] = []

    def new(width: int = PHONE, **how: Any) -> Tab:
        opened.append(Tab(browser, origin, width, **how))
        return opened[-1]

    yield new
    for each in opened:
        each.context.close()
    assert not [complaint for each in opened for complaint in each.complaints]


def check_everything(tab: Tab) -> None:
    """No axe violation, one heading, nothing wider than the screen, nothing too small for a thumb."""
    page = tab.settled()
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']})"
    )
    assert not [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]]
    assert page.evaluate(HEADINGS) == 1
    assert page.evaluate(WIDER) <= 0
    assert page.evaluate(TOO_SMALL) == []


# --- every page, small and large

SHOWN = [
    "/", "/register/", "/register/waiting/", "/verify/#r1", "/login/", "/login/#logged-off", "/reset/",
    "/new-password/", "/home/", "/rent/",
    "/rent/transactions/#a1", "/rent/statement/", "/rent/statement/#a1", "/rent/calendar/#a1",
    "/pay/", "/pay/done/#p1", "/pay/history/", "/pay/regular/", "/pay/regular/#add",
    "/pay/regular/#change:s1", "/pay/regular/#stop:s1", "/pay/help/", "/repairs/", "/repairs/report/",
    "/repairs/repair/#r1", "/repairs/repair/#r3", "/repairs/repair/#another", "/repairs/visit/#r1",
    "/household/", "/household/#add",
    "/household/#change:m1", "/household/#remove:m2", "/contact/", "/contact/#email", "/contact/#mobile",
    "/contact/#correspondence_address", "/contact/#preferences", "/settings/", "/settings/#password",
    "/settings/#passkey", "/settings/#remove-passkey:k1", "/help/",
    "/help/registration/", "/help/logging-in/", "/help/shared-computer/", "/help/about/", "/help/your-data/",
    "/privacy/", "/cookies/", "/accessibility/", "/404.html", "/error.html", "/closed.html",
]  # fmt: skip


@pytest.mark.parametrize("address", SHOWN)
def test_a_page_can_be_used_by_everybody(tab: Callable[..., Tab], address: str) -> None:
    opened = tab(PHONE)
    opened.open(address)
    check_everything(opened)
    opened.page.set_viewport_size({"width": DESK, "height": 900})
    assert opened.page.evaluate(WIDER) <= 0
    assert opened.page.evaluate(TOO_SMALL) == []


STATES: dict[str, tuple[str, Replies]] = {
    "several homes": ("/home/", {"GET /session": ok(logged_in(answers.HOME, answers.ENDED, tenancy_id=""))}),
    "a tenancy that has ended": ("/home/", {"GET /session": ok(logged_in(answers.ENDED, tenancy_id="t2"))}),
    "in credit, no repairs": (
        "/home/",
        {
            "GET /balance": ok({"rent_accounts": [answers.GARAGE, answers.ACCOUNT]}),
            "GET /repairs": ok({"repairs": [], "next_cursor": None}),
        },
    ),
    "our side is down": ("/home/", {"GET /balance": problem(500, "unexpected")}),
    "nothing charged yet": ("/rent/transactions/#a1", {"GET /balance/a1/transactions": ok({"transactions": []})}),
    "a long year, worked out": ("/rent/calendar/", {"GET /balance/a1/calendar": ok(answers.LONG_YEAR)}),
    "no rent year": ("/rent/calendar/", {"GET /balance/a1/calendar": ok(answers.NO_YEAR)}),
    "another account's statement": (
        "/rent/statement/#a1", {"GET /balance": ok({"rent_accounts": [answers.ACCOUNT, answers.GARAGE]})},
    ),
    "two accounts to pay": ("/pay/#a2", {"GET /balance": ok({"rent_accounts": [answers.ACCOUNT, answers.GARAGE]})}),
    "a payment that waits": ("/pay/", {"GET /pay": ok({"payments": [payment("pending")], "next_cursor": None})}),
    "no payments": ("/pay/history/", {"GET /pay": ok({"payments": [], "next_cursor": None})}),
    "no repairs": ("/repairs/", {"GET /repairs": ok({"repairs": [], "next_cursor": None})}),
    "nobody else at home": ("/household/", {"GET /household": ok({"members": []})}),
} | {
    f"regular payment {status}": ("/pay/regular/#s1", {"GET /pay/schedules": ok({"schedules": [regular(status)]})})
    for status in ("awaiting_card", "active", "paused", "stopped", "failed")
} | {
    f"payment {status}": ("/pay/done/#p1", {"GET /pay/p1": ok(payment(status))})
    for status in ("created", "failed", "cancelled", "expired", "refunded", "disputed", "dispute_won")
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_a_state_can_be_used_by_everybody(tab: Callable[..., Tab], state: str) -> None:
    address, replies = STATES[state]
    opened = tab()
    opened.api |= replies
    opened.open(address)
    check_everything(opened)


# --- rent


def test_the_chart_says_in_words_and_in_a_table_what_it_draws(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/rent/")
    opened.settled()
    said = page.get_by_role("img", name=re.compile("^The balance at the end of each month")).get_attribute("aria-label")
    assert said
    assert "from January 2026 to November 2026" in said
    assert "Now: you owe £123.45." in said
    assert page.locator(".app-chart rect").count() == 11
    assert page.locator(".app-chart__credit").count() == 2
    page.get_by_text("The same in numbers").click()
    expect(page.get_by_role("row", name="March 2026 £25.00 in credit")).to_be_visible()
    check_everything(opened)
    page.set_viewport_size({"width": DESK, "height": 900})
    expect(page.get_by_role("row", name="March 2026 £416.80 £400.00 £25.00 in credit")).to_be_visible()


def test_lines_of_one_kind_are_looked_for_until_there_are_some(tab: Callable[..., Tab]) -> None:
    opened = tab()
    asked: list[str] = []

    def lines(request: Any) -> Any:
        query = request.url.partition("?")[2]
        asked.append(query)
        some = answers.LINES if "kind" not in query else answers.LINES[1:2] if "cursor=two" in query else []
        return ok(
            {
                "transactions": some,
                "next_cursor": {1: "one", 2: "two"}.get(query.count("cursor=one") + 1) if not some else None,
            }
        )

    opened.api["GET /balance/a1/transactions"] = lines
    page = opened.open("/rent/transactions/")
    opened.settled()
    page.get_by_text("Show only some of them").click()
    page.select_option("#only-kind", "payment")
    page.fill("#only-from-day", "1")
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("First day must include a month and year")
    page.fill("#only-from-month", "jan")
    page.fill("#only-from-year", "2026")
    opened.submit()
    expect(page.locator("#shown")).to_have_text("1 line is shown.")
    assert asked[1:] == [
        "kind=payment&from=2026-01-01",
        "kind=payment&from=2026-01-01&cursor=one",
        "kind=payment&from=2026-01-01&cursor=two",
    ]
    check_everything(opened)


def test_a_statement_for_other_days_is_shown_saved_and_printed(tab: Callable[..., Tab]) -> None:
    opened = tab()
    asked: list[str] = []

    def statement(request: Any) -> Any:
        asked.append(request.url.partition("?")[2])
        if "format=pdf" in request.url:
            return {"status": 200, "headers": {"content-type": "application/pdf"}, "body": "%PDF-1.7"}
        if "format=csv" in request.url:
            return problem(503, "try-again-soon", "Wait a few seconds, then try again.")
        return ok(answers.STATEMENT)

    opened.api["GET /balance/a1/statement"] = statement
    page = opened.open("/rent/statement/")
    opened.settled()
    expect(page.locator("#closing")).to_have_text("You owe £123.45 at the end of 24 November 2026")
    expect(page.locator("#tenant")).to_contain_text("12 Elm Road")
    assert page.locator("#lines tr").first.inner_text().split() == ["Balance", "before", "£19.25", "in", "credit"]
    assert page.locator("#lines tr").last.inner_text().split() == ["Balance", "after", "£123.45"]
    for part, typed in {
        "from-day": "2",
        "from-month": "3",
        "from-year": "2026",
        "to-day": "31",
        "to-month": "5",
        "to-year": "2026",
    }.items():
        page.fill(f"#days-{part}", typed)
    opened.submit()
    expect(page.locator("#closing")).to_be_in_viewport()
    with page.expect_download() as saved:
        page.locator("#save-pdf").click()
    assert saved.value.suggested_filename == "statement-2026-08-24-to-2026-11-24.pdf"
    assert saved.value.path().read_bytes() == b"%PDF-1.7"
    page.locator("#save-csv").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Wait a few seconds")
    assert asked == [
        "", "from=2026-03-02&to=2026-05-31", "from=2026-08-24&to=2026-11-24&format=pdf",
        "from=2026-08-24&to=2026-11-24&format=csv",
    ]  # fmt: skip
    page.emulate_media(media="print")
    assert not page.locator("#days").is_visible()
    assert not page.locator("#print").is_visible()
    assert page.locator("#lines").is_visible()


def test_the_rent_year_says_what_to_pay_and_which_weeks_are_free(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["GET /balance/a1/calendar.ics"] = {
        "status": 200,
        "headers": {"content-type": "text/calendar"},
        "body": "X",
    }
    page = opened.open("/rent/calendar/")
    opened.settled()
    expect(page.locator("#now")).to_contain_text("To owe nothing on 4 April 2027")
    expect(page.locator("#from-today")).to_contain_text("£109.87")
    expect(page.locator("#free-weeks")).to_contain_text("Monday 21 December")
    expect(page.locator("#keep-paying")).to_be_visible()
    with page.expect_download() as saved:
        page.locator("#save").click()
    assert saved.value.suggested_filename == "rent-calendar.ics"


# --- registering


def fill_in_registration(page: Page, month: str = "mar") -> None:
    page.fill("#register-email", "amina@mail.example")
    page.fill("#register-mobile", "07700 900123")
    page.fill("#register-tenancy_reference", "lf 100234")
    page.fill("#register-date_of_birth-day", "27")
    page.fill("#register-date_of_birth-month", month)
    page.fill("#register-date_of_birth-year", "1985")


def test_what_is_missing_is_said_beside_its_field_and_in_a_summary_with_the_focus(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/register/")
    fill_in_registration(page, month="")
    page.fill("#register-email", "")
    opened.submit()
    expect(page).to_have_title(re.compile("^Error: Register – "))
    summary = page.locator(".govuk-error-summary")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_text(["Enter your email address", "Date of birth must include a month"])
    assert "Enter your email address" in page.locator("[data-field=email] .govuk-error-message").inner_text()
    assert page.locator("#register-date_of_birth-month").get_attribute("aria-invalid") == "true"
    assert page.locator("#register-date_of_birth-day").get_attribute("aria-invalid") is None
    assert page.input_value("#register-mobile") == "07700 900123"
    summary.get_by_role("link", name="must include a month").click()
    expect(page.locator("#register-date_of_birth-month")).to_be_focused()
    assert not opened.sent("POST /register")
    check_everything(opened)


def test_registering_leads_to_the_code_whose_end_is_said_in_words(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /register"] = ok({"registration_id": "reg1", "code_expires_at": "2099-11-25T04:00:00Z"}, 202)
    opened.api["POST /register/resend"] = ok({}, 202)
    opened.api["POST /verify"] = ok(logged_in(), 201)
    page = opened.open("/register/")
    fill_in_registration(page)
    opened.submit()
    page.wait_for_url("**/verify/#reg1")
    assert opened.sent("POST /register") == [
        {
            "email": "amina@mail.example",
            "mobile": "07700 900123",
            "tenancy_reference": "lf 100234",
            "date_of_birth": "1985-03-27",
        }
    ]
    expect(page.get_by_text("The code stops working at 4am on Wednesday 25 November 2099.")).to_be_visible()
    assert page.input_value("#verify-username") == "amina@mail.example"
    page.click("#resend button")
    expect(page.get_by_text("unless we have sent it several times already")).to_be_visible()
    page.fill("#verify-code", "k7pm 3xqd")
    page.fill("#verify-password", "correct horse battery")
    page.get_by_role("button", name="Show password").click()
    assert page.get_attribute("#verify-password", "type") == "text"
    opened.submit()
    page.wait_for_url("**/home/")
    assert opened.sent("POST /verify") == [
        {"registration_id": "reg1", "code": "k7pm 3xqd", "password": "correct horse battery"}
    ]
    assert "amina@mail.example" not in page.evaluate("JSON.stringify({...sessionStorage})")


def test_on_a_shared_computer_registering_says_so(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /verify"] = ok(logged_in(), 201)
    page = opened.open("/verify/#reg1")
    page.get_by_label("This is a shared computer").check()
    type_code(opened)
    page.wait_for_url("**/home/")
    assert opened.sent("POST /verify")[0]["shared_computer"] is True


def test_who_sends_their_code_once_more_is_led_to_log_in(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /verify"] = problem(409, "already-registered")
    page = opened.open("/verify/#reg1")
    type_code(opened)
    summary = page.locator(".govuk-error-summary")
    expect(summary).to_contain_text("You are registered already. Log in with the password that you chose.")
    expect(page.locator("#verify")).to_be_hidden()
    check_everything(opened)
    summary.get_by_role("link", name="Log in").click()
    page.wait_for_url("**/login/")


def type_code(opened: Tab) -> None:
    opened.page.fill("#verify-code", "k7pm 3xqd")
    opened.page.fill("#verify-password", "correct horse battery")
    opened.submit()


def test_the_link_in_the_email_is_enough_to_type_the_code(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /verify"] = ok(logged_in(), 201)
    page = opened.open("/verify/")
    expect(page.get_by_text("Open the link in your email again")).to_be_visible()
    expect(page.locator("#verify-code")).to_be_hidden()
    check_everything(opened)
    opened.open("/verify/#reg2")
    expect(page.get_by_text("Your email says when the code stops working.")).to_be_visible()
    opened.settled()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    assert page.url.endswith("/verify/#reg2")
    type_code(opened)
    page.wait_for_url("**/home/")
    assert opened.sent("POST /verify")[0]["registration_id"] == "reg2"


def test_a_code_tried_too_often_leads_to_a_new_one_and_not_to_a_wait(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /verify"] = problem(429, "tries-spent", headers={"retry-after": "86400"})
    page = opened.open("/verify/#reg1")
    type_code(opened)
    summary = page.locator(".govuk-error-summary")
    expect(summary).to_contain_text("That code has been tried too often. Register again to get a new one.")
    expect(summary).not_to_contain_text("Wait")
    expect(page.locator("#resend")).to_be_hidden()
    check_everything(opened)
    summary.get_by_role("link", name="Register again").click()
    page.wait_for_url("**/register/")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (problem(422, "details-not-matched"), "we can keep trying for you"),
        (problem(409, "already-registered"), "You already have an account"),
        (problem(409, "email-in-use", "Each person needs an address."), "Each person needs an address."),
        (problem(429, "too-many-calls", headers={"retry-after": "1500"}), "Wait 25 minutes, then try again."),
        (problem(503, "try-again-soon", "Wait a few seconds, then try again."), "Wait a few seconds"),
        (
            problem(422, "bad-input", errors=[{"field": "mobile", "message": "Enter a UK mobile number"}]),
            "Enter a UK mobile number",
        ),
        (problem(429, "tries-spent", headers={"retry-after": "86400"}), "Wait 24 hours, then try again. Or ring us on"),
    ],
    ids=lambda value: value["body"][20:45] if isinstance(value, dict) else "",
)
def test_a_refused_registration_says_what_to_do_and_keeps_what_was_typed(
    tab: Callable[..., Tab], reply: Any, said: str
) -> None:
    opened = tab()
    opened.api["POST /register"] = reply
    page = opened.open("/register/")
    fill_in_registration(page)
    opened.submit()
    expect(page.get_by_text(said).locator("visible=true").first).to_be_visible()
    assert page.input_value("#register-email") == "amina@mail.example"
    check_everything(opened)


TYPED = {
    "email": "amina@mail.example",
    "mobile": "07700 900123",
    "tenancy_reference": "lf 100234",
    "date_of_birth": "1985-03-27",
}


def offered_to_wait(opened: Tab) -> Page:
    """On the page that keeps trying, after details that did not match."""
    opened.api["POST /register"] = problem(422, "details-not-matched")
    page = opened.open("/register/")
    fill_in_registration(page)
    opened.submit()
    page.get_by_role("link", name="Keep trying for me").click()
    page.wait_for_url("**/register/waiting/")
    expect(page.locator("#typed")).to_be_visible()
    return page


def kept_by(page: Page) -> str:
    return str(page.evaluate("JSON.stringify({...sessionStorage})"))


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_details_that_do_not_match_are_kept_trying_without_being_typed_again(
    tab: Callable[..., Tab], width: Any
) -> None:
    opened = tab(width)
    opened.api["POST /register/waiting"] = ok({}, 202)
    page = offered_to_wait(opened)
    assert page.locator("#typed-facts dd").all_inner_texts() == [
        "amina@mail.example", "07700 900123", "lf 100234", "27 March 1985",
    ]  # fmt: skip
    check_everything(opened)
    opened.submit()
    expect(page.get_by_role("heading", name="We will keep trying")).to_be_focused()
    expect(page).to_have_title(re.compile("^We will keep trying – "))
    assert opened.sent("POST /register/waiting") == [TYPED]
    assert "amina" not in kept_by(page) + page.content()
    check_everything(opened)
    page.reload()
    expect(page.get_by_text("First tell us your details.")).to_be_visible()


def test_what_was_typed_is_carried_only_when_asked_and_for_a_quarter_of_an_hour(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /register"] = problem(422, "details-not-matched")
    page = opened.open("/register/")
    fill_in_registration(page)
    opened.submit()
    expect(page.locator("#mismatch")).to_be_visible()
    assert "amina" not in kept_by(page)
    page = offered_to_wait(opened)
    assert "amina" in kept_by(page)
    page.evaluate(
        "const kept = JSON.parse(sessionStorage['portal.unmatched']);"
        "sessionStorage['portal.unmatched'] = JSON.stringify({...kept, until: Date.now() - 1})"
    )
    page.reload()
    expect(page.get_by_text("First tell us your details.")).to_be_visible()
    assert "amina" not in kept_by(page)


def test_what_was_typed_can_be_changed_and_stands_in_the_form_again(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = offered_to_wait(opened)
    page.get_by_role("link", name="Change what I typed").click()
    page.wait_for_url("**/register/")
    expect(page.locator("#register-email")).to_have_value("amina@mail.example")
    assert [page.input_value(f"#register-date_of_birth-{part}") for part in ("day", "month", "year")] == [
        "27", "3", "1985",
    ]  # fmt: skip
    assert "amina" not in kept_by(page)
    opened.submit()
    expect(page.locator("#mismatch")).to_be_visible()
    assert opened.sent("POST /register")[-1] == TYPED


def test_a_wait_that_is_refused_says_what_to_do_and_keeps_what_was_typed(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /register/waiting"] = problem(429, "too-many-calls", headers={"retry-after": "1500"})
    page = offered_to_wait(opened)
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Wait 25 minutes, then try again.")
    expect(page.locator("#typed-facts")).to_contain_text("amina@mail.example")
    check_everything(opened)


def test_the_link_of_a_code_that_came_after_an_exchange_leads_to_the_page_that_takes_it(
    tab: Callable[..., Tab],
) -> None:
    opened = tab()
    opened.api["POST /verify"] = ok(logged_in(), 201)
    page = opened.open("/verify/#01kb0000000000000000000000")
    expect(page.get_by_text("Your email says when the code stops working.")).to_be_visible()
    page.fill("#verify-code", "K7PM-3XQD")
    page.fill("#verify-password", "correct horse battery")
    opened.submit()
    page.wait_for_url("**/home/")
    assert opened.sent("POST /verify")[0]["registration_id"] == "01kb0000000000000000000000"


def test_without_a_connection_the_page_says_so_and_keeps_what_was_typed(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/register/")
    fill_in_registration(page)
    opened.context.set_offline(True)
    page.unroute_all()
    expect(page.get_by_text("You are offline.").first).to_be_visible()
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("What you typed is still here")
    assert page.input_value("#register-email") == "amina@mail.example"
    opened.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()


# --- logging in, coming back, logging off


def log_in(opened: Tab) -> None:
    opened.page.fill("#login-email", "amina@mail.example")
    opened.page.fill("#login-password", "correct horse battery")
    opened.submit()


def test_a_session_that_ends_gives_the_page_and_the_typed_words_back(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /household/members"] = problem(401, "not-logged-in")
    opened.api["POST /login"] = ok(logged_in())
    page = opened.open("/household/#add")
    opened.settled()
    page.fill("#add-name", "Ada Okafor")
    page.check("#add [value=child]")
    opened.submit()
    page.wait_for_url("**/login/")
    expect(page.get_by_text("You will go straight back to it.")).to_be_visible()
    log_in(opened)
    page.wait_for_url("**/household/#add")
    opened.settled()
    assert page.input_value("#add-name") == "Ada Okafor"
    assert page.is_checked("#add [value=child]")


def test_somebody_else_who_logs_in_next_sees_nothing_of_what_was_typed(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /household/members"] = problem(401, "not-logged-in")
    other = logged_in()
    other["customer"] = {**other["customer"], "customer_id": "c2"}
    opened.api["POST /login"] = ok(other)
    page = opened.open("/household/#add")
    opened.settled()
    page.fill("#add-name", "Ada Okafor")
    page.check("#add [value=child]")
    opened.submit()
    page.wait_for_url("**/login/")
    log_in(opened)
    page.wait_for_url("**/home/")
    assert "Ada" not in page.evaluate("JSON.stringify({...sessionStorage})")


def test_passwords_and_codes_are_never_kept(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["PUT /password"] = problem(401, "not-logged-in")
    page = opened.open("/settings/#password")
    opened.settled()
    page.fill("#change-current_password", "the old secret words")
    page.fill("#change-new_password", "the new secret words")
    opened.submit()
    page.wait_for_url("**/login/")
    assert "secret words" not in page.evaluate("JSON.stringify({...sessionStorage})")


def test_a_temporary_password_is_asked_for_once(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /login"] = ok(logged_in(password_change_required=True))
    opened.api["PUT /password"] = {"status": 204, "body": ""}
    page = opened.open("/login/")
    page.check("#login-shared_computer")
    log_in(opened)
    expect(page.get_by_role("heading", name="Choose a new password")).to_be_focused()
    check_everything(opened)
    page.fill("#change-new_password", "another horse battery")
    opened.submit()
    page.wait_for_url("**/home/")
    assert opened.sent("POST /login")[0]["shared_computer"] is True
    assert opened.sent("PUT /password") == [
        {"current_password": "correct horse battery", "new_password": "another horse battery"}
    ]


def test_a_session_of_a_temporary_password_is_led_to_the_new_one(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["GET /session"] = problem(403, "password-change-required")
    opened.open("/home/")
    opened.page.wait_for_url("**/new-password/")


def test_whoever_has_several_homes_picks_one_after_logging_in(tab: Callable[..., Tab]) -> None:
    opened = tab()
    both = logged_in(answers.HOME, answers.ENDED)
    opened.api["POST /login"] = ok(both)
    opened.api["GET /session"] = ok(both)
    opened.api["PUT /session"] = ok(both)
    page = opened.open("/login/")
    log_in(opened)
    page.wait_for_url("**/home/#choose")
    page.get_by_role("link", name="Garage 4, Mill Lane").click()
    page.wait_for_url("**/home/")
    assert opened.sent("PUT /session") == [{"tenancy_id": "t2"}]


def test_a_home_that_could_not_be_picked_says_why(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["GET /session"] = ok(logged_in(answers.HOME, answers.ENDED))
    opened.api["PUT /session"] = problem(503, "try-again-soon", "Wait a few seconds, then try again.")
    page = opened.open("/home/#choose")
    page.get_by_role("link", name="Garage 4, Mill Lane").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Wait a few seconds, then try again.")
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    check_everything(opened)


def test_whose_tenancy_ended_long_ago_is_told_so_and_whom_to_ring(tab: Callable[..., Tab]) -> None:
    opened = tab()
    ended = "There is no tenancy to show you"
    opened.api["POST /login"] = problem(
        403,
        "no-tenancy-to-show",
        "Our records do not name you on one now. If that is not right, ring us.",
        title=ended,
    )
    page = opened.open("/login/")
    log_in(opened)
    expect(page.locator(".govuk-error-summary li")).to_have_text(
        f"{ended}. Our records do not name you on one now. If that is not right, ring us on 03069 990142."
    )
    check_everything(opened)


def test_a_password_manager_is_told_whose_password_is_changed(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/settings/")
    opened.settled()
    assert not opened.sent("GET /contact")
    page.get_by_role("link", name=re.compile("Change.*password")).click()
    expect(page.locator("#change-username")).to_have_value(str(answers.CONTACT["email"]))
    opened.api["GET /contact"] = problem(503, "try-again-soon")
    page.reload()
    opened.settled()
    expect(page.get_by_role("heading", name="Change your password")).to_be_visible()
    expect(page.locator(".govuk-error-summary")).to_be_hidden()
    assert len(opened.sent("GET /contact")) == 2


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ("/verify/#reg1", "verify-password"),
        ("/new-password/", "change-new_password"),
        ("/settings/#password", "change-new_password"),
    ],
)
def test_wherever_a_password_is_chosen_its_strength_is_said_in_words_and_holds_nobody_up(
    tab: Callable[..., Tab], address: str, field: str
) -> None:
    opened = tab()
    page = opened.open(address)
    if address.startswith("/settings"):
        opened.settled()
    said = page.locator(f"#{field}-strength")
    assert said.get_attribute("role") == "status"
    for typed, words in {
        "copper": "Too short: it needs at least 12 characters.",
        "123456789012": "Long enough, but easy to guess.",
        "copperlantern": "Good.",
        "copper lantern meadow": "Strong.",
    }.items():
        page.fill(f"#{field}", typed)
        expect(said).to_contain_text(words)
    check_everything(opened)
    page.get_by_text("How to choose three random words").click()
    expect(page.get_by_text("Use it nowhere else.")).to_be_visible()
    check_everything(opened)
    page.fill(f"#{field}", "")
    expect(said).to_have_text("")
    assert not any("password" in named for named, _, _ in opened.calls), "nobody is asked"


def test_a_failed_login_keeps_the_address_and_empties_the_password(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /login"] = problem(401, "login-failed")
    page = opened.open("/login/")
    log_in(opened)
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    assert page.input_value("#login-email") == "amina@mail.example"
    assert page.input_value("#login-password") == ""
    check_everything(opened)


def test_log_off_is_under_settings_and_forgets_what_the_tab_knew(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/home/")
    opened.settled()
    page.get_by_role("link", name="Settings").click()
    opened.settled()
    page.get_by_role("button", name="Log off", exact=True).click()
    page.wait_for_url("**/login/#logged-off")
    expect(page.get_by_text("You have logged off.")).to_be_visible()
    assert opened.sent("POST /logout") == [None]
    assert page.evaluate("sessionStorage.length") == 0


TO_SIGN = {
    "challenge_id": "h1",
    "challenge": "-__9" * 10 + "AAA",
    "relying_party_id": "localhost",
    "timeout_milliseconds": 300_000,
}
TO_MAKE = {
    **TO_SIGN,
    "relying_party_name": "Larkfield Homes",
    "user_handle": "_-8A",
    "user_name": "amina@mail.example",
    "algorithms": [-8, -7, -257],
    "known_credential_ids": [],
}


def device_of(opened: Tab, *, unlocks: bool = True) -> None:
    """Give the tab a device that holds passkeys, and whether somebody unlocks it."""
    devtools = opened.context.new_cdp_session(opened.page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": unlocks,
            }
        },
    )


def test_a_passkey_is_made_on_the_device_once_the_password_is_given(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /passkeys/options"] = ok(TO_MAKE)
    opened.api["POST /passkeys"] = ok(answers.PASSKEYS[0], 201)
    device_of(opened)
    page = opened.open("/settings/")
    opened.settled()
    page.get_by_role("link", name="Add a passkey").click()
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Enter the password you have now")
    page.fill("#add-passkey-current_password", "copper lantern meadow")
    opened.submit()
    expect(page.get_by_text("Your passkey is added.")).to_be_visible()
    assert opened.sent("POST /passkeys/options") == [{"current_password": "copper lantern meadow"}]
    (made,) = opened.sent("POST /passkeys")
    assert (made["challenge_id"], len(made["client_data"]) > 100, len(made["attestation"]) > 100) == ("h1", True, True)
    assert page.input_value("#add-passkey-current_password") == ""


def test_a_wrong_password_makes_no_passkey_on_the_device(tab: Callable[..., Tab]) -> None:
    opened = tab()
    wrong = [{"field": "current_password", "message": "That is not your current password"}]
    opened.api["POST /passkeys/options"] = problem(422, "bad-input", errors=wrong)
    device_of(opened)
    page = opened.open("/settings/#passkey")
    opened.settled()
    page.fill("#add-passkey-current_password", "not this one")
    opened.submit()
    expect(page.locator("#add-passkey .govuk-error-message")).to_contain_text("That is not your current password")
    assert not opened.sent("POST /passkeys")
    check_everything(opened)


def test_a_passkey_signs_and_a_shared_computer_is_told(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api |= {
        "POST /passkeys/options": ok(TO_MAKE),
        "POST /passkeys": ok(answers.PASSKEYS[0], 201),
        "POST /login/passkey/options": ok(TO_SIGN),
        "POST /login/passkey": ok(logged_in()),
    }
    device_of(opened)
    page = opened.open("/settings/#passkey")
    opened.settled()
    page.fill("#add-passkey-current_password", "copper lantern meadow")
    opened.submit()
    expect(page.get_by_text("Your passkey is added.")).to_be_visible()
    opened.open("/login/")
    opened.settled()
    page.check("#login-shared_computer")
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url("**/home/")
    (signed,) = opened.sent("POST /login/passkey")
    assert signed["shared_computer"] is True
    assert (signed["challenge_id"], signed["user_handle"]) == ("h1", "_-8A")
    assert all(signed[part] for part in ("credential_id", "client_data", "authenticator_data", "signature"))


@pytest.mark.parametrize("address", ["/settings/#passkey", "/login/"])
def test_a_device_that_is_not_unlocked_is_told_in_plain_words(tab: Callable[..., Tab], address: str) -> None:
    opened = tab()
    opened.api |= {"POST /passkeys/options": ok(TO_MAKE), "POST /login/passkey/options": ok(TO_SIGN)}
    device_of(opened, unlocks=False)
    page = opened.open(address)
    opened.settled()
    if address == "/login/":
        page.get_by_role("button", name="Log in with a passkey").click()
    else:
        page.fill("#add-passkey-current_password", "copper lantern meadow")
        opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("You may have cancelled, or it took too long")
    check_everything(opened)
    if address == "/login/":
        expect(page.get_by_role("button", name="Log in with a passkey")).to_be_enabled()


def test_a_passkey_that_is_not_accepted_leaves_the_password(tab: Callable[..., Tab]) -> None:
    opened = tab()
    words = "Try once more. If it goes on, log in with your password."
    opened.api |= {
        "POST /passkeys/options": ok(TO_MAKE),
        "POST /passkeys": ok(answers.PASSKEYS[0], 201),
        "POST /login/passkey/options": ok(TO_SIGN),
        "POST /login/passkey": problem(401, "passkey-not-accepted", words, title="We could not log you in"),
    }
    device_of(opened)
    page = opened.open("/settings/#passkey")
    opened.settled()
    page.fill("#add-passkey-current_password", "copper lantern meadow")
    opened.submit()
    expect(page.get_by_text("Your passkey is added.")).to_be_visible()
    opened.open("/login/")
    opened.settled()
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text(words)
    expect(page.locator("#login-password")).to_be_visible()


def test_a_passkey_is_removed_by_the_password(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["DELETE /passkeys/k2"] = {"status": 204, "body": ""}
    page = opened.open("/settings/")
    opened.settled()
    expect(page.locator("#passkeys li").first).to_contain_text("Chrome on Android")
    expect(page.locator("#passkeys li").last).to_contain_text("Not used yet")
    page.get_by_role("link", name="Remove the passkey added with Edge on Windows").click()
    expect(page.locator("#remove-name")).to_have_text("Edge on Windows")
    page.fill("#remove-passkey-current_password", "copper lantern meadow")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    assert opened.sent("DELETE /passkeys/k2") == [{"current_password": "copper lantern meadow"}]


def test_a_browser_without_passkeys_is_offered_none_and_can_still_remove_them(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.context.add_init_script("delete globalThis.PublicKeyCredential")
    page = opened.open("/login/")
    opened.settled()
    expect(page.get_by_role("button", name="Log in", exact=True)).to_be_enabled()
    expect(page.get_by_role("button", name="Log in with a passkey")).to_be_hidden()
    opened.open("/settings/")
    opened.settled()
    expect(page.get_by_text("This browser cannot use passkeys.")).to_be_visible()
    expect(page.get_by_role("link", name="Add a passkey")).to_be_hidden()
    expect(page.get_by_role("link", name="Remove the passkey added with Edge on Windows")).to_be_visible()


def test_another_place_where_one_is_logged_in_can_be_logged_off(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["DELETE /sessions/s2"] = {"status": 204, "body": ""}
    opened.api["DELETE /sessions"] = {"status": 204, "body": ""}
    page = opened.open("/settings/")
    opened.settled()
    expect(page.locator("#sessions li").first).to_contain_text("This one")
    page.get_by_role("button", name="Log off Firefox on Windows").click()
    expect(page.get_by_text("You are logged off on Firefox on Windows.")).to_be_visible()
    page.get_by_role("button", name="Log off everywhere else").click()
    expect(page.get_by_text("You are logged off everywhere else.")).to_be_visible()
    assert [named for named, _, _ in opened.calls if named.startswith("DELETE")] == [
        "DELETE /sessions/s2",
        "DELETE /sessions",
    ]


def test_asking_for_a_temporary_password_says_the_same_whatever_is_known(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /reset"] = ok({}, 202)
    page = opened.open("/reset/")
    page.fill("#reset-email", "amina@mail.example")
    for part, typed in {"day": "27", "month": "3", "year": "1985"}.items():
        page.fill(f"#reset-date_of_birth-{part}", typed)
    opened.submit()
    expect(page.get_by_role("heading", name="Check your email")).to_be_focused()
    expect(page.get_by_text("for 60 minutes")).to_be_visible()
    check_everything(opened)


# --- paying


def test_one_attempt_to_pay_has_one_key_and_another_amount_another(tab: Callable[..., Tab]) -> None:
    opened = tab()
    replies = iter([{"status": 503, "body": ""}, None, None])
    sent: list[str] = []

    def pay(request: Any) -> Any:
        sent.append(request.headers["idempotency-key"])
        return next(replies) or ok(payment("pending", checkout_url="/closed.html"), 201)

    opened.api["POST /pay"] = pay
    page = opened.open("/pay/")
    opened.settled()
    page.check("#pay-other")
    page.fill("#pay-amount_pence", "£62.50")
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_be_visible()
    opened.submit()
    page.wait_for_url("**/closed.html")
    opened.open("/pay/")
    opened.settled()
    page.check("#pay-all")
    opened.submit()
    page.wait_for_url("**/closed.html")
    amounts = [body["amount_pence"] for body in opened.sent("POST /pay")]
    assert amounts == [6250, 6250, 12345]
    assert sent[0] == sent[1] != sent[2]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter an amount"),
        ("0.99", "Amount must be £1.00 or more"),
        ("5000.01", "Amount must be £5,000.00 or less"),
        ("lots", "Amount must be in pounds and pence, such as 62.50"),
        ("62,50", "Amount must be in pounds and pence, such as 62.50"),
    ],
)
def test_an_amount_that_cannot_be_paid_says_why(tab: Callable[..., Tab], typed: str, said: str) -> None:
    opened = tab()
    page = opened.open("/pay/")
    opened.settled()
    page.check("#pay-other")
    page.fill("#pay-amount_pence", typed)
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text(said)
    assert not opened.sent("POST /pay")
    check_everything(opened)


def test_where_nothing_can_be_paid_yet_the_page_says_whom_to_ring(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /pay"] = problem(
        503,
        "no-payments-here",
        "Nothing was taken. Ring us, and we will tell you how to pay.",
        title="You cannot pay here yet",
    )
    page = opened.open("/pay/")
    opened.settled()
    page.check("#pay-all")
    opened.submit()
    expect(page.locator(".govuk-error-summary li")).to_have_text(
        "You cannot pay here yet. Nothing was taken. Ring us on 03069 990142, and we will tell you how to pay."
    )
    check_everything(opened)


def test_a_payment_page_elsewhere_is_opened_only_over_https(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /pay"] = ok(payment("pending", checkout_url="javascript:alert(1)"), 201)
    page = opened.open("/pay/")
    opened.settled()
    page.check("#pay-all")
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Nothing was taken")


def test_sent_again_after_it_was_paid_a_payment_is_told_of_and_not_opened(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /pay"] = ok(payment("succeeded"), 201)
    page = opened.open("/pay/")
    opened.settled()
    page.check("#pay-all")
    opened.submit()
    page.wait_for_url("**/pay/done/#p1")
    expect(page.get_by_role("heading", name="Thank you. You have paid")).to_be_visible()


def test_the_next_charge_can_be_paid_by_one_choice(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /pay"] = ok(payment("pending", checkout_url="/closed.html"), 201)
    page = opened.open("/pay/")
    opened.settled()
    page.check("text=Your next charge: £104.20, on Monday 30 November")
    opened.submit()
    page.wait_for_url("**/closed.html")
    assert opened.sent("POST /pay") == [{"rent_account_id": "a1", "amount_pence": 10420}]


@pytest.mark.parametrize(
    "changed", [{"next_charge_on": None}, {"charge_pence": None}, {"charge_pence": 12345}, {"charge_pence": 5_000_01}]
)
def test_a_next_charge_that_is_not_known_cannot_be_paid_or_is_all_that_is_owed_is_no_choice(
    tab: Callable[..., Tab], changed: dict[str, Any]
) -> None:
    opened = tab()
    opened.api["GET /balance"] = ok({"rent_accounts": [{**answers.ACCOUNT, **changed}]})
    page = opened.open("/pay/")
    opened.settled()
    expect(page.locator("#all-of-it")).to_be_visible()
    expect(page.locator("#next-charge")).to_be_hidden()


def test_a_choice_that_the_other_account_does_not_have_is_not_kept(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["GET /balance"] = ok({"rent_accounts": [answers.ACCOUNT, answers.GARAGE]})
    page = opened.open("/pay/")
    opened.settled()
    page.check("#pay-next")
    page.check("text=Garage: you are £20.00 in credit")
    expect(page.locator("#how-much")).to_be_hidden()
    opened.submit()
    expect(page.locator(".govuk-error-summary li")).to_have_text("Enter an amount")
    assert not opened.sent("POST /pay")


RECEIPT: Reply = {"status": 200, "headers": {"content-type": "application/pdf"}, "body": "%PDF-1.7"}


@pytest.mark.parametrize("status", ["succeeded", "refunded", "disputed", "dispute_won"])
def test_the_receipt_of_money_that_was_taken_is_saved_under_its_reference(tab: Callable[..., Tab], status: str) -> None:
    opened = tab()
    opened.api["GET /pay/p1"] = ok(payment(status))
    opened.api["GET /pay/p1/receipt"] = RECEIPT
    page = opened.open("/pay/done/#p1")
    opened.settled()
    expect(page.locator("#facts")).to_contain_text("Paid on")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the receipt (PDF)").click()
    assert saved.value.suggested_filename == "receipt-P2K7M.pdf"


@pytest.mark.parametrize("status", ["created", "pending", "failed", "cancelled", "expired"])
def test_without_money_taken_no_receipt_is_offered(tab: Callable[..., Tab], status: str) -> None:
    opened = tab()
    opened.api["GET /pay/p1"] = ok(payment(status))
    page = opened.open("/pay/done/#p1")
    opened.settled()
    expect(page.locator("#facts")).to_contain_text("Started")
    expect(page.get_by_role("button", name="receipt")).to_have_count(0)


def test_the_history_has_a_receipt_where_money_was_taken_and_tells_what_went_wrong_with_it(
    tab: Callable[..., Tab],
) -> None:
    opened = tab()
    opened.api["GET /pay/p1/receipt"] = problem(503, "try-again-soon", title="We are very busy", detail="Try again.")
    page = opened.open("/pay/history/")
    opened.settled()
    (button,) = page.get_by_role("button", name="Receipt (PDF)").all()
    button.click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("We are very busy")
    opened.api["GET /pay/p1/receipt"] = RECEIPT
    with page.expect_download() as saved:
        button.click()
    assert saved.value.suggested_filename == "receipt-P2K7M.pdf"
    check_everything(opened)


@pytest.fixture
def short(tab: Callable[..., Tab]) -> Tab:
    """A tab in which somebody has logged in, whom money is short."""
    opened = tab()
    opened.open("/home/")
    opened.settled()
    return opened


def test_who_is_not_logged_in_is_led_to_log_in_and_back_to_the_offer(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/pay/help/")
    page.get_by_role("link", name="Log in to make an offer").click()
    page.wait_for_url("**/login/")
    opened.api["POST /login"] = ok(logged_in())
    page.fill("#login-email", "amina@example.com")
    page.fill("#login-password", "copper lantern meadow")
    opened.submit()
    page.wait_for_url("**/pay/help/")
    expect(page.get_by_role("button", name="Send us this offer")).to_be_enabled()


def test_an_offer_says_how_long_it_takes_is_sent_once_and_waits_for_its_answer(short: Tab) -> None:
    page = short.open("/pay/help/")
    expect(page.locator("#one-account")).to_have_text("Rent: you owe £123.45.")
    page.fill("#arrangement-amount_pence", "£20")
    page.check("text=Every week")
    expect(page.locator("#clears")).to_have_text("£20.00 a week clears £123.45 in 7 weeks.")
    check_everything(short)
    sent: list[str] = []
    replies = iter([{"status": 503, "body": ""}, ok(answers.OFFER, 201)])

    def offer(request: Any) -> Any:
        sent.append(request.headers["idempotency-key"])
        return next(replies)

    short.api["POST /pay/arrangements"] = offer
    short.submit()
    expect(page.locator(".govuk-error-summary")).to_be_visible()
    short.api["GET /pay/arrangements"] = ok({"arrangements": [answers.OFFER]})
    short.submit()
    expect(page.get_by_role("heading", name="We have your offer for Rent")).to_be_focused()
    expect(page.locator("#offers")).to_contain_text("Waiting for us to answer")
    expect(page.locator("#offers")).to_contain_text("by phone or letter by the end of Tuesday 1 December")
    expect(page.get_by_role("heading", name="Change your offer")).to_be_visible()
    assert sent[0] == sent[1]
    wanted = {"rent_account_id": "a1", "amount_pence": 2000, "frequency": "weekly"}
    assert short.sent("POST /pay/arrangements") == [wanted, wanted]
    check_everything(short)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter an amount that you can pay"),
        ("0.99", "Amount must be £1.00 or more"),
        ("123.46", "Amount must be £123.45 or less: that is all you owe"),
        ("some", "Amount must be in pounds and pence, such as 12.50"),
    ],
)
def test_an_offer_that_cannot_be_taken_says_why_and_asks_how_often(short: Tab, typed: str, said: str) -> None:
    page = short.open("/pay/help/")
    page.fill("#arrangement-amount_pence", typed)
    short.submit()
    expect(page.locator(".govuk-error-summary li")).to_have_text([re.compile(said), "Choose how often you can pay it"])
    assert not short.sent("POST /pay/arrangements")
    check_everything(short)


def test_an_answer_that_is_late_is_our_mistake_and_a_joint_tenants_offer_is_named_as_theirs(short: Tab) -> None:
    late = {**answers.OFFER, "status": "answer_due", "offered_by_you": False, "answer_by": "2026-11-17"}
    short.api["GET /pay/arrangements"] = ok({"arrangements": [late]})
    page = short.open("/pay/help/")
    expect(page.locator("#offers")).to_contain_text("We should have answered by Tuesday 17 November")
    expect(page.locator("#offers")).to_contain_text("Somebody else on your tenancy offered it")
    check_everything(short)


def test_with_several_accounts_the_offer_is_for_the_one_that_is_picked(short: Tab) -> None:
    owing = {**answers.GARAGE, "balance_pence": 3000}
    short.api["GET /balance"] = ok({"rent_accounts": [answers.ACCOUNT, owing]})
    short.api["POST /pay/arrangements"] = ok(answers.OFFER, 201)
    page = short.open("/pay/help/")
    expect(page.locator("#which")).to_be_visible()
    page.fill("#arrangement-amount_pence", "30")
    page.check("text=Every month")
    short.submit()
    expect(page.locator(".govuk-error-summary li")).to_have_text("Choose which account it is for")
    check_everything(short)
    page.check("text=Garage: you owe £30.00")
    expect(page.locator("#clears")).to_have_text("It clears the £30.00 that you owe the first time.")
    short.api["GET /pay/arrangements"] = ok({"arrangements": [{**answers.OFFER, "rent_account_name": "Garage"}]})
    short.submit()
    expect(page.get_by_role("heading", name="We have your offer for Garage")).to_be_focused()
    expect(page.locator("#arrangement-amount_pence")).to_have_value("")
    assert short.sent("POST /pay/arrangements") == [
        {"rent_account_id": "a2", "amount_pence": 3000, "frequency": "monthly"}
    ]


def test_where_nothing_is_owed_there_is_no_form_for_an_offer(short: Tab) -> None:
    short.api["GET /balance"] = ok({"rent_accounts": [answers.GARAGE]})
    page = short.open("/pay/help/")
    expect(page.get_by_text("so there is nothing to arrange")).to_be_visible()
    expect(page.locator("#arrangement")).to_be_hidden()
    check_everything(short)


def test_a_payment_that_waits_is_waited_for_honestly(tab: Callable[..., Tab]) -> None:
    opened = tab()
    states = iter(["pending", "pending", "succeeded"])
    opened.api["GET /pay/p1"] = lambda _: ok(payment(next(states)))
    page = opened.open("/pay/done/#p1")
    expect(page.get_by_role("heading", name="We are waiting for your bank")).to_be_visible()
    expect(page.get_by_text("Do not pay again: this page will tell you.")).to_be_visible()
    expect(page.get_by_role("link", name="go back to it")).to_have_attribute(
        "href", re.compile("/api/sandbox/checkout/p1$")
    )
    expect(page.get_by_role("heading", name="Thank you. You have paid")).to_be_visible(timeout=10_000)
    expect(page).to_have_title(re.compile("^Thank you. You have paid – "))


# --- repairs


def tell(page: Page, *words: str) -> None:
    for each in words:
        page.get_by_role("link", name=each, exact=True).locator("visible=true").click()


def go_through_to_the_end(opened: Tab) -> None:
    """From the last question: nothing more to tell, and send."""
    page = opened.page
    opened.submit()
    for label in ("Tell us more", "How do we get in?"):
        expect(page.get_by_label(label)).to_be_visible()
        opened.submit()
    expect(page.get_by_role("heading", name="Check before you send it")).to_be_visible()
    opened.submit()


def test_a_visit_is_chosen_told_about_and_booked(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/repairs/repair/#r1")
    page.get_by_role("link", name="Choose a time").click()
    page.wait_for_url("**/repairs/visit/#r1")
    expect(page.get_by_role("heading", name="When can we come?")).to_be_visible()
    opened.submit()
    expect(page.locator(".govuk-error-summary").get_by_role("link")).to_have_text(["Choose a time"])
    assert page.locator("#slots input").count() == 8
    page.get_by_role("button", name="Show later times").click()
    expect(page.locator("#slots input").nth(8)).to_be_focused()
    expect(page.get_by_text("That is after Monday 21 December, by when we aim to finish it").first).to_be_visible()
    page.get_by_label("Tuesday 1 December in the morning, 8am to midday").check()
    opened.submit()
    expect(page.get_by_role("heading", name="What should whoever comes know?")).to_be_focused()
    expect(page.get_by_label("How do we get in?")).to_have_value("Ring the top bell")
    page.get_by_label("Animals at home").fill("A dog")
    page.get_by_label("A word for whoever comes to say").fill("Lantern")
    page.get_by_label(re.compile("Somebody who lives here")).check()
    opened.submit()
    expect(page.get_by_role("heading", name="Your visit is booked")).to_be_focused()
    assert opened.sent("PUT /repairs/r1/appointment") == [
        {
            "slot_id": "2026-12-01.morning", "vulnerable": True, "access_notes": "Ring the top bell",
            "communication": None, "pets": "A dog", "safe_word": "Lantern",
        }
    ]  # fmt: skip
    expect(page.get_by_role("link", name="Add to your calendar")).to_have_attribute(
        "href", "/api/repairs/r1/appointment.ics"
    )


def test_a_time_that_went_meanwhile_is_chosen_again_and_nothing_told_is_lost(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["PUT /repairs/r1/appointment"] = problem(409, "slot-taken")
    page = opened.open("/repairs/visit/#r1")
    page.locator("#slots input").first.check()
    opened.submit()
    page.get_by_label("Animals at home").fill("A dog")
    opened.api["GET /repairs/r1/slots"] = ok({"slots": answers.SLOTS[1:]})
    opened.submit()
    expect(page.get_by_role("heading", name="When can we come?")).to_be_visible()
    expect(page.locator(".govuk-error-summary")).to_be_visible()
    expect(page.locator("#slots")).not_to_contain_text("Tuesday 1 December in the morning")
    page.locator("#slots input").first.check()
    opened.submit()
    expect(page.get_by_label("Animals at home")).to_have_value("A dog")


def test_where_no_time_is_left_somebody_rings_and_the_number_is_there(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["GET /repairs/r1/slots"] = ok({"slots": []})
    page = opened.open("/repairs/visit/#r1")
    expect(page.get_by_text("There is no time to choose just now. We will ring you")).to_be_visible()
    expect(page.locator("main a[href^='tel:']").locator("visible=true")).to_be_visible()
    opened.api["GET /repairs/r1/slots"] = problem(409, "repair-finished")
    page.reload()
    expect(page.get_by_role("heading", name="You cannot choose a time here")).to_be_visible()
    expect(page.locator("main a[href^='tel:']").locator("visible=true")).to_be_visible()


def test_a_booked_visit_is_shown_and_can_be_cancelled(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["GET /repairs/r1"] = ok({**answers.REPAIR, "appointment": answers.APPOINTMENT})
    page = opened.open("/repairs/repair/#r1")
    expect(page.locator("#visit")).to_contain_text("Tuesday 1 December in the morning, 8am to midday")
    page.get_by_role("link", name="Change or cancel the visit").click()
    page.wait_for_url("**/repairs/visit/#r1")
    expect(page.locator("#now")).to_contain_text("Tuesday 1 December in the morning")
    opened.api["DELETE /repairs/r1/appointment"] = problem(409, "too-late-to-change")
    page.get_by_role("button", name="Cancel this visit").click()
    expect(page.locator(".govuk-error-summary")).to_be_visible()
    opened.api["DELETE /repairs/r1/appointment"] = ok(None, 204)
    opened.api["GET /repairs/r1"] = ok(answers.REPAIR)
    page.get_by_role("button", name="Cancel this visit").click()
    expect(page.get_by_role("heading", name="The visit is cancelled")).to_be_focused()
    page.get_by_role("link", name="Choose another time").click()
    expect(page.get_by_role("heading", name="When can we come?")).to_be_visible()


def test_a_repair_is_told_step_by_step_checked_and_sent(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/repairs/report/")
    opened.settled()
    expect(page.get_by_role("link", name="0800 111 999")).to_be_visible()
    tell(page, "None of these: carry on", "Kitchen", "Tap", "It drips")
    expect(page.get_by_role("heading", name="Which tap is it?")).to_be_focused()
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Choose an answer")
    check_everything(opened)
    page.check("[value=hot]")
    opened.submit()
    page.fill("#details-description", "Drips all night")
    opened.submit()
    expect(page.get_by_label("How do we get in?")).to_be_visible()
    page.go_back()
    expect(page.locator("#details-description")).to_have_value("Drips all night")
    opened.submit()
    expect(page.get_by_label("How do we get in?")).to_be_visible()
    opened.submit()
    expect(page.get_by_role("heading", name="Check before you send it")).to_be_focused()
    check_everything(opened)
    opened.submit()
    expect(page.get_by_role("heading", name="We have your repair")).to_be_focused()
    assert opened.sent("POST /repairs") == [
        {"item_id": "kitchen-tap-drips", "answers": {"which": "hot"}, "description": "Drips all night"}
    ]
    expect(page.get_by_text("R-7KP241")).to_be_visible()
    expect(page.get_by_text("by the end of Monday 21 December")).to_be_visible()
    check_everything(opened)
    page.get_by_role("link", name="Follow this repair").click()
    page.wait_for_url("**/repairs/repair/#r1")


def test_a_repair_is_found_by_words_and_goes_on_from_there(tab: Callable[..., Tab]) -> None:
    opened = tab()
    found = [item for item in answers.CATALOGUE["items"] if item["item_id"] == "kitchen-tap-runs"]
    opened.api["GET /repairs/catalogue"] = lambda request: (
        ok({"items": found}) if "search=running%20tap%3F" in request.url else ok(answers.CATALOGUE)
    )
    page = opened.open("/repairs/report/")
    opened.settled()
    tell(page, "None of these: carry on")
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Type what is wrong in a few words")
    page.get_by_label("Find it by words").fill("running tap?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Is it one of these?")).to_be_focused()
    check_everything(opened)
    page.go_back()
    expect(page.get_by_label("Find it by words")).to_have_value("running tap?")
    page.go_forward()
    tell(page, "Tap: Cannot be turned off")
    expect(page.get_by_label("Tell us more")).to_be_visible()
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.get_by_role("heading", name="What is wrong with it?")).to_be_focused()


def test_words_that_find_nothing_lead_on_to_the_places(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/repairs/report/")
    opened.settled()
    tell(page, "None of these: carry on")
    opened.api["GET /repairs/catalogue"] = ok({"items": []})
    page.get_by_label("Find it by words").fill("xyzzy")
    opened.submit()
    expect(page.get_by_text("We found nothing by those words.")).to_be_visible()
    check_everything(opened)
    tell(page, "Other words, or pick the place", "Kitchen")


def test_what_was_told_survives_a_phone_that_drops_the_page(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/repairs/report/")
    opened.settled()
    tell(page, "None of these: carry on", "Kitchen", "Tap", "It drips")
    page.check("[value=hot]")
    opened.submit()
    page.fill("#details-description", "Drips all night")
    opened.submit()
    page.reload()
    opened.settled()
    expect(page.get_by_label("How do we get in?")).to_be_visible()
    page.go_back()
    expect(page.locator("#details-description")).to_have_value("Drips all night")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (("Kitchen", "Electrics"), "03069 990199"),
        (("Whole home", "Light"), "You can change a bulb yourself."),
    ],
)
def test_what_must_not_wait_or_is_the_tenants_own_is_said_first_and_still_taken(
    tab: Callable[..., Tab], told: tuple[str, ...], said: str
) -> None:
    opened = tab()
    page = opened.open("/repairs/report/")
    opened.settled()
    tell(page, "None of these: carry on", *told)
    expect(page.locator("[data-step=advice]").get_by_text(said)).to_be_visible()
    check_everything(opened)
    page.click("#advice-next")
    expect(page.get_by_label("Tell us more")).to_be_visible()


def test_an_answer_that_means_danger_shows_its_number_before_anything_else(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/repairs/report/")
    opened.settled()
    tell(page, "None of these: carry on", "Kitchen", "Tap", "It drips")
    page.check("[value=wires]")
    opened.submit()
    expect(page.get_by_role("heading", name="Ring now")).to_be_focused()
    expect(page.get_by_text("Keep away from the wires.")).to_be_visible()
    check_everything(opened)


def test_what_is_reported_already_can_be_seen_or_reported_anyway(tab: Callable[..., Tab]) -> None:
    opened = tab()
    replies = iter([problem(409, "already-reported", repair_id="r1"), ok(answers.REPAIR, 201)])
    opened.api["POST /repairs"] = lambda _: next(replies)
    page = opened.open("/repairs/report/")
    opened.settled()
    tell(page, "None of these: carry on", "Kitchen", "Tap", "It drips")
    page.check("[value=hot]")
    go_through_to_the_end(opened)
    expect(page.get_by_role("link", name="See that repair")).to_have_attribute("href", "/repairs/repair/#r1")
    check_everything(opened)
    page.get_by_role("button", name="Report it anyway").click()
    expect(page.get_by_role("heading", name="We have your repair")).to_be_visible()
    assert [body.get("anyway") for body in opened.sent("POST /repairs")] == [None, True]


def test_the_laws_clock_says_what_a_passed_date_entitles_to_and_shows_what_was_found(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/repairs/repair/#r1")
    expect(page.get_by_role("heading", name="The law’s clock on your report")).to_be_visible()
    expect(page.locator("#duties")).to_contain_text("By the end of Sunday 8 November")
    expect(page.locator("#duties")).to_contain_text("The law gave us until then to look into it. Ring us.")
    expect(page.locator("#duties")).to_contain_text("by the end of Monday 8 February 2027 at the very latest")
    expect(page.locator("#summary")).to_contain_text("Clean it and fit a fan")
    check_everything(opened)


PHOTO = {
    "photo_id": "f1", "state": "shown", "message": None, "added_at": answers.moment(hours=2),
    "url": "/photo-bucket/f1.jpg", "small_url": "/photo-bucket/f1-small.jpg",
}  # fmt: skip
CHECKING = {**PHOTO, "photo_id": "f2", "state": "checking", "url": None, "small_url": None}
REFUSED = {**CHECKING, "state": "refused", "message": "We could not open this as a photo. Take it again."}


def with_photos(opened: Tab, *lists: list[Any]) -> None:
    """The photos as they are at one look after another, and a bucket that takes and gives."""
    looks = list(lists)
    opened.api["GET /repairs/r1/photos"] = lambda _: ok({"photos": looks.pop(0) if len(looks) > 1 else looks[0]})
    form = {"photo_id": "f2", "url": "/photo-bucket/", "fields": {"key": "incoming/f2", "policy": "p"}}
    opened.api["POST /repairs/r1/photos"] = ok(form, 201)
    opened.page.route("**/photo-bucket/", lambda route: route.fulfill(status=204))
    opened.page.route("**/photo-bucket/*.jpg", lambda route: route.fulfill(body=plain(), content_type="image/jpeg"))


def picture(name: str, content: bytes = b"x", kind: str = "image/jpeg") -> Any:
    return {"name": name, "mimeType": kind, "buffer": content}


def test_photos_are_added_checked_and_shown_and_one_that_fails_loses_no_other(tab: Callable[..., Tab]) -> None:
    opened = tab()
    with_photos(opened, [], [CHECKING], [PHOTO])
    page = opened.open("/repairs/repair/#r1")
    opened.settled()
    page.get_by_role("button", name="Add photos").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Choose a photo first")
    check_everything(opened)
    page.set_input_files("#photo-file", [picture("note.txt", b"x", "text/plain"), picture("leak.jpg", b"12345")])
    page.get_by_role("button", name="Add photos").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("note.txt is not a photo that we can take.")
    expect(page.get_by_text("We are checking photo 1.")).to_be_visible()
    check_everything(opened)
    expect(page.get_by_role("img", name="Photo 1 of this repair")).to_be_visible()
    expect(page.locator("#photos-said")).to_have_text("Your photos are with this repair.")
    assert opened.sent("POST /repairs/r1/photos") == [{"content_type": "image/jpeg", "size": 5}]
    check_everything(opened)


def test_a_photo_that_was_refused_says_what_to_do_and_is_removed_by_keyboard(tab: Callable[..., Tab]) -> None:
    opened = tab(320)
    with_photos(opened, [PHOTO, REFUSED], [PHOTO])
    opened.api["DELETE /repairs/r1/photos/f2"] = ok(None, 204)
    page = opened.open("/repairs/repair/#r1")
    expect(page.locator("#photo-list")).to_contain_text("We could not open this as a photo. Take it again.")
    check_everything(opened)
    page.get_by_role("button", name="Remove photo 2").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#photos-heading")).to_be_focused()
    expect(page.locator("#photos-said")).to_have_text("We have removed photo 2.")
    expect(page.locator("#photo-list li")).to_have_count(1)


def test_a_photo_that_does_not_get_through_says_so_and_gives_its_place_back(tab: Callable[..., Tab]) -> None:
    opened = tab()
    with_photos(opened, [])
    opened.api["DELETE /repairs/r1/photos/f2"] = ok(None, 204)
    opened.page.route("**/photo-bucket/", lambda route: route.abort())
    page = opened.open("/repairs/repair/#r1")
    opened.settled()
    page.set_input_files("#photo-file", picture("leak.jpg"))
    page.get_by_role("button", name="Add photos").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("leak.jpg was not added. It did not get through.")
    assert len(opened.sent("DELETE /repairs/r1/photos/f2")) == 1


def test_six_photos_leave_no_room_and_a_finished_repair_takes_none(tab: Callable[..., Tab]) -> None:
    opened = tab()
    with_photos(opened, [{**PHOTO, "photo_id": f"f{n}"} for n in range(6)])
    page = opened.open("/repairs/repair/#r1")
    expect(page.get_by_text("That is six, and there is room for no more.")).to_be_visible()
    expect(page.locator("#photo")).to_be_hidden()
    check_everything(opened)
    page = opened.open("/repairs/repair/#r3")
    opened.settled()
    expect(page.locator("#photos")).to_be_hidden()


def test_an_open_repair_is_added_to_and_cancelled_by_keyboard_alone(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/repairs/repair/#r1")
    opened.settled()
    page.get_by_role("button", name="Add this").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".govuk-error-summary")).to_contain_text("Tell us what we should know")
    check_everything(opened)
    page.get_by_label("What should we know besides?").focus()
    page.keyboard.type("It is worse at night")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#done")).to_be_focused()
    expect(page.locator("#events li").first).to_contain_text("It is worse at night")
    assert opened.sent("POST /repairs/r1/notes") == [{"text": "It is worse at night"}]
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This repair is cancelled.")).to_be_visible()
    expect(page.locator("#open-part")).to_be_hidden()
    assert opened.sent("POST /repairs/r1/cancel") == [{}]
    check_everything(opened)


def test_a_finished_repair_is_rated_and_opened_again(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/repairs/repair/#r3")
    opened.settled()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Choose how it was")
    page.get_by_label("Good", exact=True).check()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Thank you for telling us.")).to_be_visible()
    assert opened.sent("POST /repairs/r3/rating") == [{"rating": 4}]
    page.get_by_label("What is still wrong?").fill("It sticks")
    check_everything(opened)
    page.get_by_role("button", name="open it again").click()
    expect(page.get_by_text("It is open again.")).to_be_visible()
    assert opened.sent("POST /repairs/r3/reopen") == [{"reason": "It sticks"}]


def test_the_history_shows_a_part_when_asked(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["GET /repairs"] = lambda request: ok(
        {"repairs": [answers.OLD_REPAIR] if "status=finished" in request.url else [], "next_cursor": None}
    )
    page = opened.open("/repairs/")
    opened.settled()
    expect(page.get_by_text("You have not reported a repair yet.")).to_be_visible()
    page.get_by_role("link", name="Finished").click()
    expect(page.locator("#past-list li")).to_have_count(1)
    expect(page.get_by_role("link", name="Finished")).to_have_attribute("aria-current", "true")
    check_everything(opened)
    page.get_by_role("link", name="Being dealt with").click()
    expect(page.get_by_text("Nothing is being dealt with just now.")).to_be_visible()


def test_a_tenancy_that_has_ended_takes_no_report(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["GET /session"] = ok(logged_in(answers.ENDED, tenancy_id="t2"))
    page = opened.open("/repairs/report/")
    expect(page.get_by_role("heading", name="You cannot report a repair here")).to_be_visible()


# --- contact and household


def test_a_new_mobile_number_is_saved_with_the_version_it_was_read_at(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/contact/#mobile")
    opened.settled()
    assert page.input_value("#mobile-mobile") == "07700 900123"
    page.fill("#mobile-mobile", "07700 900456")
    opened.submit()
    expect(page.get_by_text("We have saved your mobile number.")).to_be_visible()
    expect(page.get_by_text("07700 900456")).to_be_visible()
    [(_, body, headers)] = [call for call in opened.calls if call[0] == "PATCH /contact"]
    assert body == {"mobile": "07700 900456"}
    assert headers["if-match"] == '"3"'
    check_everything(opened)


def test_details_that_changed_meanwhile_are_shown_anew(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["PATCH /contact"] = problem(412, "stale-version")
    page = opened.open("/contact/#mobile")
    opened.settled()
    opened.submit()
    expect(page.get_by_text("Here is the newest.")).to_be_visible()


def test_another_address_and_preferences_are_sent_whole(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/contact/#correspondence_address")
    opened.settled()
    page.check("[value=other]")
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Enter the postcode")
    check_everything(opened)
    for part, typed in {"line_1": "1 High St", "town": "Farport", "postcode": "ab1 2cd"}.items():
        page.fill(f"#correspondence_address-correspondence_address-{part}", typed)
    opened.submit()
    expect(page.get_by_text("We have saved where your letters go.")).to_be_visible()
    page.goto(f"{opened.origin}/contact/#preferences")
    page.check("[value=letter]")
    opened.submit()
    expect(page.get_by_text("We have saved how you like to hear from us.")).to_be_visible()
    assert opened.sent("PATCH /contact") == [
        {"correspondence_address": {"line_1": "1 High St", "town": "Farport", "postcode": "ab1 2cd"}},
        {"preferences": {"contact_by": "letter", "language": "Somali", "large_print": True}},
    ]


def test_the_email_address_is_changed_by_the_password_and_a_code_from_the_new_one(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/contact/")
    opened.settled()
    page.get_by_role("link", name="Change email").click()
    check_everything(opened)
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Enter your new email address")
    opened.api["POST /email"] = problem(
        422, "bad-input", errors=[{"field": "current_password", "message": "That is not your current password"}]
    )
    page.fill("#email-email", "amina@new.example")
    page.fill("#email-current_password", "not this one")
    opened.submit()
    expect(page.locator("#email .govuk-error-message")).to_contain_text("That is not your current password")
    opened.api["POST /email"] = ok({"code_expires_at": "2099-11-25T04:00:00Z"}, 202)
    page.fill("#email-current_password", "correct horse battery")
    opened.submit()
    expect(page.get_by_role("heading", name="Enter the code")).to_be_focused()
    expect(page.get_by_text("The code stops working at 4am on Wednesday 25 November 2099.")).to_be_visible()
    expect(page.locator("#email-sent")).to_contain_text("If amina@new.example can be used here, a code is on its way")
    assert "correct horse" not in page.evaluate("JSON.stringify({...sessionStorage})")
    check_everything(opened)
    opened.api["POST /email/confirm"] = problem(422, "code-not-accepted")
    page.fill("#email-code-code", "2222-2222")
    opened.submit()
    expect(page.locator("#email-code .govuk-error-message")).to_contain_text("That is not the code in our newest email")
    opened.api["POST /email/confirm"] = {"status": 204, "body": ""}
    opened.api["GET /contact"] = ok({**answers.CONTACT, "email": "amina@new.example"}, etag='"3"')
    page.fill("#email-code-code", "k7pm 3xqd")
    opened.submit()
    expect(page.get_by_text("From now on, log in with amina@new.example.")).to_be_visible()
    expect(page.locator("#facts")).to_contain_text("amina@new.example")
    assert opened.sent("POST /email/confirm") == [{"code": "2222-2222"}, {"code": "k7pm 3xqd"}]


def test_the_link_in_the_email_to_a_new_address_is_enough_to_type_the_code(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["POST /email/confirm"] = problem(409, "email-in-use", "Each person needs an address of their own.")
    page = opened.open("/contact/#email-code")
    opened.settled()
    expect(page.get_by_text("The email says when the code stops working.")).to_be_visible()
    page.fill("#email-code-code", "k7pm 3xqd")
    opened.submit()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Each person needs one of their own.")
    check_everything(opened)
    page.get_by_role("link", name="Use another address").click()
    expect(page.get_by_role("heading", name="Change your email address")).to_be_visible()


def test_who_logs_in_next_in_the_same_tab_sees_nothing_of_the_new_address_that_another_asked_for(
    tab: Callable[..., Tab],
) -> None:
    opened = tab()
    opened.api["POST /email"] = ok({"code_expires_at": "2099-11-25T04:00:00Z"}, 202)
    page = opened.open("/contact/#email")
    opened.settled()
    page.fill("#email-email", "amina@new.example")
    page.fill("#email-current_password", "correct horse battery")
    opened.submit()
    expect(page.locator("#email-sent")).to_contain_text("amina@new.example")
    another = answers.logged_in()
    another["customer"] |= {"customer_id": "c2"}
    opened.api["GET /session"] = ok(another)
    page.reload()
    opened.settled()
    expect(page.get_by_text("The email says when the code stops working.")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("amina@new.example")
    opened.api["POST /login"] = ok(another)
    page = opened.open("/login/")
    page.fill("#login-email", "ben@example.com")
    page.fill("#login-password", "another horse battery")
    opened.submit()
    page.wait_for_url("**/home/")
    assert "amina@new.example" not in page.evaluate("JSON.stringify({...sessionStorage})")


def test_somebody_is_added_changed_and_taken_off_the_household(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["PATCH /household/members/m1"] = ok(answers.MEMBERS[0])
    opened.api["DELETE /household/members/m2"] = {"status": 204, "body": ""}
    page = opened.open("/household/")
    opened.settled()
    page.get_by_role("link", name="Add somebody").click()
    page.fill("#add-name", "Ada Okafor")
    page.check("#add [value=child]")
    opened.submit()
    expect(page.get_by_text("We have added Ada Okafor.")).to_be_visible()
    page.get_by_role("link", name=re.compile("Change.*Chidi Okafor")).click()
    page.fill("#change-date_of_birth-year", "2016")
    opened.submit()
    expect(page.get_by_text("We have saved what you changed for Chidi Okafor.")).to_be_visible()
    page.get_by_role("link", name=re.compile("Moved out.*Grace")).click()
    expect(page.get_by_role("heading", name="Has Grace")).to_be_focused()
    opened.submit()
    expect(page.get_by_text("off the list.").locator("visible=true")).to_be_visible()
    assert opened.sent("POST /household/members") == [{"name": "Ada Okafor", "relationship": "child"}]
    assert opened.sent("PATCH /household/members/m1") == [{"date_of_birth": "2016-03-27"}]


# --- everybody


@pytest.mark.parametrize("address", ["/", "/help/registration/", "/login/", "/home/", "/closed.html"])
def test_with_script_off_there_are_words_numbers_and_links(tab: Callable[..., Tab], address: str) -> None:
    opened = tab(script=False)
    page = opened.open(address)
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.get_by_role("link", name="03069 990142").first).to_be_visible()
    if address in {"/login/", "/home/"}:
        expect(page.locator("noscript .app-notice")).to_be_visible()
        expect(page.get_by_text("Getting your details")).to_be_hidden()


def test_shortly_before_the_idle_end_the_page_asks(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.page.clock.install()
    page = opened.open("/home/")
    opened.settled()
    page.clock.run_for(11 * 60_000)
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.clock.run_for(90_000)
    expect(page.get_by_role("dialog")).to_be_visible()
    before = len(opened.sent("GET /session"))
    page.get_by_role("button", name="Stay logged in").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert len(opened.sent("GET /session")) == before + 1
    page.clock.run_for(16 * 60_000)
    page.wait_for_url("**/login/")
    expect(page.get_by_text("We logged you off after 15 minutes")).to_be_visible()


def test_on_a_shared_computer_too_there_are_two_minutes_to_say_that_one_is_still_there(
    tab: Callable[..., Tab],
) -> None:
    """Two before the earliest end: the server notes a call once a minute, so that may be after four of the five."""
    opened = tab()
    opened.page.clock.install()
    opened.api["GET /session"] = ok(answers.logged_in(idle_ends_at=answers.moment(minutes=-5)))
    page = opened.open("/home/")
    opened.settled()
    page.clock.run_for(100_000)
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.clock.run_for(20_000)
    expect(page.get_by_role("dialog")).to_contain_text("after 5 minutes")
    check_everything(opened)


def test_who_cannot_be_logged_off_when_asked_whether_they_are_there_is_told_so(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.page.clock.install()
    page = opened.open("/home/")
    opened.settled()
    page.clock.run_for(12.5 * 60_000)
    opened.api["POST /logout"] = problem(503, "try-again-soon", "Wait a few seconds, then try again.")
    asked = page.get_by_role("dialog")
    asked.get_by_role("button", name="Log off").click()
    expect(asked.get_by_role("alert")).to_contain_text("You are not logged off yet. try-again-soon. Wait a few seconds")
    check_everything(opened)
    opened.context.set_offline(True)
    page.unroute(re.compile(r".*/api/.*"))
    asked.get_by_role("button", name="Log off").click()
    expect(asked.get_by_role("alert")).to_contain_text("You are not logged off yet. You are offline")
    opened.context.set_offline(False)
    page.route(re.compile(r".*/api/.*"), opened._answer)
    opened.api["POST /logout"] = {"status": 204, "body": ""}
    asked.get_by_role("button", name="Log off").click()
    page.wait_for_url("**/login/#logged-off")


def test_what_a_tenant_typed_is_text_wherever_it_is_shown(tab: Callable[..., Tab]) -> None:
    opened = tab()
    nasty = "<img src=x onerror=alert(1)>"
    opened.api["GET /household"] = ok({"members": [{**answers.MEMBERS[0], "name": nasty}]})
    opened.api["GET /repairs/r1"] = ok({**answers.REPAIR, "description": nasty, "problem": nasty})
    page = opened.open("/household/")
    expect(page.get_by_text(nasty).first).to_be_visible()
    page = opened.open("/repairs/repair/#r1")
    expect(page.get_by_text(nasty).first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_the_keyboard_reaches_the_words_past_the_frame(tab: Callable[..., Tab]) -> None:
    opened = tab()
    page = opened.open("/help/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to what this page is about")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["height"] > 20
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


# --- paying regularly


def test_a_regular_payment_is_set_up_under_one_key_and_its_card_saved_at_the_provider(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["GET /pay/schedules"] = ok({"schedules": []})
    opened.api["POST /pay/schedules"] = ok(regular("awaiting_card", checkout_url="/closed.html"), 201)
    page = opened.open("/pay/regular/")
    expect(page.locator("#none")).to_be_visible()
    page.click("text=Set up a regular payment")
    page.click("text=Continue to save your card")
    expect(page.locator(".govuk-error-summary li")).to_have_text(["Enter an amount", "Choose how often"])
    page.fill("#add-amount_pence", "£62.50")
    page.check("text=Every month")
    page.click("text=Continue to save your card")
    expect(page.locator(".govuk-error-summary li")).to_have_text(["Choose a day"])
    page.select_option("#add-day", "last")
    page.click("text=Continue to save your card")
    page.wait_for_url("**/closed.html")
    (sent,) = opened.sent("POST /pay/schedules")
    assert sent == {"rent_account_id": "a1", "amount_pence": 6250, "frequency": "monthly", "day": "last"}


def test_the_days_to_choose_from_are_those_that_every_week_or_month_has(tab: Callable[..., Tab]) -> None:
    page = tab().open("/pay/regular/#add")
    page.check("text=Every week")
    assert page.locator("#add-day option").all_inner_texts()[1:3] == ["Monday", "Tuesday"]
    page.check("text=Every month")
    days = page.locator("#add-day option").all_inner_texts()
    assert (len(days), days[1], days[-2], days[-1]) == (30, "1st", "28th", "Last day of the month")


def test_a_regular_payment_is_paused_changed_and_stopped_only_after_a_yes(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.api["PATCH /pay/schedules/s1"] = ok(regular("paused"))
    opened.api["DELETE /pay/schedules/s1"] = {"status": 204}
    page = opened.open("/pay/regular/")
    expect(page.locator("#schedules li").first).to_contain_text("£50.00 every Friday for Rent")
    page.click("#schedules button:has-text('Pause')")
    expect(page.locator("#done")).to_contain_text("We have paused it")
    page.click("#schedules a:has-text('Change')")
    page.fill("#change-amount_pence", "45")
    page.select_option("#change-day", "monday")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#done")).to_contain_text("We have changed it")
    page.click("#schedules a:has-text('Stop')")
    expect(page.locator("#stopping")).to_have_text("£50.00 every Friday for Rent.")
    assert not opened.sent("DELETE /pay/schedules/s1")
    page.click("text=Yes, stop it")
    expect(page.locator("#done")).to_contain_text("We have stopped it")
    assert opened.sent("PATCH /pay/schedules/s1") == [{"status": "paused"}, {"amount_pence": 4500, "day": "monday"}]


def test_whoever_comes_back_from_saving_a_card_is_told_once_we_know(tab: Callable[..., Tab]) -> None:
    opened = tab()
    replies = iter([ok({"schedules": [regular("awaiting_card")]})])
    opened.api["GET /pay/schedules"] = lambda _: next(replies, ok({"schedules": [regular("active")]}))
    page = opened.open("/pay/regular/#s1")
    expect(page.locator("#schedules li")).to_contain_text("Waiting for your card")
    expect(page.locator("#schedules li")).to_contain_text("Next: ")
