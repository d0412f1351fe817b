"""Tables, secrets and buckets on moto, and a way to call a function as API Gateway would."""

import base64
import importlib.util
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
import time_machine
from moto import mock_aws
from moto.core import models as moto_models

from portal import aws
from tests import recorder
from tests.integration.transactions import take_back_by_item

take_back_by_item()

# Of what a test would wait for at its start, the half: AWS is called by botocore alone, not by `requests`, which moto
# would watch by thirteen hundred patterns; and the descriptions of the services are read once, not for each test.
moto_models.RESPONSES_METHODS.clear()
_DESCRIPTIONS = botocore.session.get_session().get_component("data_loader")

ROOT = Path(__file__).parents[2]
TABLES = ("tenancies", "identity", "rent", "repairs", "outbox", "audit")
ORIGIN = "http://localhost:8000"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def _forget_clients() -> None:
    from portal.store import Item

    aws.client.cache_clear()
    aws._session.cache_clear()
    aws.secret.cache_clear()
    waiting = [Item]
    while waiting:
        model = waiting.pop()
        model._connection = None
        waiting += model.__subclasses__()


@pytest.fixture
def cloud() -> Iterator[None]:
    """Empty tables, the three secrets, the buckets and a verified sender."""
    with mock_aws():
        _forget_clients()
        aws._session().register_component("data_loader", _DESCRIPTIONS)
        aws._session().register("provide-client-params", recorder.note)
        dynamodb = aws.client("dynamodb")
        for table in TABLES:
            dynamodb.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            )
        secrets = aws.client("secretsmanager")
        for name in ("portal-keys", "portal-sandbox", "portal-waiting"):
            secrets.create_secret(Name=name, SecretString=f"{name}-" + "x" * 50)
        for bucket in ("portal-exchange", "portal-photos"):
            aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
        aws.client("sesv2").create_email_identity(EmailIdentity="larkfield-homes.example")
        yield
    _forget_clients()


@pytest.fixture
def noon() -> Iterator[Any]:
    """Time stands still at noon on 24 November 2026 until a test moves it: `noon.shift(…)`, `noon.move_to(at)`."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def function(name: str) -> Any:
    """The module of a function, as Lambda loads it."""
    module_name = f"functions_{name}_app_recorded"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, ROOT / "functions" / name / "app.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        spec.loader.exec_module(module)
        module.handler = recorder.running(name, module.handler)
    return sys.modules[module_name]


class Reply:
    """What a function answered."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.status = answer["statusCode"]
        self.headers = {k.lower(): v for k, v in answer.get("headers", {}).items()}
        self.cookies = answer.get("cookies", [])
        body = answer.get("body") or ""
        self.body = base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode()
        self.text = "" if answer.get("isBase64Encoded") else body

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def __repr__(self) -> str:
        return f"<{self.status} {self.text[:300]}>"


class Browser:
    """Calls functions as a browser on our own site would, and keeps the cookies they set."""

    def __init__(self, address: str = "203.0.113.7") -> None:
        self.cookies: dict[str, str] = {}
        self.address = address

    def call(
        self,
        name: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        """Call function `name`; `body` is sent as JSON, `raw` as it is."""
        sent = {
            "origin": ORIGIN,
            "x-origin-secret": "the-origin-secret",
            "cloudfront-viewer-address": f"{self.address}:51234",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0",
        }
        if body is not None or raw is not None:
            sent["content-type"] = "application/json"
        sent |= headers or {}
        sent = {k: v for k, v in sent.items() if v is not None}
        payload = raw if raw is not None else (json.dumps(body).encode() if body is not None else b"")
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": sent,
            "cookies": [f"{k}={v}" for k, v in self.cookies.items()],
            "queryStringParameters": query or {},
            "requestContext": {
                "http": {"method": method, "path": path, "sourceIp": "127.0.0.1"},
                "stage": "$default",
                "requestId": "request",
            },
            "body": base64.b64encode(payload).decode(),
            "isBase64Encoded": True,
        }
        context = SimpleNamespace(
            aws_request_id="request", function_name=name, memory_limit_in_mb=512,
            invoked_function_arn="arn", get_remaining_time_in_millis=lambda: 30_000,
        )  # fmt: skip
        reply = Reply(function(name).handler(event, context))
        for line in reply.cookies:
            cookie, _, attributes = line.partition(";")
            key, _, value = cookie.partition("=")
            if "Max-Age=0" in attributes:
                self.cookies.pop(key, None)
            else:
                self.cookies[key] = value
        return reply


@pytest.fixture
def browser(cloud: None) -> Browser:
    """A browser that is logged in nowhere."""
    return Browser()


def log_in_as(browser: Browser, person_id: str, tenancy_id: str) -> None:
    """Give the browser a session without the way through registering, for tests of what comes after it."""
    from portal import clock, store
    from portal.identity import sessions
    from portal.identity.store import customer_key

    (customer,) = store.fetch([customer_key(person_id)], clock.now())
    era = customer.era if customer else None
    opened = sessions.new_session(person_id, tenancy_id, "Chrome on Linux", clock.now(), era=era)
    store.transact(opened.write)
    browser.cookies["__Host-session"] = opened.cookie


@pytest.fixture
def own_tenancy(cloud: None) -> SimpleNamespace:
    """A tenancy with one person in the record: ids and references."""
    return add_tenancy("LH10001", "P10001")


def add_tenancy(reference: str, person_reference: str, **changes: Any) -> SimpleNamespace:
    """Write a tenancy and a person as the import would."""
    from datetime import date

    from portal.tenancies import service
    from portal.tenancies.store import HeldTenancyItem, PersonItem, TenancyItem, save

    tenancy_id, person_id = service.tenancy_id(reference), service.person_id(person_reference)
    start, end = changes.get("start_date", date(2020, 4, 6)), changes.get("end_date")
    save([
        TenancyItem(
            pk=f"TENANCY#{tenancy_id}", sk="TENANCY", reference=reference, start_date=start, end_date=end,
            address_line_1="12 Curlew Walk", town="Harrowby", postcode="HB4 2QX",
        ),
        PersonItem(
            pk=f"TENANCY#{tenancy_id}", sk=f"PERSON#{person_id}", person_reference=person_reference, title="Ms",
            first_name=changes.get("first_name", "Amara"), last_name=changes.get("last_name", "Okafor"),
            date_of_birth=changes.get("date_of_birth", date(1990, 3, 27)),
            email=changes.get("email", "amara@example.com"), mobile=changes.get("mobile", "+447700900123"),
        ),
        HeldTenancyItem(
            pk=f"PERSON#{person_id}", sk=f"TENANCY#{tenancy_id}", reference=reference, start_date=start,
            end_date=end, address="12 Curlew Walk, Harrowby, HB4 2QX", first_name="Amara", last_name="Okafor",
        ),
    ])  # fmt: skip
    return SimpleNamespace(
        tenancy_id=tenancy_id, person_id=person_id, reference=reference, person_reference=person_reference
    )
