"""Routes: what a function takes, does and answers, declared in its signature.

A handler's parameters say what it wants: `body` a model of `portal.validation`, `session` the verified session,
`visit` what the request says of its sender, `idempotency_key` that header, `event` the raw event, a name from the
path that part of it,
anything keyword-only a query parameter. What it returns is its answer. Everything around that is here, once.
"""

import functools
import inspect
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_type_hints

import msgspec
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from portal import aws, budget, clock, ids, store
from portal.audit.service import coming_from
from portal.failures import BadInput, Failure, FieldError, NotFound
from portal.http.problems import MEDIA_TYPE, problem_document
from portal.http.visit import Visit, body_of, came_through_the_site, headers_of, visit_of
from portal.identity import sessions
from portal.observe import count, logger, write_out
from portal.settings import setting
from portal.validation.reading import NotJson, printable, read_body, read_value

_WRITES = {"POST", "PUT", "PATCH", "DELETE"}
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}


class ForeignOrigin(Failure):
    """A write that did not come from a page of ours (CSRF)."""


class NotThroughTheSite(Failure):
    """A call to the API's own address, round CloudFront and the web ACL (threat T15)."""

    counted = True


class IdempotencyKeyMissing(Failure):
    """A payment without a key that tells it from another."""


class Unexpected(Failure):
    """A fault of ours. What it was is in the log, never in the answer."""


class TryAgainSoon(Failure):
    """AWS did not answer in time; nothing was done, or the same call again finds out."""


@dataclass(frozen=True)
class Answer[Body]:
    """An answer that carries more than its body: cookies, headers or a status of its own."""

    body: Body
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cookies: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """An answer that is no JSON: the sandbox provider's pages, a file. Bytes are sent as they are."""

    body: str | bytes
    media_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Route:
    """A route as it was declared, for the OpenAPI document and the tests that go through all of them."""

    method: str
    path: str
    handler: Callable[..., Any]
    status: int
    failures: tuple[type[Failure], ...]
    open_to_others: bool
    media_types: tuple[str, ...] = ("application/json",)

    @property
    def takes(self) -> dict[str, Any]:
        """The parameters by name, with their annotated types."""
        hints = get_type_hints(self.handler, include_extras=True)
        return {name: hints[name] for name in inspect.signature(self.handler).parameters}

    @property
    def answers(self) -> Any:
        """The annotated type of the answer."""
        return get_type_hints(self.handler, include_extras=True)["return"]

    @property
    def query(self) -> dict[str, inspect.Parameter]:
        """The query parameters by the name in the address: those that are keyword-only. `from_` is called `from`."""
        parameters = inspect.signature(self.handler).parameters
        return {n.removesuffix("_"): p for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}


class Api:
    """The routes of one function. `handler` is what Lambda calls."""

    def __init__(self, otherwise: Callable[[dict[str, Any]], Failure] | None = None) -> None:
        """`otherwise` says what a request is answered that no route of the function takes: NotFound, if not given."""
        # At init, where Lambda gives a whole processor, and not in the first request.
        aws.client("dynamodb")
        self.routes: list[Route] = []
        self._resolver = APIGatewayHttpResolver()
        self._resolver.exception_handler(Exception)(self._failed)
        self._resolver.not_found(
            lambda _: _problem(otherwise(self._resolver.current_event.raw_event) if otherwise else NotFound())
        )

    def get(self, path: str, **how: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a handler for GET; `how` as for `route`."""
        return self.route("GET", path, **how)

    def post(self, path: str, **how: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a handler for POST; `how` as for `route`."""
        return self.route("POST", path, **how)

    def put(self, path: str, **how: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a handler for PUT; `how` as for `route`."""
        return self.route("PUT", path, **how)

    def patch(self, path: str, **how: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a handler for PATCH; `how` as for `route`."""
        return self.route("PATCH", path, **how)

    def delete(self, path: str, **how: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a handler for DELETE; `how` as for `route`."""
        return self.route("DELETE", path, **how)

    def route(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        beside: Callable[..., Sequence[store.Key]] | None = None,
        before_password_change: bool = False,
        open_to_others: bool = False,
        failures: tuple[type[Failure], ...] = (),
        media_types: tuple[str, ...] = ("application/json",),
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a handler.

        `path` is as API Gateway writes it (`/api/pay/{payment_id}`). `beside(session, …)` names items to be read in the
        same call as the session, found in `session.beside`; it is given what it names of path, body and key. A session
        opened by a temporary password is let in only `before_password_change`. `open_to_others` lets writes in from
        other origins (a provider's events, the sandbox's own page). `failures` are those that the handler may answer,
        for the OpenAPI document, `media_types` in what forms it answers.
        """

        def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
            declared = Route(method, path, handler, status, failures, open_to_others, media_types)
            self.routes.append(declared)
            call = self._call(declared, beside, before_password_change)
            self._resolver.route(re.sub(r"{(\w+)}", r"<\1>", path), method)(call)
            return handler

        return declare

    def handler(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answer an API Gateway event (HTTP API, payload 2.0)."""
        started = time.perf_counter()
        if came_through_the_site(event):
            with budget.of(budget.ANSWER_SECONDS):
                answer = self._resolver.resolve(event, context)
        else:
            answer = _plain(self._failed(NotThroughTheSite()))
        logger.info(
            "answered",
            route=event.get("routeKey"),
            status=answer["statusCode"],
            milliseconds=round((time.perf_counter() - started) * 1000),
            request_id=getattr(context, "aws_request_id", None),
        )
        write_out()
        return answer

    def _call(
        self, route: Route, beside: Callable[..., Sequence[store.Key]] | None, before_password_change: bool
    ) -> Callable[..., Response[Any]]:
        takes, query = route.takes, route.query

        def call(**path: str) -> Response[Any]:
            event = self._resolver.current_event.raw_event
            visit = visit_of(event)
            if route.method in _WRITES and not route.open_to_others:
                _same_origin(visit)
                _brings_json(event)
            given: dict[str, Any] = dict(path)
            refused: Failure | None = None
            try:
                given |= _read(event, path, takes, query)
            except Failure as failure:
                # Whoever is not logged in hears that first.
                refused = failure
            if "session" in takes:
                keys = None if refused or not beside else _keys(beside, given)
                given["session"] = sessions.open_session(
                    visit.session_cookie, clock.now(), beside=keys, temporary=before_password_change
                )
            if refused:
                raise refused
            if "visit" in takes:
                given["visit"] = visit
            with coming_from(visit.address):
                return _response(route.handler(**given), route.status)

        call.__name__ = getattr(route.handler, "__name__", "call")
        return call

    def _failed(self, error: Exception) -> Response[Any]:
        if isinstance(error, Failure):
            if error.counted:
                count(type(error).__name__)
            return _problem(error)
        if isinstance(error, NotFoundError):
            return _problem(NotFound())
        logger.error("failed", fault=type(error).__name__, where=_where(error), code=_code(error))
        if isinstance(error, store.Unavailable | BotoCoreError | ClientError | PynamoDBException):
            return _problem(TryAgainSoon(retry_after=3))
        return _problem(Unexpected())


def _read(
    event: dict[str, Any], path: dict[str, str], takes: dict[str, Any], query: dict[str, inspect.Parameter]
) -> dict[str, Any]:
    if not all(ids.is_id(value) for name, value in path.items() if name.endswith("_id") or name == "id"):
        raise NotFound
    read = _query(event, takes, query)
    if "idempotency_key" in takes:
        read["idempotency_key"] = _idempotency_key(event)
    if "body" in takes:
        _is_json(event)
        read["body"] = read_body(takes["body"], body_of(event))
    if "event" in takes:
        read["event"] = event
    return read


def _keys(beside: Callable[..., Sequence[store.Key]], given: dict[str, Any]) -> Callable[..., Sequence[store.Key]]:
    wanted = inspect.signature(beside).parameters
    return functools.partial(beside, **{name: value for name, value in given.items() if name in wanted})


def _idempotency_key(event: dict[str, Any]) -> str:
    key = headers_of(event).get("idempotency-key", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{8,64}", key):
        raise IdempotencyKeyMissing
    return key


def _same_origin(visit: Visit) -> None:
    if visit.origin != setting("SITE_ORIGIN"):
        raise ForeignOrigin


def _is_json(event: dict[str, Any]) -> None:
    if _content_type(event) != "application/json":
        raise NotJson


def _brings_json(event: dict[str, Any]) -> None:
    """A write that needs no body may come without a type; what another site's form can send has one (threat T11)."""
    if _content_type(event) not in {"", "application/json"}:
        raise NotJson


def _content_type(event: dict[str, Any]) -> str:
    return headers_of(event).get("content-type", "").partition(";")[0].strip().lower()


def _query(event: dict[str, Any], takes: dict[str, Any], query: dict[str, inspect.Parameter]) -> dict[str, Any]:
    sent = event.get("queryStringParameters") or {}
    unknown = sent.keys() - query.keys()
    if unknown:
        takes_only = f"We take only these in the address: {', '.join(query) or 'none'}."
        raise BadInput(errors=[FieldError(printable(name), takes_only) for name in sorted(unknown)])
    return {query[name].name: read_value(takes[query[name].name], value, name) for name, value in sent.items()}


def _response(result: Any, status: int) -> Response[Any]:
    answer = result if isinstance(result, Answer) else Answer(result)
    status = answer.status or status
    headers: dict[str, Any] = _HEADERS | answer.headers
    # Powertools writes each cookie by str(), which a Set-Cookie line of ours is already.
    cookies = cast(Any, list(answer.cookies))
    if isinstance(answer.body, Page):
        return Response(status, answer.body.media_type, answer.body.body, headers, cookies)
    if answer.body is None:
        return Response(status, None, "", headers, cookies)
    return Response(status, "application/json", msgspec.json.encode(answer.body).decode(), headers, cookies)


def _problem(failure: Failure) -> Response[Any]:
    problem, document = problem_document(failure)
    headers: dict[str, Any] = _HEADERS | failure.headers
    if failure.retry_after is not None:
        headers["Retry-After"] = str(failure.retry_after)
    return Response(problem.status, MEDIA_TYPE, msgspec.json.encode(document).decode(), headers)


def _plain(response: Response[Any]) -> dict[str, Any]:
    """A response as Lambda returns it, for what is answered before any route is looked for."""
    return {"statusCode": response.status_code, "headers": {**response.headers, "Content-Type": response.content_type},
            "body": response.body, "isBase64Encoded": False}  # fmt: skip


def _where(error: Exception) -> str:
    """The innermost place of ours: a file and line, never the message, which may quote what was typed."""
    trace, place = error.__traceback__, "unknown"
    while trace:
        filename = trace.tb_frame.f_code.co_filename
        if "portal/" in filename or filename.endswith("app.py"):
            place = f"{filename.rpartition('portal/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _code(error: Exception) -> str | None:
    cause = getattr(error, "cause", None) or error
    # A call that was never answered has a `response` too: None.
    code: str | None = (getattr(cause, "response", None) or {}).get("Error", {}).get("Code")
    return code
