"""No log line, table item, stream, export or report of a whole run holds a secret, and no log whose it is."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest

from tests.e2e import journey, landlords
from tests.e2e.description import Description
from tests.e2e.stack import LocalStack
from tests.e2e.tenant import Tenant, new_password
from tests.integration.authenticator import base64url

TABLES = ("Tenancies", "Identity", "Rent", "Repairs", "Outbox", "Audit")

# Where a person's data belongs: of each table, the kinds of item (by sort key) and their attributes. Nowhere else.
PERSONAL = {
    "Tenancies": {
        "PERSON": {"email", "mobile", "date_of_birth"},
        "CONTACT": {"mobile", "mobiles_seen", "home_phone", "correspondence_address", "preferences"},
        "HOUSEHOLD": {"members"},
    },
    "Identity": {
        "LOGIN": {"pk", "date_of_birth"},
        "RESET": {"pk"},
        "CUSTOMER": {"email", "user_handle"},
        "EMAIL": {"email"},
        "FORMER": {"email"},
        "PASSKEY": {"credential_id"},
        "CREDENTIAL": {"user_handle"},
        "REGISTRATION": {"email", "date_of_birth"},
    },
    # A saved card is the provider's ids of it, and nothing that tells of the card or its owner.
    "Rent": {},
    "Repairs": {"REPAIR": {"access_notes", "appointment"}},
    # What the landlord is told tonight is theirs; a mail names whom by id.
    "Outbox": {"ENTRY": {"row"}},
    "Audit": {},
}


# What is told to whoever comes to mend something.
VISIT = {
    "access_notes": "The side gate sticks, lift it", "communication": "My sister reads English to me",
    "pets": "An old parrot who bites", "safe_word": "Quagmire-Marzipan",
}  # fmt: skip


@dataclass
class Run:
    """A run of everything by somebody marked: what they used, and who they are."""

    secrets: set[str]
    marks: set[str]
    days: set[str]
    registered: str


@pytest.fixture(scope="module")
def run(
    stack: LocalStack,
    description: Description,
    sources: Iterator[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """The whole mission, and what goes wrong on the way: codes, passwords and facts mistyped, refused, asked again."""
    landlord = landlords.write(tmp_path_factory.mktemp("marked"), secrets.randbits(30), tenancies=3, mark="xq7canary.")
    stack.load(landlord.folder)
    walker, other, unfinished = (Tenant(stack, description, facts, next(sources)) for facts in landlord.people)
    made = journey.walk(walker)
    walker.log_in("Wrong-Canary-Password-1", status=401)
    walker.log_in()
    journey.book_visit(walker, made["repair"]["repair_id"], VISIT)
    kept, (removed, passkey_id) = journey.add_passkey(walker)[0], journey.add_passkey(walker)
    journey.use_passkey(walker, removed, passkey_id)
    first = walker.facts.email
    journey.change_email(walker, f"xq7canary.moved.{first}")
    waits = {"email": f"xq7canary.again.{first}", "current_password": walker.password}
    walker.call("POST", "/api/email", waits, status=202)
    moved = walker.other_browser()
    moved.facts = replace(walker.facts, email=waits["email"])
    moved.code()
    typed = {"email": "xq7canary.stranger@example.com", "mobile": "07700 900555", "date_of_birth": "1961-02-03"}
    mismatch = typed | {"tenancy_reference": walker.facts.tenancy_reference}
    walker.call("POST", "/api/register", mismatch, status=422)
    walker.call("POST", "/api/reset", {n: typed[n] for n in ("email", "date_of_birth")}, status=202)
    for body in (b'{"email": "xq7canary.broken@example.com", "password": "Broken-Canary-', b"\xffxq7canary"):
        stack.call("POST", "/api/login", raw=body, source=walker.source)
    walker.call("POST", "/api/login", {"email": typed["email"], "password": "Another-Canary-99", "x": 1}, status=422)
    walker.call("GET", "/api/repairs?xq7canary.query=Query-Canary-7", status=422)

    registration_id = unfinished.register()
    unfinished.verify(registration_id, "KKKK-7777", new_password(), status=422)
    waiting_code = unfinished.code()
    unfinished.call("POST", "/api/register/resend", {"registration_id": registration_id}, status=202)
    other.come_in()
    other.call(
        "POST",
        "/api/reset",
        {"email": other.facts.email, "date_of_birth": other.facts.date_of_birth},
        status=202,
    )
    waiting_password = other.temporary_password()
    other.letter("Your temporary password")

    used = walker.used | other.used | unfinished.used | {waiting_code, waiting_password}
    used |= {"Wrong-Canary-Password-1", "Broken-Canary-", "Another-Canary-99", "Query-Canary-7"}
    marks = {*VISIT.values(), kept.user_handle, *(base64url(device.credential_id) for device in (kept, removed))}
    marks |= {"xq7canary", "Kofi", "Esi Boateng", "Ferry Lane", "Cymraeg", "7946 0123", "79460123", "ring the top bell"}
    days = _forms_of("1961-02-03")
    for tenant in (walker, other, unfinished):
        days |= _forms_of(tenant.facts.date_of_birth)
        marks |= _forms_of_mobile(tenant.facts.mobile)
    marks |= days | _forms_of_mobile("+447700900555") | _forms_of_mobile("+447700900877")
    return Run({secret for secret in used if len(secret) >= 8}, marks, days, walker.facts.email)


def _forms_of(iso: str) -> set[str]:
    day = date.fromisoformat(iso)
    return {iso, f"{day:%d/%m/%Y}", f"{day:%Y%m%d}", f"{day.day} {day:%B %Y}", f"{day.day}/{day.month}/{day.year}"}


def _forms_of_mobile(e164: str) -> set[str]:
    national = e164.removeprefix("+44")
    return {national, f"{national[:4]} {national[4:]}", f"{national[:4]}-{national[4:]}"}


def _found(texts: dict[str, str], wanted: set[str]) -> list[tuple[str, str]]:
    """Where something is found, as it is, in base64, or with its groups written together; case does not matter."""
    found = []
    forms = {
        form.lower(): secret
        for secret in wanted
        for form in (secret, secret.replace("-", ""), base64.b64encode(secret.encode()).decode().rstrip("="))
    }
    for name, text in texts.items():
        lowered = text.lower()
        found += [(name, secret) for form, secret in forms.items() if form in lowered]
    return found


@pytest.fixture(scope="module")
def logs(run: Run, stack: LocalStack) -> dict[str, str]:
    """Every log there is: the functions', the API's access log, the emulator's, the site's and the stack's own."""
    return stack.logs() | {"stack": stack.output.read_text() if stack.output.exists() else ""}


def test_the_search_finds_what_is_there(run: Run, stack: LocalStack) -> None:
    """Codes and temporary passwords stand in the emails, where they belong, and the search sees each of them."""
    emails = {letter.subject: letter.text for letter in stack.letters()}
    found = {
        secret for _, secret in _found({"emails": "\n".join(letter.text for letter in stack.letters())}, run.secrets)
    }
    assert {"Your code to finish registering", "Your temporary password"} <= emails.keys()
    assert len({secret for secret in found if "-" in secret}) >= 5


def test_no_log_line_holds_a_secret_or_says_who_it_was(run: Run, logs: dict[str, str]) -> None:
    answering = ("register", "verify", "login", "reset", "balance", "pay", "repairs", "contact", "reference", "sandbox")
    for name in answering:
        assert logs[name].count('"answered"') >= 2, f"{name} has logged nothing, so nothing is proved"
    for name in ("mailer", "importer"):
        assert len(logs[name].splitlines()) > 3, f"{name} has logged nothing, so nothing is proved"
    assert "emulator" in logs
    people = {
        name: text.replace(re.search("(?s)Who can register.*", text)[0], "") if "Who can register" in text else text
        for name, text in logs.items()
    }
    assert _found(people, run.secrets | run.marks) == []


def test_each_answer_is_logged_with_route_and_status_and_no_more(logs: dict[str, str]) -> None:
    told = set()
    for text in logs.values():
        for line in text.splitlines():
            if '"answered"' in line:
                told |= json.loads(line).keys()
    assert told <= {
        "level", "location", "message", "timestamp", "service", "route", "status", "milliseconds", "request_id",
        "xray_trace_id",
    }  # fmt: skip


def test_no_table_holds_a_code_a_password_or_a_token(run: Run, stack: LocalStack) -> None:
    dynamodb = stack.client("dynamodb")
    texts, items = {}, 0
    for table in TABLES:
        name = stack.outputs[f"{table}TableName"]
        pages = list(dynamodb.get_paginator("scan").paginate(TableName=name))
        items += sum(len(page["Items"]) for page in pages)
        texts[table] = json.dumps([page["Items"] for page in pages], default=str, ensure_ascii=False)
    assert items > 100
    assert run.registered.lower() in texts["Identity"], "the scan sees what is stored"
    assert texts["Identity"].count("$argon2id$") >= 2
    assert _found(texts, run.secrets) == []
    assert texts["Audit"].count('"login_refused"') >= 3, "and what is kept of each outcome"
    # Whoever reads the outbox learns no address either: a mail names its customer or registration by id.
    mails = [item for page in dynamodb.get_paginator("scan").paginate(TableName=stack.outputs["OutboxTableName"])
             for item in page["Items"] if item["pk"]["S"] == "MAIL"]  # fmt: skip
    assert _found({"mails": json.dumps(mails, default=str)}, {"xq7canary"}) == []


def _cards(text: str) -> list[str]:
    """What could be the number of a card: 13 to 19 digits, alone or in fours, with Luhn's check digit.

    One that begins with 0, 1, 7, 8 or 9 is none that a bank gives; epoch milliseconds begin with 1.
    """
    found = re.findall(r"(?<![\w.])(?:[2-6]\d{12,18}|[2-6]\d{3}(?:[ -]\d{4}){2}[ -]\d{1,7})(?![\w.])", text)
    return [number for number in found if _luhn([int(digit) for digit in re.sub(r"\D", "", number)])]


def _luhn(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def test_t20_no_log_and_no_table_holds_what_could_be_the_number_of_a_card(
    run: Run, logs: dict[str, str], stack: LocalStack
) -> None:
    assert len(_cards('{"a": "4242424242424242"} 5555 5555 5555 4444')) == 2
    assert _cards("4242424242424241 1795608000000 020 7946 0123") == []
    texts = dict(logs)
    for table in TABLES:
        pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs[f"{table}TableName"])
        # A write's own id is sixteen random hexadecimal digits: one in some hundred thousand looks like a card's.
        kept = (v for page in pages for item in page["Items"] for name, v in item.items() if name != "written_by")
        texts[table] = "\n".join(_text(value) for value in kept)
    assert len(texts["Rent"]) > 1_000
    assert {name: _cards(text) for name, text in texts.items() if _cards(text)} == {}


def test_what_tells_of_a_person_stands_only_where_it_is_listed(run: Run, stack: LocalStack) -> None:
    found: dict[str, dict[str, set[str]]] = {table: {} for table in PERSONAL}
    for table in PERSONAL:
        pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs[f"{table}TableName"])
        for item in (item for page in pages for item in page["Items"]):
            for name, value in item.items():
                # Days of the demo's own rows may be somebody's birthday.
                if _found({"": _text(value)}, run.marks - run.days):
                    found[table].setdefault(item["sk"]["S"].partition("#")[0], set()).add(name)
    for table, kinds in found.items():
        for kind, names in kinds.items():
            assert names <= PERSONAL[table].get(kind, set()), (table, kind)
    assert "email" in found["Tenancies"]["PERSON"], "the search sees what is stored"
    assert {"EMAIL", "PASSKEY", "CREDENTIAL"} <= found["Identity"].keys()
    assert "appointment" in found["Repairs"]["REPAIR"]


def test_no_event_of_the_audit_tells_of_a_person_or_holds_an_address(run: Run, stack: LocalStack) -> None:
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["AuditTableName"])
    events = [item for page in pages for item in page["Items"]]
    assert {item["outcome"]["S"] for item in events} >= {
        "code_sent", "code_sent_again", "code_refused", "registered", "already_registered", "not_matched", "logged_in",
        "login_refused", "logged_off", "reset_asked", "reset_used", "password_changed", "password_refused",
        "contact_changed", "household_changed", "email_asked", "email_changed", "passkey_added", "passkey_removed",
    }  # fmt: skip
    assert _found({"events": _text(events)}, run.secrets | run.marks) == []
    # A browser on this machine may come by either.
    assert all(item["source"]["S"].endswith((".0/24", "/48")) for item in events if "source" in item)
    assert {name for item in events for name in item} <= {
        "pk", "sk", "at", "outcome", "reason", "customer_id", "tenancy_id", "source", "expires_at",
    }  # fmt: skip


def test_a_metric_is_a_name_a_number_and_its_function_alone(logs: dict[str, str]) -> None:
    metrics = [json.loads(line[line.index("{") :]) for text in logs.values() for line in text.splitlines()
               if '"CloudWatchMetrics"' in line]  # fmt: skip
    assert len(metrics) >= 20
    for line in metrics:
        (told,) = line["_aws"]["CloudWatchMetrics"]
        names = {metric["Name"] for metric in told["Metrics"]}
        assert told["Dimensions"] == [["service"]]
        assert all(re.fullmatch(r"[A-Za-z]+", name) for name in names)
        assert line.keys() == {"_aws", "service"} | names
        assert all(isinstance(value, int | float) for name in names for value in line[name])


def test_no_stream_record_holds_a_code_a_password_a_token_or_an_address(run: Run, stack: LocalStack) -> None:
    streams = stack.client("dynamodbstreams")
    records = []
    for stream in streams.list_streams()["Streams"]:
        shards = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        for shard in shards:
            iterator = streams.get_shard_iterator(
                StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while iterator:
                page = streams.get_records(ShardIterator=iterator, Limit=1000)
                if not page["Records"]:
                    break
                records += page["Records"]
                iterator = page.get("NextShardIterator")
    mails = [r for r in records if r["dynamodb"]["Keys"]["pk"]["S"] == "MAIL"]
    assert len(mails) >= 10
    assert _found({"records": _text(records)}, run.secrets) == []
    assert _found({"mails": _text(mails)}, {"xq7canary"}) == []


def test_no_object_of_the_exchange_holds_a_secret(run: Run, stack: LocalStack) -> None:
    stack.client("lambda").invoke(FunctionName=stack.outputs["ExporterFunctionName"], Payload=b"{}")
    s3, bucket = stack.client("s3"), stack.outputs["ExchangeBucketName"]
    texts = {
        listed["Key"]: s3.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read().decode("utf-8", "replace")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for listed in page.get("Contents", [])
    }
    assert any("Kofi" in text for key, text in texts.items() if key.startswith("outbox/"))
    assert _found(texts, run.secrets) == []
    # Of the audit the landlord gets ids, networks and words of ours.
    events = {key: text for key, text in texts.items() if key.endswith("/audit.csv")}
    assert any("login_refused,wrong_password" in text for text in events.values())
    assert _found(events, run.marks) == []
    # A report tells the landlord's officer which line was refused and why, never what stood in it.
    reports = {key: text for key, text in texts.items() if key.startswith("reports/")}
    assert reports
    assert _found(reports, {"xq7canary", "never closed"}) == []


def _text(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
