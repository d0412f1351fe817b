"""The built site, as files: what every page holds, where its links go, what the policy lets through."""

import re
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from frontend.brand import LEAST_CONTRAST, TEXT_PAIRS, BrandError, contrast, read_brand
from frontend.build import build
from frontend.pages import PAGES, Page
from frontend.weights import weigh

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "brand" / "demo.toml"


@dataclass
class Read(HTMLParser):
    """A page as its elements: `(tag, attributes)` in order, and its text without script."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@cache
def read(file: Path) -> Read:
    page = Read()
    page.feed(file.read_text("utf-8"))
    return page


each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.address)


@each_page
def test_a_page_says_its_language_what_it_is_and_where_its_words_begin(site: Path, page: Page) -> None:
    found = read(site / page.file)
    assert found.of("html")[0]["lang"] == "en-GB"
    assert page.title in found.text
    assert f"<title>{page.title} – Larkfield Homes" in (site / page.file).read_text("utf-8")
    assert found.of("h1"), "no h1"
    assert {"class": "govuk-skip-link", "href": "#main"}.items() <= found.of("a")[0].items()
    assert any(main.get("id") == "main" for main in found.of("main"))
    assert any(meta.get("name") == "viewport" for meta in found.of("meta"))


@each_page
def test_the_policy_has_nothing_to_refuse(site: Path, page: Page) -> None:
    text = (site / page.file).read_text("utf-8")
    found = read(site / page.file)
    assert "<style" not in text
    assert all(script.get("src") for script in found.of("script"))
    for tag, attributes in found.elements:
        assert "style" not in attributes, (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert not (attributes.get("href") or "").startswith("javascript:")
        for name in ("src", "srcset", "action", "formaction", "poster", "data"):
            assert not urlsplit(attributes.get(name) or "").netloc, (tag, attributes)
        if tag == "link":
            assert not urlsplit(attributes["href"] or "").netloc, attributes


@each_page
def test_every_link_of_ours_leads_somewhere(site: Path, page: Page) -> None:
    found = read(site / page.file)
    ids = {attributes["id"] for _, attributes in found.elements if attributes.get("id")}
    steps = {a["data-step"] for _, a in found.elements if a.get("data-step")}
    views = {a["data-view"] for _, a in found.elements if a.get("data-view")}
    for link in found.of("a"):
        parts = urlsplit(link["href"] or "")
        if parts.scheme in {"tel", "mailto"} or parts.netloc:
            continue
        if parts.path:
            assert (site / parts.path.lstrip("/") / "index.html").is_file(), link
        elif parts.fragment:
            assert parts.fragment in ids | steps | views, link


@each_page
def test_ids_stand_once(site: Path, page: Page) -> None:
    ids = [attributes["id"] for _, attributes in read(site / page.file).elements if attributes.get("id")]
    assert len(ids) == len(set(ids)), [name for name in ids if ids.count(name) > 1]


@each_page
def test_assets_are_there_and_named_by_their_content(site: Path, page: Page) -> None:
    named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', (site / page.file).read_text("utf-8"))
    assert named
    for address in named:
        assert re.search(r"-[0-9A-Za-z]{8,10}\.\w+$", address), address
        assert (site / address.lstrip("/")).is_file(), address


@each_page
def test_no_form_can_put_answers_into_an_address_or_be_sent_without_its_script(site: Path, page: Page) -> None:
    found = read(site / page.file)
    for form in found.of("form"):
        assert form["method"] == "post"
        assert "novalidate" in form
    for button in found.of("button"):
        if button.get("type") == "submit":
            assert "disabled" in button
    assert all("maxlength" not in attributes for _, attributes in found.elements)
    if found.of("form"):
        assert "needs JavaScript" in found.text
        assert "03069 990142" in found.text


@each_page
def test_every_field_has_a_label_and_a_group_that_the_api_can_name(site: Path, page: Page) -> None:
    found = read(site / page.file)
    labelled = {label.get("for") for label in found.of("label")}
    groups = {a["data-field"] for _, a in found.elements if a.get("data-field")}
    for tag in ("input", "textarea", "select"):
        for control in found.of(tag):
            if control.get("aria-hidden") == "true":
                continue
            assert control.get("id") in labelled, control
            name = re.sub(r"-(day|month|year)$", "", control["name"] or "")
            assert name in groups, control


def test_password_managers_are_told_what_each_field_is(site: Path) -> None:
    def told(address: str) -> list[str | None]:
        return [control.get("autocomplete") for control in read(site / address / "index.html").of("input")]

    assert told("register")[:2] == ["email", "tel"]
    assert told("register")[3:] == ["bday-day", "bday-month", "bday-year"]
    assert told("login")[:2] == ["username", "current-password"]
    assert {"username", "one-time-code", "new-password"} <= set(told("verify"))
    assert {"username", "current-password", "new-password"} <= set(told("settings"))
    assert told("new-password") == ["current-password", "new-password"]


def test_members_pages_ask_not_to_be_found(site: Path) -> None:
    robots = (site / "robots.txt").read_text("utf-8")
    for page in PAGES:
        if page.area == "member":
            assert f"Disallow: {page.address}\n" in robots
            assert {"name": "robots", "content": "noindex"} in read(site / page.file).of("meta")


# --- the help text's promises, in our own words (source/help-pages.txt)

PROMISES = {
    "help/registration": [
        "24 hours a day, seven days a week",
        "email address, your mobile number, your tenancy reference number and your date of birth",
        "Submit",
        "verification code",
        "expires overnight",
        "check what you type against what we hold on our systems",
        "message on the screen",
        "must match exactly",
        "date of birth",
        "the day in the first, the month in the second and the year in the third",
        "up to seven days",
        "already have an account",
        "Already registered",
        "Register now",
    ],
    "help/logging-in": [
        "temporary password",
        "Forgot your password?",
        "email address that you registered with, and your date of birth",
        "I have forgotten my password",
        "registered with a different email address",
        "enter another email address",
        "Customer Service Team",
        "03069 990142",
    ],
    "help/shared-computer": ["offer to remember your password", "“No”", "Always log off", "“Settings”, then “Log off”"],
    "help/about": [
        "24 hours a day, seven days a week",
        "Check your rent balance, and make a payment",
        "Ask for a repair, and see the repairs you asked for before",
        "contact details up to date",
        "who lives in your home",
        "Register now",
        "lettings section of our website",
    ],
    "help/your-data": ["as data protection law allows", "privacy policy"],
    "help": ["Register now", "Already registered? Log in", "I have forgotten my password"],
    "login": ["Forgot your password?", "This is a shared computer"],
    "register": ["up to seven days", "Keep trying for me", "03069 990142", "log in"],
    "register/waiting": [
        "up to seven days",
        "for eight days, encrypted",
        "the code works for 24 hours",
        "says the same to everybody",
    ],
    "settings": ["Log off"],
}


@pytest.mark.parametrize("address", PROMISES)
def test_the_help_text_is_kept(site: Path, address: str) -> None:
    text = read(site / address / "index.html").text
    for promise in PROMISES[address]:
        assert promise in text, promise


def test_the_links_that_the_help_text_promises_are_the_landlords_own(site: Path) -> None:
    links = read_brand(DEMO).values["links"]
    assert links["privacy"] in {a["href"] for a in read(site / "help/your-data/index.html").of("a")}
    assert links["lettings"] in {a["href"] for a in read(site / "help/about/index.html").of("a")}


def test_each_heading_of_the_help_text_has_an_address(site: Path) -> None:
    for address in ("registration", "logging-in", "shared-computer", "about", "your-data"):
        assert (site / "help" / address / "index.html").is_file()


def test_danger_has_its_numbers_where_people_look_first(site: Path) -> None:
    for address in ("index.html", "repairs/report/index.html", "closed.html", "error.html"):
        called = {a["href"] for a in read(site / address).of("a")}
        assert {"tel:0800111999", "tel:999", "tel:03069990199", "tel:105"} <= called


def test_the_cookie_page_names_both_cookies_and_no_other(site: Path) -> None:
    text = (site / "cookies/index.html").read_text("utf-8")
    assert set(re.findall(r"__Host-\w+", text)) == {"__Host-session", "__Host-device"}


# --- the brand


def test_every_pair_of_colours_can_be_read() -> None:
    colours = read_brand(DEMO).colours
    for front, back in TEXT_PAIRS:
        assert contrast(colours[front], colours[back]) >= LEAST_CONTRAST, (front, back)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
    ],
)
def test_contrast_is_reckoned_as_the_guidelines_do(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.01)


@pytest.fixture
def other_landlord(tmp_path: Path) -> Path:
    """A brand file in which every word, number, link and colour differs from the demo landlord's."""
    text = DEMO.read_text("utf-8")
    for old, new in {
        "Larkfield": "Ostrich & Sons",
        "larkfield": "ostrich",
        "Aldermere": "Farport",
        "Customer Service Team": "Tenants' Desk",
        "03069 990142": "03069 990800",
        "03069 990199": "03069 990801",
        "#0b5560": "#5a2152",
        "customer portal": "tenants' corner",
        "maximum_pence = 500000": "maximum_pence = 123456",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    file = tmp_path / "other.toml"
    file.write_text(text, "utf-8")
    (tmp_path / "ostrich.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>', "utf-8")
    return file


def test_another_landlords_site_holds_nothing_of_this_one(other_landlord: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    build(other_landlord, out)
    for file in out.rglob("*"):
        if file.is_file():
            text = file.read_text("utf-8")
            for word in (
                "larkfield",
                "aldermere",
                "customer service team",
                "03069990142",
                "03069 990142",
                "990199",
                "#0b5560",
            ):
                assert word not in text.lower(), (file, word)
    register = read(out / "register/index.html")
    assert "Ostrich & Sons Homes" in register.text
    assert "03069 990800" in register.text
    assert "£1,234.56" in read(out / "pay/index.html").text


def test_sources_name_no_landlord() -> None:
    for folder in ("templates", "scripts", "styles"):
        for file in (ROOT / "frontend" / folder).rglob("*.*"):
            assert "larkfield" not in file.read_text("utf-8").lower(), file


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('accent = "#0b5560"', 'accent = "#9ad0d8"', "contrast"),
        ('accent = "#0b5560"', 'accent = "teal"', "#rrggbb"),
        ('phone = "03069 990142"\n', "", "'phone' in [contact]"),
        ('logo = "larkfield.svg"', 'logo = "none.svg"', "logo"),
        ("[landlord]", "[landlord", "not TOML"),
        ("minimum_pence = 100", "minimum_pence = 1.5", "whole pence"),
        ("minimum_pence = 100", "minimum_pence = 600000", "whole pence"),
        ("maximum_pence = 500000", "maximum_pence = 100000000", "99999999 or less"),
        ("answer_within_working_days = 5", "answer_within_working_days = 0.5", "from 1 to 30"),
    ],
)
def test_a_brand_that_cannot_be_used_stops_the_build_and_says_why(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = DEMO.read_text("utf-8")
    assert old in text
    (tmp_path / "bad.toml").write_text(text.replace(old, new, 1), "utf-8")
    (tmp_path / "larkfield.svg").write_text("<svg/>", "utf-8")
    with pytest.raises(BrandError, match=re.escape(said)):
        read_brand(tmp_path / "bad.toml")


def test_a_build_that_fails_leaves_the_site_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "site"
    out.mkdir()
    (out / "index.html").write_text("before", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "frontend.build", "--brand", str(tmp_path / "none.toml"), "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "There is no brand file" in done.stderr
    assert (out / "index.html").read_text("utf-8") == "before"


# --- weight and origin


def test_pages_stay_light(site: Path) -> None:
    """Old phones and prepaid data: 12 kB at most for what is only read, 26 kB for any page (first visit, brotli)."""
    read_only = {page.address for page in PAGES if page.area == "public" and not page.script}
    for weight in weigh(site):
        address = weight.page if not weight.page.endswith(".html") else weight.page.removeprefix("/")
        assert weight.first_visit <= (12_000 if address in read_only else 26_000), weight
        assert weight.styles <= 8_000


def test_nothing_of_the_government_is_left(site: Path) -> None:
    for file in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = file.read_text("utf-8")
        for mark in ("GDS Transport", "GOV.UK", "crown", "assets/fonts", "#1d70b8", "#00703c"):
            assert mark not in text, (file, mark)


def test_scripts_set_text_only_as_text(site: Path) -> None:
    for file in site.rglob("*.js"):
        text = file.read_text("utf-8")
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "localStorage",
        ):
            assert way not in text, (file.name, way)


def test_the_same_sources_build_the_same_files(site: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    build(DEMO, again)
    before = {file.relative_to(site): file.read_bytes() for file in site.rglob("*.*")}
    assert {file.relative_to(again): file.read_bytes() for file in again.rglob("*.*")} == before
