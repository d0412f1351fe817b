"""A tenant's evening in a real Chromium, on the local stack: on a phone of 320 px, and every page on a desk as well.

What a page says to each answer of the API is tried in tests/frontend; here the whole is, with nothing in between.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pypdf
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

from frontend.pages import PAGES
from infra.local.settings import ROOT
from tests.e2e.conftest import NewTenant
from tests.e2e.stack import LocalStack
from tests.e2e.tenant import SESSION, Tenant, new_password
from tests.pictures import EXECUTABLE, with_metadata

pytestmark = pytest.mark.browser

PHONE, DESK = {"width": 320, "height": 640}, {"width": 1280, "height": 900}
SCREENSHOTS = ROOT / "build" / "screenshots"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
AXE_RUN = (
    "tags => axe.run(document, {runOnly: tags}).then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))"
)
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
# What the page waits for is over: its own script has run, and what it fetched is drawn.
DRAWN = """() => document.querySelector('body.js-enabled')
  && (!document.querySelector('#ready') || ['#ready', '#failed'].some((p) => !document.querySelector(p).hidden))"""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# A page of several steps turns to the one that its fragment names in an event that comes after the fragment's change.
NOTE_TURNS = """
window.turnedTo = location.hash;
addEventListener("hashchange", () => setTimeout(() => { window.turnedTo = location.hash; }));
"""
TURNED = "was => location.hash !== was && window.turnedTo === location.hash"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "Chromium is not installed: make browser"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield started
        started.close()


class Visitor:
    """Somebody with a browser of their own, whose every page is looked at."""

    def __init__(self, browser: Browser, stack: LocalStack) -> None:
        self.stack = stack
        self.context = browser.new_context(
            viewport=PHONE, locale="en-GB", timezone_id="Asia/Tokyo", base_url=stack.base_url
        )
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stack.base_url)
        self.context.add_init_script(NOTE_TURNS)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.context.on("request", self._request)
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self.complaints.append(f"{self.page.url}: {error.error}"))

    def _request(self, request: Request) -> None:
        bucket = f"{self.stack.endpoint}/{self.stack.outputs['PhotoBucketName']}"
        if not request.url.startswith((self.stack.base_url + "/", bucket, "data:", "blob:")):
            self.complaints.append(f"a request to {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium notes each answer of 4xx and 5xx itself; the API's of 4xx are answers like any other, and two pages
        # are what is answered where there is none, or where the portal is closed.
        noted = "Failed to load resource: the server responded with a status of "
        address = urllib.parse.urlsplit(str(message.location.get("url"))).path
        api = f"{noted}4" in message.text and address.startswith("/api/")
        page = noted in message.text and address in {"/404.html", "/closed.html"}
        if message.type in {"error", "warning"} and not (api or page):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def open(self, address: str) -> Page:
        """Go to an address of the site and wait until it is drawn."""
        self.page.goto(address)
        return self.drawn()

    def drawn(self) -> Page:
        """The page, once nothing more is fetched."""
        self.page.wait_for_function(DRAWN)
        return self.page

    def look(self, name: str, *, rules: tuple[str, ...] = (*WCAG, "best-practice")) -> Page:
        """Take pictures of the page, and hold it to what every page is held to."""
        page = self.page
        page.evaluate(AXE.read_text("utf-8"))
        assert page.evaluate(AXE_RUN, list(rules)) == [], f"{name} at {page.url}"
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{name} is wider than 320 px"
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}-{PHONE['width']}.png", full_page=True)
        page.set_viewport_size(DESK)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{name} on a desk"
        page.screenshot(path=SCREENSHOTS / f"{name}-{DESK['width']}.png", full_page=True)
        page.set_viewport_size(PHONE)
        return page

    def submit(self, name: str) -> None:
        """Press the visible button of that name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def tab_to(self, wanted: Locator) -> None:
        """Press Tab until it has the focus, as somebody without a mouse does."""
        expect(wanted).to_be_visible()
        for _ in range(60):
            if wanted.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {wanted}")

    def type_in(self, typed: dict[str, str]) -> None:
        """Fill in fields by their ids with the keyboard alone."""
        for field, text in typed.items():
            self.tab_to(self.page.locator(f"#{field}"))
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text)

    def errors(self, *messages: str) -> None:
        """These errors are said in the summary, which has the focus, and beside their fields; the title says so too."""
        expect(self.page).to_have_title(re.compile("^Error: "))
        summary = self.page.locator(".govuk-error-summary")
        expect(summary).to_be_focused()
        for message in messages:
            expect(summary).to_contain_text(message)
            expect(self.page.locator(".govuk-error-message", has_text=message)).to_be_visible()


@pytest.fixture
def visitor(browser: Browser, stack: LocalStack) -> Iterator[Callable[[], Visitor]]:
    """Opens browsers; when the test is over, none of them may have complained or asked a stranger for anything."""
    opened: list[Visitor] = []

    def new() -> Visitor:
        opened.append(Visitor(browser, stack))
        return opened[-1]

    yield new
    for each in opened:
        each.context.close()
    assert [complaint for each in opened for complaint in each.complaints] == []


def log_in(visitor: Visitor, tenant: Tenant) -> None:
    """Log in on the page of that, which may be open already."""
    page = visitor.page
    if urllib.parse.urlsplit(page.url).path != "/login/":
        visitor.open("/login/")
    page.fill("#login-email", tenant.facts.email)
    page.fill("#login-password", tenant.password)
    visitor.submit("Log in")
    page.wait_for_url(lambda url: urllib.parse.urlsplit(url).path != "/login/")
    visitor.drawn()


# --- the journey


def test_a_tenant_registers_by_keyboard_alone(
    visitor: Callable[[], Visitor], new_tenant: NewTenant, stack: LocalStack
) -> None:
    tenant, somebody = new_tenant(), visitor()
    facts, born = tenant.facts, tenant.facts.born
    page = somebody.open("/")
    somebody.look("welcome")
    somebody.tab_to(page.get_by_role("link", name="Register", exact=False).first)
    page.keyboard.press("Enter")
    page.wait_for_url("**/register/")
    somebody.drawn()
    somebody.look("register")

    somebody.tab_to(page.get_by_role("button", name="Submit"))
    page.keyboard.press("Enter")
    somebody.errors("Enter your email address", "Enter your mobile number", "Enter your date of birth")
    somebody.look("register-errors")

    month = f"{born:%b}".lower()
    typed = {
        "register-email": facts.email.upper(),
        "register-mobile": "07700 900998",
        "register-tenancy_reference": f" {facts.tenancy_reference.lower()} ",
        "register-date_of_birth-day": str(born.day),
        "register-date_of_birth-month": month,
        "register-date_of_birth-year": str(born.year),
    }
    somebody.type_in(typed)
    page.keyboard.press("Enter")
    expect(page.locator("#mismatch")).to_be_visible()
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.locator("#mismatch")).to_contain_text("up to seven days")
    assert page.input_value("#register-date_of_birth-month") == month, "what was typed stays"
    somebody.look("register-mismatch")

    somebody.type_in({"register-mobile": facts.mobile})
    page.keyboard.press("Enter")
    page.wait_for_url("**/verify/#*")
    somebody.drawn()
    expect(page.locator("#stops")).to_contain_text(re.compile(r"stops working at .* on \w+day"))
    somebody.look("verify")

    tenant.password = new_password()
    somebody.type_in({"verify-code": "ZZZZ-ZZZZ", "verify-password": tenant.password})
    page.keyboard.press("Enter")
    somebody.errors("That is not the code in our newest email")
    somebody.look("verify-wrong-code")

    code = tenant.code()
    assert code in page.evaluate(
        "fetch('/_local/mailbox.json?to=' + encodeURIComponent(document.querySelector('#verify-username').value))"
        ".then(r => r.text())"
    )
    page.evaluate("code => navigator.clipboard.writeText(code)", f"  {code.lower()} ")
    somebody.tab_to(page.locator("#verify-code"))
    page.keyboard.press("Control+A")
    page.keyboard.press("Control+V")
    assert code.lower() in page.input_value("#verify-code"), "a code can be pasted"
    if page.input_value("#verify-password") != tenant.password:
        somebody.type_in({"verify-password": tenant.password})
    page.keyboard.press("Enter")
    page.wait_for_url("**/home/")
    somebody.drawn()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello {facts.name.split(' ')[0]}")
    somebody.look("home-new")
    assert code not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    assert page.evaluate("document.cookie") == "", "no script can read a cookie"
    assert {cookie["name"] for cookie in somebody.context.cookies()} == {SESSION, "__Host-device"}

    somebody.open("/register/")
    page.fill("#register-email", facts.email)
    page.fill("#register-mobile", facts.mobile)
    page.fill("#register-tenancy_reference", facts.tenancy_reference)
    page.fill("#register-date_of_birth-day", str(born.day))
    page.fill("#register-date_of_birth-month", f"{born.month:02}")
    page.fill("#register-date_of_birth-year", str(born.year))
    somebody.submit("Submit")
    expect(page.locator("#already")).to_be_visible()
    somebody.look("register-already")


def test_a_tenant_logs_in_by_keyboard_alone_and_logs_off_for_good(
    visitor: Callable[[], Visitor], new_tenant: NewTenant
) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    page = somebody.open("/login/")
    somebody.look("login")
    somebody.type_in({"login-email": tenant.facts.email, "login-password": "not the one that was chosen"})
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("^Error: "))
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    somebody.look("login-wrong-password")
    somebody.type_in({"login-email": tenant.facts.email, "login-password": tenant.password})
    page.keyboard.press("Enter")
    page.wait_for_url("**/home/")
    somebody.drawn()
    secret = page.locator("#address").inner_text()
    assert secret

    somebody.tab_to(page.get_by_role("navigation", name="Your home").get_by_role("link", name="Settings"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings/")
    somebody.drawn()
    expect(page.get_by_text(tenant.facts.tenancy_reference)).to_be_visible()
    somebody.look("settings")
    somebody.tab_to(page.locator("#log-off"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/#logged-off")
    expect(page.locator("#logged-off")).to_be_visible()
    somebody.look("logged-off")
    assert SESSION not in {cookie["name"] for cookie in somebody.context.cookies()}
    assert page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})") == "{}"
    for _ in range(2):
        page.go_back()
        page.wait_for_url("**/login/**")
        assert secret not in page.content()
        assert tenant.facts.tenancy_reference not in page.content()


def test_a_tenant_adds_a_passkey_logs_in_with_it_and_removes_it(
    visitor: Callable[[], Visitor], new_tenant: NewTenant
) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    devtools = somebody.context.new_cdp_session(somebody.page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    unlocks = {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    device = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options | unlocks})["authenticatorId"]
    log_in(somebody, tenant)
    page = somebody.open("/settings/")
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.get_by_role("heading", level=1, name="Add a passkey")).to_be_focused()
    somebody.look("settings-passkey")
    page.fill("#add-passkey-current_password", "not the one that was chosen")
    somebody.submit("Add a passkey")
    somebody.errors("That is not your current password")
    somebody.look("settings-passkey-wrong-password")
    assert devtools.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"] == []
    page.fill("#add-passkey-current_password", tenant.password)
    somebody.submit("Add a passkey")
    expect(page.get_by_text("Your passkey is added.")).to_be_visible()
    (kept,) = devtools.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    assert (kept["rpId"], kept["isResidentCredential"]) == ("localhost", True)
    somebody.look("settings-passkeys")
    assert "Chrome on" in tenant.letter("A passkey was added").text

    page.get_by_role("button", name="Log off", exact=True).click()
    page.wait_for_url("**/login/#logged-off")
    somebody.drawn()
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url("**/home/")
    somebody.drawn()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hello {tenant.facts.name.split(' ')[0]}")

    somebody.open("/settings/")
    expect(page.locator("#passkeys li")).to_contain_text("Last used at")
    page.get_by_role("link", name="Remove the passkey").click()
    somebody.look("settings-passkey-remove")
    page.fill("#remove-passkey-current_password", tenant.password)
    somebody.submit("Remove it")
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    expect(page.locator("#passkeys")).to_be_hidden()
    tenant.letter("A passkey was removed")

    page.get_by_role("button", name="Log off", exact=True).click()
    page.wait_for_url("**/login/#logged-off")
    somebody.drawn()
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("We could not log you in with that passkey")
    somebody.look("login-passkey-refused")
    log_in(somebody, tenant)


def test_a_tenant_pays_and_is_told_what_became_of_it(visitor: Callable[[], Visitor], new_tenant: NewTenant) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    log_in(somebody, tenant)
    page = somebody.look("home")
    page.get_by_role("navigation", name="Your home").get_by_role("link", name="Rent").click()
    page.wait_for_url("**/rent/")
    somebody.drawn()
    somebody.look("rent")
    before = tenant.balances()
    page.get_by_role("link", name="Charges and payments").first.click()
    page.wait_for_url("**/rent/transactions/#*")
    somebody.drawn()
    somebody.look("transactions")
    shown = page.locator("#lines tr").count()
    if page.locator("#more").is_visible():
        page.locator("#more").click()
        expect(page.locator("#lines tr").nth(shown)).to_be_visible()
    somebody.open("/rent/statement/")
    expect(page.locator("#closing")).to_contain_text("at the end of")
    somebody.look("statement")
    with page.expect_download() as saved:
        page.locator("#save-pdf").click()
    assert saved.value.path().read_bytes().startswith(b"%PDF-")
    somebody.open("/rent/calendar/")
    somebody.look("rent-calendar")

    somebody.open("/pay/")
    somebody.look("pay")
    pay(somebody, "0.50", leave=False)
    somebody.errors("Amount must be")
    somebody.look("pay-errors")
    pay(somebody, "£12.34")
    expect(page.get_by_text("£12.34")).to_be_visible()
    assert page.get_by_role("button").all_inner_texts() == ["Approve", "Decline", "Cancel"]
    somebody.look("provider")
    settled(somebody, "Approve", "Thank you. You have paid")
    expect(page.locator("#result")).to_contain_text("£12.34")
    somebody.look("pay-succeeded")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the receipt (PDF)").click()
    receipt = " ".join(pypdf.PdfReader(saved.value.path()).pages[0].extract_text().split())
    (mailed,) = tenant.letters("Receipt for your payment")
    reference = page.locator("#facts").inner_text().partition("Reference")[2].split()[0]
    assert re.fullmatch("P[0-9A-Z]{12}", reference)
    for said in (reference, "£12.34"):
        assert said in receipt
        assert said in mailed.text
    assert sum(tenant.balances().values()) == sum(before.values()) - 12_34
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you. You have paid")
    assert sum(tenant.balances().values()) == sum(before.values()) - 12_34
    page.get_by_role("link", name="See your rent account").click()
    page.wait_for_url("**/rent/transactions/#*")
    somebody.drawn()
    expect(page.locator("#lines")).to_contain_text("Card payment")

    for button, heading, name in (
        ("Decline", "The payment did not go through", "pay-failed"),
        ("Cancel", "You stopped the payment", "pay-cancelled"),
    ):
        somebody.open("/pay/")
        pay(somebody, "7")
        settled(somebody, button, heading)
        somebody.look(name)
    somebody.open("/pay/")
    pay(somebody, "8.01")
    somebody.open("/pay/")
    expect(page.locator("#waiting-payment")).to_contain_text("£8.01")
    page.get_by_role("link", name="that payment").click()
    page.wait_for_url("**/pay/done/#*")
    expect(page.get_by_role("heading", level=1)).to_have_text("We are waiting for your bank")
    somebody.look("pay-waiting")
    somebody.open("/pay/history/")
    assert page.locator("#payments > li").count() == 4
    expect(page.get_by_role("button", name="Receipt (PDF)")).to_have_count(1)
    somebody.look("pay-history")
    assert sum(tenant.balances().values()) == sum(before.values()) - 12_34


def test_a_regular_payment_is_set_up_changed_paused_and_stopped_in_the_browser(
    visitor: Callable[[], Visitor], new_tenant: NewTenant
) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    log_in(somebody, tenant)
    page = somebody.open("/pay/")
    page.get_by_role("link", name="Pay regularly").click()
    page.wait_for_url("**/pay/regular/")
    somebody.drawn()
    expect(page.get_by_text("You have no regular payment.")).to_be_visible()
    somebody.look("regular-none")
    before = tenant.balances()

    for button in ("Decline", "Approve"):
        turn(somebody, page.get_by_role("link", name="Set up a regular payment"))
        if button == "Decline":
            somebody.submit("Continue to save your card")
            somebody.errors("Enter an amount", "Choose how often")
            somebody.look("regular-errors")
        page.fill("#add-amount_pence", "£62.50")
        page.get_by_label("Every month").check()
        page.select_option("#add-day", "last")
        somebody.look("regular-add")
        somebody.submit("Continue to save your card")
        page.wait_for_url("**/api/sandbox/card/*")
        if button == "Decline":
            somebody.look("regular-provider")
        somebody.submit(button)
        page.wait_for_url("**/pay/regular/#*")
        somebody.drawn()
    ours, declined = (
        page.locator("#schedules > li", has_text="Next: "),
        page.locator("#schedules > li", has_text="never"),
    )
    expect(ours).to_contain_text("£62.50 on the last day of every month")
    expect(declined).to_contain_text("Nothing was taken")
    somebody.look("regular-list")

    turn(somebody, ours.get_by_role("link", name="Change"))
    somebody.look("regular-change")
    page.fill("#change-amount_pence", "45")
    page.select_option("#change-day", "12")
    somebody.submit("Save")
    expect(page.locator("#done")).to_contain_text("We have changed it")
    expect(ours).to_contain_text("£45.00 on the 12th of every month")

    mine = page.locator("#schedules > li", has_text="£45.00")
    mine.get_by_role("button", name="Pause").click()
    expect(mine).to_contain_text("We take nothing until you start it again")
    somebody.look("regular-paused")
    mine.get_by_role("button", name="Start again").click()
    expect(mine).to_contain_text("Next: ")

    turn(somebody, mine.get_by_role("link", name="Stop"))
    somebody.look("regular-stop")
    somebody.submit("Yes, stop it")
    expect(mine).to_contain_text("You stopped it. We take no more.")
    expect(page.locator("#done")).to_contain_text("We have stopped it")
    somebody.look("regular-stopped")
    assert {each["status"] for each in tenant.call("GET", "/api/pay/schedules").json["schedules"]} == {"stopped"}
    assert tenant.balances() == before


def turn(visitor: Visitor, link: Locator) -> None:
    """Press a link to another step of the page, and wait until the page has turned to it."""
    was = visitor.page.evaluate("location.hash")
    link.click()
    visitor.page.wait_for_function(TURNED, arg=was)


def test_a_tenant_offers_what_they_can_afford_and_is_told_by_when_we_answer(
    visitor: Callable[[], Visitor], new_tenant: NewTenant
) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    while max(tenant.balances().values()) < 10_00:
        tenant = new_tenant().come_in()
    page = somebody.open("/pay/help/")
    somebody.look("pay-help-logged-out")
    log_in(somebody, tenant)
    somebody.open("/pay/help/")
    expect(page.get_by_role("button", name="Send us this offer")).to_be_enabled()
    somebody.look("pay-help")
    somebody.submit("Send us this offer")
    expect(page.locator(".govuk-error-summary")).to_contain_text("Enter an amount that you can pay")
    somebody.look("pay-help-errors")
    if page.locator("#which").is_visible():
        page.locator("#account-choices input").first.check()
    page.fill("#arrangement-amount_pence", "1.50")
    page.get_by_label("Every two weeks").check()
    expect(page.locator("#clears")).to_contain_text("£1.50 every two weeks clears")
    somebody.look("pay-help-filled")
    somebody.submit("Send us this offer")
    expect(page.locator("#offers")).to_contain_text("Waiting for us to answer")
    somebody.look("pay-help-waiting")
    mailed = tenant.letter("We have your offer")
    assert "£1.50 every two weeks" in mailed.text
    (made,) = tenant.call("GET", "/api/pay/arrangements").json["arrangements"]
    assert (made["amount_pence"], made["frequency"], made["offered_by_you"]) == (1_50, "fortnightly", True)


def pay(visitor: Visitor, amount: str, *, leave: bool = True) -> None:
    """Choose another amount and go on to the provider's page."""
    page = visitor.page
    if page.locator("#how-much").is_visible():
        page.check("#pay-other")
    page.fill("#pay-amount_pence", amount)
    visitor.submit("Continue to pay")
    if leave:
        page.wait_for_url("**/api/sandbox/checkout/*")


def settled(visitor: Visitor, button: str, heading: str) -> None:
    """Press a button of the provider's page, and wait for what the portal says of it."""
    visitor.submit(button)
    visitor.page.wait_for_url("**/pay/done/#*")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(heading)


def test_a_tenant_reports_a_repair_and_follows_it(visitor: Callable[[], Visitor], new_tenant: NewTenant) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    log_in(somebody, tenant)
    page = somebody.open("/repairs/")
    somebody.look("repairs")
    page.get_by_role("link", name="Report a repair").click()
    page.wait_for_url("**/repairs/report/")
    somebody.drawn()
    expect(page.locator("main")).to_contain_text("0800 111 999")
    somebody.look("repair-danger")
    page.locator("#no-danger").click()
    page.wait_for_function(TURNED, arg="")
    walk_through_report(somebody)
    expect(page.locator("[data-step=sent] h1")).to_be_visible()
    reference = page.locator("#sent-reference").inner_text()
    somebody.look("repair-sent")
    assert reference in tenant.letter("We have your repair request").text
    page.locator("#sent-follow").click()
    page.wait_for_url("**/repairs/repair/#*")
    somebody.drawn()
    expect(page.locator("main")).to_contain_text("It drips all night")
    leak = {"name": "leak.jpg", "mimeType": "image/jpeg", "buffer": with_metadata("image/jpeg")}
    program = {"name": "leak.png", "mimeType": "image/png", "buffer": EXECUTABLE}
    page.set_input_files("#photo-file", [leak, program])
    somebody.submit("Add photos")
    expect(page.get_by_role("img", name="Photo 1 of this repair")).to_be_visible(timeout=60_000)
    expect(page.locator("#photo-list")).to_contain_text("We could not open this as a photo", timeout=60_000)
    expect(page.locator("#photo-list img")).to_have_js_property("naturalWidth", 320)
    somebody.look("repair")
    somebody.open("/repairs/")
    expect(page.locator("#open-list")).to_contain_text(reference)
    somebody.look("repairs-one")
    somebody.open("/home/")
    expect(page.locator("#repairs")).to_contain_text(reference)
    somebody.look("home-repair")

    somebody.open("/repairs/report/#where")
    walk_through_report(somebody, pictures=False)
    expect(page.locator("#already")).to_be_visible()
    somebody.look("repair-already")
    somebody.open(f"/repairs/repair/#{'0' * 26}")
    expect(page.get_by_role("heading", level=1)).to_have_text("We cannot find that")
    somebody.look("repair-missing")


def test_by_keyboard_alone_a_repair_is_found_by_words_followed_opened_again_and_cancelled(
    visitor: Callable[[], Visitor], new_tenant: NewTenant
) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    log_in(somebody, tenant)
    page = somebody.open("/repairs/report/")

    def press(wanted: Locator, *, turns: bool = True) -> None:
        before = page.evaluate("location.hash")
        somebody.tab_to(wanted)
        page.keyboard.press("Enter")
        if turns:
            page.wait_for_function(TURNED, arg=before)

    press(page.locator("#no-danger"))
    somebody.tab_to(page.locator("#search-words"))
    page.keyboard.type("taap driping")
    before = page.evaluate("location.hash")
    page.keyboard.press("Enter")
    page.wait_for_function(TURNED, arg=before)
    expect(page.locator("#found-list li").first).to_contain_text("Kitchen")
    somebody.look("repair-found")
    press(page.locator("#found-list a").first)
    for form in ("details", "access"):
        press(page.locator(f"#{form} button"))
    press(page.locator("#check button"), turns=False)
    expect(page.locator("[data-step=sent] h1")).to_be_visible()
    repair = tenant.call("GET", "/api/repairs", None).json["repairs"][0]

    # The landlord's own system tells of it, on the bus.
    told = ("accepted", "appointment", "on_the_way", "visited", "completed")
    somebody.stack.client("events").put_events(
        Entries=[
            {
                "Source": "landlord.housing",
                "DetailType": "Repair event",
                "EventBusName": somebody.stack.outputs["LandlordBusName"],
                "Detail": json.dumps(
                    {
                        "repair_reference": repair["reference"],
                        "at": (datetime.now(UTC) + timedelta(seconds=place)).isoformat(),
                        "event": event,
                    }
                ),
            }
            for place, event in enumerate(told)
        ]
    )
    until = time.monotonic() + 90
    while len(seen := tenant.call("GET", f"/api/repairs/{repair['repair_id']}").json["events"]) <= len(told):
        assert time.monotonic() < until, seen
        time.sleep(1)
    assert [event["event"] for event in seen] == ["reported", *told]

    somebody.open(f"/repairs/repair/#{repair['repair_id']}")
    expect(page.locator("#status")).to_contain_text("Done")
    expect(page.locator("#events li")).to_have_count(6)
    somebody.look("repair-completed")
    somebody.tab_to(page.locator("#reopen-reason"))
    page.keyboard.type("It drips again")
    press(page.locator("#reopen button"), turns=False)
    expect(page.locator("#done")).to_be_focused()
    expect(page.locator("#status")).to_contain_text("Opened again")
    somebody.look("repair-reopened")
    somebody.tab_to(page.locator("#notes-text"))
    page.keyboard.type("Worse at night")
    press(page.locator("#notes button"), turns=False)
    expect(page.locator("#events li").first).to_contain_text("Worse at night")
    press(page.locator("#open-part summary"), turns=False)
    press(page.locator("#cancel button"), turns=False)
    expect(page.locator("#done")).to_contain_text("This repair is cancelled.")
    somebody.look("repair-cancelled")
    assert tenant.call("GET", f"/api/repairs/{repair['repair_id']}").json["status"] == "cancelled"


def test_a_visit_is_booked_moved_and_cancelled(visitor: Callable[[], Visitor], new_tenant: NewTenant) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    log_in(somebody, tenant)
    page = somebody.open("/repairs/report/#where")
    walk_through_report(somebody, pictures=False)
    expect(page.locator("[data-step=sent] h1")).to_be_visible()
    page.locator("#sent-visit").click()
    page.wait_for_url("**/repairs/visit/#*")
    somebody.drawn()
    somebody.look("visit-choose")
    somebody.tab_to(page.locator("#slots input").first)
    page.keyboard.press("Space")
    words = page.locator("#slots input:checked + label").inner_text()
    somebody.tab_to(page.locator("#slot button[type=submit]"))
    page.keyboard.press("Enter")
    expect(page.locator("[data-step=details] h1")).to_be_focused()
    somebody.type_in({"details-pets": "A dog that barks", "details-safe_word": "Lantern"})
    somebody.look("visit-details")
    somebody.tab_to(page.locator("#details button[type=submit]"))
    page.keyboard.press("Enter")
    expect(page.locator("[data-step=booked] h1")).to_be_focused()
    expect(page.locator("#booked-when")).to_have_text(words)
    somebody.look("visit-booked")
    assert "Lantern" not in tenant.letter("We are coming to mend something").text

    page.locator("#booked-repair").click()
    page.wait_for_url("**/repairs/repair/#*")
    somebody.drawn()
    expect(page.locator("#visit")).to_contain_text(words)
    somebody.look("repair-with-visit")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Add to your calendar").click()
    assert "BEGIN:VEVENT" in Path(saved.value.path()).read_text("utf-8")

    page.get_by_role("link", name="Change or cancel the visit").click()
    page.wait_for_url("**/repairs/visit/#*")
    somebody.drawn()
    somebody.look("visit-change")
    page.locator("#slots input").nth(3).check()
    somebody.submit("Continue")
    expect(page.locator("#details-safe_word")).to_have_value("Lantern")
    somebody.submit("Book this visit")
    expect(page.locator("[data-step=booked] h1")).to_be_visible()
    tenant.letter("We are coming at another time")
    page.locator("#booked-repair").click()
    page.wait_for_url("**/repairs/repair/#*")
    somebody.drawn()
    page.get_by_role("link", name="Change or cancel the visit").click()
    page.wait_for_url("**/repairs/visit/#*")
    somebody.drawn()
    somebody.submit("Cancel this visit")
    expect(page.locator("[data-step=cancelled] h1")).to_be_visible()
    somebody.look("visit-cancelled")
    tenant.letter("You have cancelled a visit")


def walk_through_report(visitor: Visitor, *, pictures: bool = True) -> None:
    """Say where, what and which, answer each question with its last answer, tell more, send."""
    page, seen = visitor.page, set[str]()
    for _ in range(20):
        (step,) = [s for s in page.locator("[data-step]").all() if s.is_visible()]
        name, hash_before = step.get_attribute("data-step") or "", page.evaluate("location.hash")
        if pictures and name not in seen:
            visitor.look(f"repair-{name}")
        seen.add(name)
        if name == "where":
            step.get_by_role("link", name="Kitchen").click()
        elif name in {"what", "which"}:
            wanted = step.get_by_role("link", name=re.compile("tap|drip", re.I))
            (wanted.first if wanted.count() else step.get_by_role("link").first).click()
        elif name == "advice":
            page.locator("#advice-next").click()
        elif name == "question":
            step.get_by_role("radio").last.check()
            visitor.submit("Continue")
        elif name == "details":
            page.fill("#details-description", "It drips all night. <b>Ça coule</b>")
            visitor.submit("Continue")
        elif name == "access":
            page.fill("#access-access_notes", "Ring the top bell")
            visitor.submit("Continue")
        elif name == "check":
            assert {"where", "what", "details", "access"} <= seen
            visitor.submit("Send")
            expect(page.locator("[data-step=sent] h1, #already").locator("visible=true").first).to_be_visible()
            return
        page.wait_for_function(TURNED, arg=hash_before)
    raise AssertionError(f"the report does not come to an end: {seen}")


def test_a_tenant_keeps_household_and_contact_details_right(
    visitor: Callable[[], Visitor], new_tenant: NewTenant
) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    log_in(somebody, tenant)
    page = somebody.open("/household/")
    somebody.look("household")
    page.get_by_role("link", name="Add somebody").click()
    page.wait_for_url("**/household/#add")
    somebody.look("household-add")
    somebody.submit("Add them")
    somebody.errors("Enter their full name", "Choose who they are to you")
    somebody.look("household-add-errors")
    page.fill("#add-name", "Kofi <script>alert(1)</script> Mensah")
    page.get_by_label("Child", exact=True).locator("visible=true").check()
    page.fill("#add-date_of_birth-day", "5")
    page.fill("#add-date_of_birth-month", "jan")
    page.fill("#add-date_of_birth-year", "2015")
    somebody.submit("Add them")
    expect(page.locator("#done")).to_contain_text("We have added")
    expect(page.locator("#members")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator("#members")).to_contain_text("5 January 2015")
    somebody.look("household-one")
    assert tenant.call("GET", "/api/household").json["members"][0]["date_of_birth"] == "2015-01-05"
    page.locator("#members").get_by_role("link", name="Change").click()
    expect(page.locator("#change-name")).to_be_visible()
    somebody.look("household-change")
    page.fill("#change-name", "Kofi Mensah")
    somebody.submit("Save")
    expect(page.locator("#members")).to_contain_text("Kofi Mensah")
    page.locator("#members").get_by_role("link", name="Moved out").click()
    expect(page.get_by_role("button", name="Yes, take them off")).to_be_visible()
    somebody.look("household-remove")
    somebody.submit("Yes, take them off")
    expect(page.locator("#none")).to_be_visible()
    assert tenant.call("GET", "/api/household").json["members"] == []

    somebody.open("/contact/")
    somebody.look("contact")
    for view in ("email", "mobile", "home_phone", "correspondence_address", "preferences"):
        page.locator(f"#facts a[href='#{view}']").click()
        expect(page.locator(f"[data-view={view}]")).to_be_visible()
        somebody.look(f"contact-{view}")
        if view == "mobile":
            page.fill("#mobile-mobile", "12")
            somebody.submit("Save")
            expect(page).to_have_title(re.compile("^Error: "))
            somebody.look("contact-mobile-error")
            page.fill("#mobile-mobile", "07700 900 865")
            somebody.submit("Save")
        elif view == "home_phone":
            page.fill("#home_phone-home_phone", "020 7946 0123")
            somebody.submit("Save")
        elif view == "correspondence_address":
            page.get_by_label("to another address").check()
            page.get_by_label("Address line 1").fill("1 Ferry Lane")
            page.get_by_label("Town or city").fill("Aldermere")
            page.get_by_label("Postcode").fill("al99xx")
            somebody.submit("Save")
        elif view == "preferences":
            page.get_by_label("Text message").check()
            somebody.submit("Save")
        else:
            page.locator("#view-back a").click()
        expect(page.locator("[data-view=list]")).to_be_visible()
    expect(page.locator("#facts")).to_contain_text("1 Ferry Lane")
    somebody.look("contact-changed")
    told = tenant.call("GET", "/api/contact").json
    assert (told["mobile"], told["correspondence_address"]["postcode"]) == ("+447700900865", "AL9 9XX")
    assert told["preferences"]["contact_by"] == "text"


def test_the_email_address_is_changed_in_the_browser(visitor: Callable[[], Visitor], new_tenant: NewTenant) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    page = somebody.open("/login/")
    page.fill("#login-email", tenant.facts.email)
    page.fill("#login-password", tenant.password)
    somebody.submit("Log in")
    page.wait_for_url("**/home/")
    page.goto("/contact/#email")
    somebody.drawn()
    somebody.submit("Send me a code")
    somebody.errors("Enter your new email address", "Enter your password")
    somebody.look("contact-email-errors")
    moved = replace(tenant.facts, email=f"new.{tenant.facts.email}")
    page.fill("#email-email", moved.email)
    page.fill("#email-current_password", tenant.password)
    somebody.submit("Send me a code")
    expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
    somebody.look("contact-email-code")
    old, tenant.facts = tenant.facts, moved
    page.fill("#email-code-code", tenant.code())
    somebody.submit("Change my email address")
    expect(page.locator("#done")).to_contain_text(moved.email)
    somebody.look("contact-email-changed")
    tenant.letter("Your email address was changed")
    tenant.log_in()
    tenant.facts = old
    tenant.letter("Your email address was changed")
    tenant.log_in(status=401)


def test_a_forgotten_password_is_got_over_in_the_browser(visitor: Callable[[], Visitor], new_tenant: NewTenant) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    page = somebody.open("/login/")
    page.get_by_role("link", name="Forgot your password?").click()
    page.wait_for_url("**/reset/")
    somebody.drawn()
    somebody.look("reset")
    somebody.submit("Send a temporary password")
    somebody.errors("Enter your email address", "Enter your date of birth")
    somebody.look("reset-errors")
    born = tenant.facts.born
    page.fill("#reset-email", tenant.facts.email)
    page.fill("#reset-date_of_birth-day", str(born.day))
    page.fill("#reset-date_of_birth-month", f"{born:%B}")
    page.fill("#reset-date_of_birth-year", str(born.year))
    somebody.submit("Send a temporary password")
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    somebody.look("reset-sent")

    temporary = tenant.temporary_password()
    page.get_by_role("main").get_by_role("link", name="Log in").click()
    page.wait_for_url("**/login/")
    somebody.drawn()
    page.fill("#login-email", tenant.facts.email)
    page.fill("#login-password", temporary.lower())
    somebody.submit("Log in")
    expect(page.get_by_role("heading", name="Choose a new password")).to_be_visible()
    somebody.look("login-new-password")
    somebody.open("/home/")
    page.wait_for_url("**/new-password/")
    somebody.drawn()
    somebody.look("new-password")
    tenant.password = new_password()
    page.fill("#change-current_password", temporary)
    page.fill("#change-new_password", "short")
    somebody.submit("Save and carry on")
    somebody.errors("Password must have at least 12 characters")
    page.fill("#change-current_password", temporary)
    page.fill("#change-new_password", tenant.password)
    somebody.submit("Save and carry on")
    page.wait_for_url("**/home/")
    somebody.drawn()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")

    page.goto("/settings/#password")
    somebody.drawn()
    somebody.look("settings-password")
    page.fill("#change-current_password", "not my password at all")
    page.fill("#change-new_password", new_password())
    somebody.submit("Save new password")
    somebody.errors("That is not your current password")
    page.fill("#change-current_password", tenant.password)
    newest = new_password()
    page.fill("#change-new_password", newest)
    somebody.submit("Save new password")
    expect(page.locator("#done")).to_be_visible()
    tenant.password = newest
    tenant.log_in()


def test_a_session_that_is_over_leads_back_to_the_same_page_with_what_was_typed(
    visitor: Callable[[], Visitor], new_tenant: NewTenant
) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    page = somebody.open("/pay/history/")
    page.wait_for_url("**/login/")
    expect(page.locator("#needed-note")).to_be_visible()
    somebody.look("login-needed")
    log_in(somebody, tenant)
    page.wait_for_url("**/pay/history/")

    somebody.open("/household/#add")
    page.fill("#add-name", "Ama Boateng")
    page.get_by_label("Friend", exact=True).locator("visible=true").check()
    tenant.log_in()
    # From elsewhere somebody logs this browser off.
    for session in tenant.call("GET", "/api/sessions").json["sessions"]:
        if not session["current"]:
            tenant.call("DELETE", f"/api/sessions/{session['session_id']}", status=204)
    somebody.submit("Add them")
    page.wait_for_url("**/login/")
    log_in(somebody, tenant)
    page.wait_for_url("**/household/#add")
    expect(page.locator("#add-name")).to_have_value("Ama Boateng")
    somebody.submit("Add them")
    expect(page.locator("#members")).to_contain_text("Ama Boateng")


# --- every page, whoever looks


@pytest.mark.parametrize("shown", PAGES, ids=lambda page: page.address)
def test_every_page_logged_out_holds_what_pages_promise(visitor: Callable[[], Visitor], shown: Any) -> None:
    somebody = visitor()
    address = shown.address if shown.address.startswith("/") else f"/{shown.address}"
    page = somebody.open(address)
    if shown.area == "member":
        page.wait_for_url("**/login/")
        somebody.drawn()
        return
    expect(page).to_have_title(re.compile(f"^{re.escape(shown.title)} – "))
    expect(page.get_by_role("heading", level=1).locator("visible=true")).to_have_count(1)
    somebody.look(f"public-{re.sub(r'[^a-z0-9]+', '-', address.strip('/')) or 'welcome'}")
    if shown.address.startswith("/"):
        assert page.evaluate("document.cookie") == ""


def test_a_page_that_is_not_there_says_so_with_its_status(visitor: Callable[[], Visitor]) -> None:
    somebody = visitor()
    answer = somebody.page.goto("/no/such/page/")
    assert answer
    assert answer.status == 404
    expect(somebody.page.get_by_role("heading", level=1)).to_have_text("We cannot find that page")
    somebody.complaints = [c for c in somebody.complaints if "status of 404" not in c]


def test_the_mailbox_shows_what_was_sent_and_runs_none_of_it(
    visitor: Callable[[], Visitor], new_tenant: NewTenant, stack: LocalStack
) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    page = somebody.page
    page.goto(f"/_local/mailbox?to={urllib.parse.quote(tenant.facts.email)}")
    expect(page.get_by_role("heading", name="Your code to finish registering")).to_be_visible()
    page.get_by_text("As HTML").first.click()
    told = stack.call("GET", "/_local/mailbox.json").json
    assert all(datetime.fromisoformat(letter["sent_at"]).tzinfo for letter in told)
    assert [letter["sent_at"] for letter in told] == sorted((letter["sent_at"] for letter in told), reverse=True)
    page.screenshot(path=SCREENSHOTS / "mailbox-320.png", full_page=True)


@pytest.mark.parametrize("kind", ["code", "receipt"])
def test_a_mail_reads_well_as_html(kind: str, visitor: Callable[[], Visitor], new_tenant: NewTenant) -> None:
    tenant, somebody = new_tenant().come_in(), visitor()
    letter = tenant.letter("Your code")
    if kind == "receipt":
        (account, *_) = tenant.balances()
        payment = tenant.start_payment(account, 5_00)
        tenant.at_the_bank(payment["checkout_url"], "approve")
        letter = tenant.letter("Receipt")
    assert not re.search(r"<(script|img|link|iframe|form)\b|javascript:|url\(", letter.html), "it loads nothing"
    somebody.page.set_content(letter.html)
    somebody.look(f"mail-{kind}", rules=WCAG)
