"""The local site: what CloudFront is in production, one origin for the pages and the API.

It serves the built pages with the response headers of infra/site's own template, and passes `/api` on with the
request headers that the template names, the viewer's address, and the secret that vouches for it.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import mimetypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import brotli
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

from infra.local import mailbox
from infra.site import headers as policies
from infra.templates import read_template

BODY_LIMIT_BYTES = 6 * 1024 * 1024
"""What Lambda takes, and the emulator does not hold to. The API's own, lower limit answers below it."""

_ANSWER_SECONDS = 30
"""API Gateway's limit for an integration."""

_NO_ANSWER = ("no-answer", "We could not reach the portal", "Wait a minute, then try again.")
_GATEWAY_ERRORS = {
    403: ("forbidden", "That cannot be done here", "Open the portal itself and try again from there."),
    413: ("too-large", "That is too long", "Send at most 16 kilobytes."),
    429: ("too-many-calls", "Too many people are here right now", "Wait a minute, then try again."),
}
"""What API Gateway says by itself, in words of its own that are no problem document."""

_CLOSED = (
    "closed",
    "The portal is closed for now",
    "We have closed the portal while we put something right. Try again later.",
)
"""What the template's ApiFunction answers while the portal is closed."""

_STATUS = {"404.html": 404, "closed.html": 503}
"""The status that docs/operations.md uploads a page with."""

_CLOSED_SECONDS = "900"

_NOT_PASSED_BACK = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server", "proxy-connection"}
)
_COMPRESSED = ("text/", "application/json", "application/javascript", "image/svg+xml", "application/manifest+json")
_MEDIA_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}


@dataclass(frozen=True)
class Origin:
    """Where the API is, and what is sent along to it."""

    endpoint: str
    api_id: str
    secret: str


class Site:
    """The pages in `folder` and the API behind `origin`, as one aiohttp application.

    While `closed_file` exists the portal is closed, as by the key `closed` of CloudFront's key value store.
    """

    def __init__(
        self,
        folder: Path,
        origin: Origin,
        letters: Callable[[str | None], list[mailbox.Letter]],
        closed_file: Path,
        photo_bucket_origin: str = "",
    ) -> None:
        self.folder = folder.resolve()
        self.origin = origin
        self.letters = letters
        self.closed_file = closed_file
        self.page_headers = policies.page_headers({"PhotoBucketOrigin": photo_bucket_origin})
        self.api_headers = policies.api_headers()
        self.passed_headers, self.passed_cookies = _request_policy()
        self._client: ClientSession

    def application(self) -> web.Application:
        """The application, to be run by a runner that hands every address to it."""
        application = web.Application(client_max_size=BODY_LIMIT_BYTES)
        application.router.add_get("/_local/mailbox", self.show_mailbox)
        application.router.add_get("/_local/mailbox.json", self.list_mailbox)
        application.router.add_route("*", "/{path:.*}", self.answer)
        application.cleanup_ctx.append(self._clients)
        return application

    async def _clients(self, _: web.Application) -> Any:
        connector = TCPConnector(limit=0, keepalive_timeout=30)
        self._client = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            timeout=ClientTimeout(total=_ANSWER_SECONDS),
        )
        yield
        await self._client.close()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer anything that is not `/_local`."""
        path = request.rel_url.raw_path
        if path == "/api" or path.startswith("/api/"):
            if self.closed_file.exists():
                answer = problem(503, *_CLOSED)
                answer.headers["Retry-After"] = _CLOSED_SECONDS
            else:
                answer = await self._api(request)
            _add(answer.headers, self.api_headers)
        else:
            answer = await asyncio.to_thread(self._page, request)
            _add(answer.headers, self.page_headers)
        return answer

    # --- the API

    async def _api(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return problem(413, *_GATEWAY_ERRORS[413])
        headers = CIMultiDict((name, request.headers[name]) for name in self.passed_headers if name in request.headers)
        cookies = [f"{n}={v}" for n, v in _cookies(request) if n in self.passed_cookies]
        if cookies:
            headers["Cookie"] = "; ".join(cookies)
        headers["Host"] = f"{self.origin.api_id}.execute-api.localhost"
        headers["CloudFront-Viewer-Address"] = viewer_address(request)
        headers["X-Origin-Secret"] = self.origin.secret
        try:
            async with self._client.request(
                # The emulator answers OPTIONS by itself, where API Gateway hands it to $default like any method
                # that no route takes.
                "TRACE" if request.method == "OPTIONS" else request.method,
                URL(f"{self.origin.endpoint}{request.raw_path}", encoded=True),
                headers=headers,
                data=io.BytesIO(body) if body else None,
                allow_redirects=False,
                skip_auto_headers={"Accept", "Accept-Encoding", "Content-Type", "User-Agent"},
            ) as reply:
                content = await reply.read()
                if reply.status >= 400 and reply.content_type != "application/problem+json":
                    return problem(reply.status, *_GATEWAY_ERRORS.get(reply.status, _NO_ANSWER))
                passed = CIMultiDict((n, v) for n, v in reply.headers.items() if n.lower() not in _NOT_PASSED_BACK)
                return web.Response(status=reply.status, headers=passed, body=content)
        except TimeoutError:
            return problem(504, "no-answer", "That took too long", "Look whether it was done before you try again.")
        except (ClientError, OSError):
            return problem(502, *_NO_ANSWER)

    # --- the pages

    def _page(self, request: web.Request) -> web.Response:
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, text="Pages can only be read.\n", headers={"Allow": "GET, HEAD"})
        path = request.path
        last = path.rpartition("/")[2]
        if "." not in last and self.closed_file.exists():
            return self._with_status(self.folder / "closed.html")
        if last and "." not in last:
            # Several slashes at the start would name another host.
            return web.Response(status=308, headers={"Location": "/" + request.rel_url.raw_path.lstrip("/\\") + "/"})
        file = (self.folder / (path.lstrip("/") + ("" if last else "index.html"))).resolve()
        if not (file.is_relative_to(self.folder) and file.is_file()):
            return self._with_status(self.folder / "404.html")
        if file.name in _STATUS:
            return self._with_status(file)
        encoding = _encoding(request.headers.get("Accept-Encoding", ""))
        content, kind, used, tag = _packed(file, file.stat().st_mtime_ns, encoding)
        headers = {
            "Content-Type": kind,
            "ETag": tag,
            "Vary": "Accept-Encoding",
            "Cache-Control": _kept(file.relative_to(self.folder)),
        }
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        if used:
            headers["Content-Encoding"] = used
        return web.Response(headers=headers, body=content)

    def _with_status(self, file: Path) -> web.Response:
        """A page that says that there is none, or that the portal is closed: kept nowhere."""
        status = _STATUS[file.name]
        content, kind, _, _ = _packed(file, file.stat().st_mtime_ns, "")
        headers = {"Content-Type": kind, "Cache-Control": "no-store"}
        if status == 503:
            headers["Retry-After"] = _CLOSED_SECONDS
        return web.Response(status=status, headers=headers, body=content)

    # --- the mailbox

    async def show_mailbox(self, request: web.Request) -> web.Response:
        """The emails sent, newest first, for a person."""
        letters = await asyncio.to_thread(self.letters, request.query.get("to"))
        return web.Response(
            text=mailbox.page(letters, request.query.get("to")),
            content_type="text/html",
            headers={"Content-Security-Policy": mailbox.CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"},
        )

    async def list_mailbox(self, request: web.Request) -> web.Response:
        """The emails sent, newest first, for a script."""
        letters = await asyncio.to_thread(self.letters, request.query.get("to"))
        return web.json_response([letter.__dict__ for letter in letters], headers={"Cache-Control": "no-store"})


def problem(status: int, slug: str, title: str, detail: str) -> web.Response:
    """An answer under `/api` that the API itself could not give."""
    return web.json_response(
        {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail},
        status=status,
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store"},
    )


def viewer_address(request: web.Request) -> str:
    """Who called, as CloudFront writes it: address and port, an IPv6 address without brackets."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return f"{peer[0]}:{peer[1]}" if peer else "127.0.0.1:0"


def _request_policy() -> tuple[list[str], set[str]]:
    """The request headers and cookies that the template lets through to the API."""
    template = read_template(policies.TEMPLATE)
    policy = template["Resources"]["ApiRequest"]["Properties"]["OriginRequestPolicyConfig"]
    passed = [name for name in policy["HeadersConfig"]["Headers"] if not name.lower().startswith("cloudfront-")]
    return passed, set(policy["CookiesConfig"]["Cookies"])


def _cookies(request: web.Request) -> Iterable[tuple[str, str]]:
    for line in request.headers.getall("Cookie", []):
        for part in line.split(";"):
            name, _, value = part.strip().partition("=")
            yield name, value


def _add(to: Any, policy: list[policies.Header]) -> None:
    for header in policy:
        if header.override or header.name not in to:
            to[header.name] = header.value


def _encoding(accepted: str) -> str:
    offered = {part.partition(";")[0].strip() for part in accepted.split(",") if ";q=0" not in part.replace(" ", "")}
    return next((name for name in ("br", "gzip") if name in offered), "")


def _kept(file: Path) -> str:
    """How long a browser keeps a file: as docs/operations.md uploads it. Assets are named by their content."""
    if file.parts[0] == "assets":
        return "public, max-age=31536000, immutable"
    return "no-cache" if file.suffix == ".html" else "public, max-age=3600"


@lru_cache(maxsize=512)
def _packed(file: Path, _changed: int, encoding: str) -> tuple[bytes, str, str, str]:
    """A file's bytes for the wire, media type, content encoding and entity tag; kept until the file changes."""
    content = file.read_bytes()
    kind = _MEDIA_TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    tag = hashlib.sha256(content + encoding.encode()).hexdigest()[:20]
    used = encoding if kind.startswith(_COMPRESSED) and len(content) > 1000 else ""
    if used == "br":
        content = brotli.compress(content, quality=5)
    elif used == "gzip":
        content = gzip.compress(content, 6, mtime=0)
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    return content, kind, used, f'"{tag}"'
