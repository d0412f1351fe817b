"""What a request says of its sender, and how little of it is believed."""

from typing import Any

import pytest

from portal.http.visit import Visit, body_of, came_through_the_site, set_cookie, visit_of


def visit(headers: dict[str, str], **event: Any) -> Visit:
    context = {"http": {"sourceIp": "127.0.0.1"}}
    return visit_of({"headers": headers, "requestContext": context, **event})


@pytest.mark.parametrize(
    ("viewer", "address"),
    [
        ("203.0.113.7:51234", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6:51234", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:3:4:5:6]:51234", "2001:db8:1:2::/64"),
        ("nonsense", "unknown"),
        ("203.0.113.7, 198.51.100.1:80", "unknown"),
    ],
)
def test_the_viewers_address_is_cloudfronts_word_without_its_port(viewer: str, address: str) -> None:
    assert visit({"CloudFront-Viewer-Address": viewer}).address == address


def test_no_other_header_changes_the_address() -> None:
    for number in range(100):
        forged = {
            "cloudfront-viewer-address": "203.0.113.7:51234", "x-forwarded-for": f"198.51.100.{number}",
            "forwarded": f"for=198.51.100.{number}", "x-real-ip": f"198.51.100.{number}",
        }  # fmt: skip
        assert visit(forged).address == "203.0.113.7"
        del forged["cloudfront-viewer-address"]
        assert visit(forged).address == "unknown"


@pytest.mark.parametrize("before", ["", "the-one-before"])
@pytest.mark.parametrize(
    "secret",
    [None, "", " ", "the-origin-secre", "THE-ORIGIN-SECRET", "the-origin-secret,the-origin-secret", "é", "x" * 9_000],
)
def test_without_the_origins_secret_nothing_came_through_the_site(
    secret: str | None, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORIGIN_SECRET_BEFORE", before)
    assert not came_through_the_site({"headers": {} if secret is None else {"X-Origin-Secret": secret}})
    assert not came_through_the_site({})


def test_while_the_origins_secret_is_rotated_both_are_good_and_then_one(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = ({"headers": {"x-origin-secret": secret}} for secret in ("the-origin-secret", "the-one-before"))
    assert [came_through_the_site(new), came_through_the_site(old)] == [True, False]
    monkeypatch.setenv("ORIGIN_SECRET_BEFORE", "the-one-before")
    assert [came_through_the_site(new), came_through_the_site(old)] == [True, True]
    monkeypatch.setenv("ORIGIN_SECRET_BEFORE", "")
    assert [came_through_the_site(new), came_through_the_site(old)] == [True, False]


def test_cookies_come_from_the_list_or_from_the_header_and_two_of_one_name_are_none() -> None:
    assert visit({"cookie": "__Host-session=a; other=b"}).session_cookie == "a"
    assert visit({}, cookies=["__Host-session=a", "__Host-device=d"]).device_cookie == "d"
    assert visit({"cookie": "__Host-session=a; __Host-session=b"}).session_cookie is None
    assert visit({"cookie": "__Host-session=" + "a" * 401}).session_cookie is None
    assert visit({"cookie": "session=a"}).session_cookie is None


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
         "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 9; SM-A105FN) AppleWebKit/537.36 SamsungBrowser/19.0 Chrome/102.0 Safari/537.36",
         "Samsung Internet on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 15_8 like Mac OS X) AppleWebKit/605.1 Version/15.6 Safari/604.1",
         "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Python-urllib/3.13", "A browser"),
        ("curl on Linux", "A browser on Linux"),
        ("", "A browser"),
    ],
)  # fmt: skip
def test_a_device_is_named_in_words_that_its_owner_knows(agent: str, device: str) -> None:
    assert visit({"user-agent": agent}).device == device


def test_a_body_comes_as_it_was_sent() -> None:
    assert body_of({"body": "e30=", "isBase64Encoded": True}) == b"{}"
    assert body_of({"body": "{}"}) == b"{}"
    assert body_of({"body": "not base64!", "isBase64Encoded": True}) == b""
    assert body_of({}) == b""


def test_cookies_are_as_strict_as_they_can_be() -> None:
    assert set_cookie("__Host-session", "x") == "__Host-session=x; Path=/; Secure; HttpOnly; SameSite=Strict"
    assert set_cookie("__Host-session", "", seconds=0).endswith("; Max-Age=0")
