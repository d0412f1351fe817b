"""What a request says of the browser it came from: cookies, address, origin. None of it proves who is there."""

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass
from typing import Any

from portal.settings import setting

SESSION_COOKIE = "__Host-session"
DEVICE_COOKIE = "__Host-device"


# In this order: each of these also calls itself some of those that follow.
_BROWSERS = {"Edg": "Edge", "SamsungBrowser": "Samsung Internet", "OPR": "Opera", "Firefox": "Firefox",
             "FxiOS": "Firefox", "Chrome": "Chrome", "CriOS": "Chrome", "Safari": "Safari"}  # fmt: skip
_SYSTEMS = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "CrOS": "Chromebook", "Windows": "Windows",
            "Mac OS": "Mac", "Linux": "Linux"}  # fmt: skip


def _first_in(text: str, names: dict[str, str]) -> str | None:
    return next((name for mark, name in names.items() if mark in text), None)


@dataclass(frozen=True)
class Visit:
    """One request, as far as it concerns who sent it.

    `address` is the viewer's IP address, an IPv6 one cut to its /64, since a home has that many of them. It is what
    CloudFront says, and nothing that did not come through CloudFront gets as far as this.
    """

    address: str
    origin: str | None
    user_agent: str
    session_cookie: str | None
    device_cookie: str | None

    @property
    def device(self) -> str:
        """The browser and system in words a person knows: "Chrome on Android"."""
        browser, system = _first_in(self.user_agent, _BROWSERS), _first_in(self.user_agent, _SYSTEMS)
        return f"{browser or 'A browser'} on {system}" if system else browser or "A browser"


def visit_of(event: dict[str, Any]) -> Visit:
    """The visit that an API Gateway event (payload 2.0) tells of."""
    headers = headers_of(event)
    cookies = _cookies(event, headers)
    return Visit(
        address=_address(headers),
        origin=headers.get("origin"),
        user_agent=headers.get("user-agent", "")[:300],
        session_cookie=_only(cookies, SESSION_COOKIE),
        device_cookie=_only(cookies, DEVICE_COOKIE),
    )


def came_through_the_site(event: dict[str, Any]) -> bool:
    """Whether CloudFront passed the request on, which alone knows the origin secret.

    The API has an address of its own that anybody can call; the web ACL, the limits by address and the kill switch
    stand in front of CloudFront only (threat T15). While the secret is being rotated the one before it is good too.
    """
    sent = headers_of(event).get("x-origin-secret", "").encode()
    known = [secret.encode() for name in ("ORIGIN_SECRET", "ORIGIN_SECRET_BEFORE") if (secret := setting(name))]
    return any(hmac.compare_digest(sent, secret) for secret in known)


def headers_of(event: dict[str, Any]) -> dict[str, str]:
    """The request's headers, their names in lower case."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def body_of(event: dict[str, Any]) -> bytes:
    """The request's body as it was sent."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _cookies(event: dict[str, Any], headers: dict[str, str]) -> list[tuple[str, str]]:
    """API Gateway gives a list; the local stack only the header."""
    listed = event.get("cookies")
    parts = listed if listed is not None else headers.get("cookie", "").split(";")
    return [(name.strip(), value.strip()) for part in parts for name, _, value in [part.partition("=")]]


def _only(cookies: list[tuple[str, str]], name: str) -> str | None:
    """The cookie's value. Two of one name mean that somebody tossed one in: then there is none (threat T10)."""
    values = [value for n, value in cookies if n == name]
    return values[0] if len(values) == 1 and len(values[0]) <= 400 else None


def _address(headers: dict[str, str]) -> str:
    """CloudFront's word for the viewer's address. Whatever else claims to know it is not read."""
    return _network(headers.get("cloudfront-viewer-address", "").rpartition(":")[0].strip("[]"))


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def set_cookie(name: str, value: str, *, seconds: int | None = None) -> str:
    """A Set-Cookie line for one of the portal's two cookies; 0 seconds expire it by name."""
    age = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{age}"
