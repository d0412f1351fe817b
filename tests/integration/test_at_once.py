"""What many do at the same moment, by real threads on the emulated AWS: moto is not thread-safe and proves nothing."""

import os
import random
import socket
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from portal import aws, clock, store
from portal.appointments import recording
from portal.appointments import service as appointments
from portal.appointments.rules import Place
from portal.appointments.store import offered, visits
from portal.contact import service as contacts
from portal.exchange.store import EntryItem
from portal.failures import Failure
from portal.identity import logging_in, sessions, tries
from portal.identity.sessions import Session
from portal.identity.store import CustomerItem, session_key
from portal.mail.store import MailItem
from portal.repairs import service as repairs
from portal.repairs.catalogue import catalogue
from portal.tenancies.store import save
from tests.integration.conftest import NOON, ROOT, TABLES, _forget_clients, add_tenancy

pytestmark = pytest.mark.stack

MINISTACK = ROOT / ".venvs/ministack/bin/ministack"


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A customer with a tenancy on an emulator that is this test's own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "MINISTACK_REGION": "eu-west-2",
        "TMPDIR": str(tmp_path),
        "STATE_DIR": str(tmp_path / "state"),
        "S3_DATA_DIR": str(tmp_path / "s3"),
    }
    with (tmp_path / "log").open("wb") as log:
        emulator = subprocess.Popen([MINISTACK], env={**os.environ, **settings}, cwd=tmp_path, stdout=log, stderr=log)
    endpoint = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    _forget_clients()
    try:
        _wait_for(f"{endpoint}/_ministack/health")
        for table in TABLES:
            aws.client("dynamodb").create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            )
        tenancy = add_tenancy("LH10001", "P10001")
        save([
            CustomerItem(
                pk=f"CUSTOMER#{tenancy.person_id}", sk="CUSTOMER", email="amara@example.com", registered_at=NOON
            )
        ])  # fmt: skip
        yield tenancy
    finally:
        emulator.terminate()
        emulator.wait(timeout=20)
        _forget_clients()


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _session(tenant: SimpleNamespace, beside: Callable[[Session], Sequence[store.Key]]) -> Session:
    """A session as a request has it: with what is read in its call."""

    def session(items: Sequence[Any]) -> Session:
        at = clock.now()
        return Session("0" * 26, tenant.person_id, tenant.tenancy_id, at, at, timedelta(0), False, None, items)

    return session(store.fetch(beside(session(())), clock.now()))


def _at_once(times: int, do: Callable[[int], Any]) -> Counter[str]:
    """How often each outcome came: "done", or the name of the failure."""

    def outcome(n: int) -> str:
        try:
            do(n)
        except (Failure, store.Unavailable) as failure:
            return type(failure).__name__
        return "done"

    with ThreadPoolExecutor(16) as threads:
        return Counter(threads.map(outcome, range(times)))


def _told() -> Counter[str]:
    """How many lines each of the landlord's files gets, and how many letters of each kind wait."""
    today = f"EXPORT#{clock.london_date(clock.now())}"
    lines = Counter(e.file for e in store.query(EntryItem, today, clock.now()))
    return lines + Counter(m.kind for m in store.query(MailItem, "MAIL", clock.now()))


def test_t2_of_a_thousand_guesses_at_once_exactly_five_are_judged(tenant: SimpleNamespace) -> None:
    at = clock.now()
    spent = _at_once(1_000, lambda _: tries.spend("registration#one", tries.CODE, at))
    assert spent == {"done": 5, "TriesSpent": 995}
    spent = _at_once(1_000, lambda _: tries.spend("login#one", tries.LOGIN, at))
    assert spent == {"done": 10, "TriesSpent": 990}


def test_t9_of_a_thousand_replays_that_race_the_logging_off_none_lets_anybody_in_after_it(
    tenant: SimpleNamespace,
) -> None:
    """Replays read the session and, once a minute, write that it was seen: neither brings it back."""
    at = clock.now()
    opened = sessions.new_session(tenant.person_id, tenant.tenancy_id, "Chrome on Linux", at)
    store.transact(opened.write)
    logged_off, let_in_late = threading.Event(), []

    def replay(n: int) -> None:
        if n == 300:
            logging_in.log_off(opened.cookie, at)
            logged_off.set()
            return
        too_late = logged_off.is_set()
        sessions.open_session(opened.cookie, at + timedelta(seconds=61 * (n % 12)))
        if too_late:
            let_in_late.append(n)

    came = _at_once(1_001, replay)
    assert not let_in_late
    assert came["NotLoggedIn"] > 500
    assert came["done"] + came["NotLoggedIn"] == 1_001
    key = session_key(tenant.person_id, opened.session.session_id)
    assert store.fetch([key], at) == [None]


def test_a_hundred_reports_of_the_same_thing_at_once_are_one_repair(tenant: SimpleNamespace) -> None:
    def report(_: int, anyway: bool = False) -> None:
        session = _session(tenant, repairs.beside_report)
        repairs.report(
            session, "kitchen-tap-drips", answers={}, description=None, access_notes=None, anyway=anyway,
            at=clock.now(),
        )  # fmt: skip

    assert _at_once(100, report) == {"done": 1, "AlreadyReported": 99}
    assert _told() == {"repairs": 1, "repair_reported": 1}
    assert _at_once(8, lambda n: report(n, anyway=True)) == {"done": 8}
    assert len(repairs.page(tenant.tenancy_id, None, clock.now()).repairs) == 2, "sent eight times, it is one more"
    assert _told() == {"repairs": 2, "repair_reported": 2}


def _reported(tenant: SimpleNamespace, number: int) -> list[str]:
    """So many repairs of one thing."""
    found = []
    for which in range(number):
        item = repairs.report(
            _session(tenant, repairs.beside_report), "kitchen-tap-drips", answers={}, description=str(which),
            access_notes=None, anyway=True, at=clock.now(),
        )  # fmt: skip
        found.append(repairs.id_of(item))
    return found


def _offer(day: date, **capacities: int) -> None:
    leaf = catalogue().leaf("kitchen-tap-drips")
    assert leaf
    recording.record_slots(
        [recording.imported(leaf.trade, day, period, number) for period, number in capacities.items()], clock.now()
    )


def _booked(day: date, tenant: SimpleNamespace) -> tuple[dict[str, int], dict[str, int]]:
    """How many of each period are counted as booked, and how many repairs have a visit in it."""
    leaf = catalogue().leaf("kitchen-tap-drips")
    assert leaf
    counted = {s.place.period: int(s.booked) for s in offered(leaf.trade, clock.now()) if s.booked}
    held: Counter[str] = Counter()
    below = None
    while True:
        page = repairs.page(tenant.tenancy_id, below, clock.now())
        held.update(found.place.period for item in page.repairs if (found := appointments.of(item)))
        below = page.below
        if below is None:
            return counted, dict(held)


def test_fifty_who_book_three_places_at_once_are_three(tenant: SimpleNamespace) -> None:
    day = clock.london_date(clock.now()) + timedelta(days=3)
    _offer(day, morning=3)
    waiting = _reported(tenant, 50)

    def book(n: int) -> None:
        session = _session(tenant, lambda s: appointments.beside(s, waiting[n]))
        appointments.book(session, waiting[n], Place(day, "morning").slot_id, {}, clock.now())

    ended = _at_once(50, book)
    # Whoever gave up after the tries of a busy machine was told so, and has no place either.
    assert set(ended) <= {"done", "SlotTaken", "Unavailable"}
    assert ended["done"] == 3
    assert _booked(day, tenant) == ({"morning": 3}, {"morning": 3})
    assert _told()["appointment_booked"] == 3
    assert len(visits(day, clock.now())) == 3


@pytest.mark.parametrize("changes", [60, pytest.param(600, marks=pytest.mark.long)])
def test_moving_and_cancelling_at_once_loses_no_place_and_gives_none_twice(
    changes: int, tenant: SimpleNamespace
) -> None:
    day = clock.london_date(clock.now()) + timedelta(days=3)
    _offer(day, morning=2, afternoon=1, school_run=3)
    waiting = _reported(tenant, 6)

    def change(n: int) -> None:
        chance = random.Random(n)
        repair_id = chance.choice(waiting)
        session = _session(tenant, lambda s: appointments.beside(s, repair_id))
        if chance.random() < 0.3:
            appointments.give_up(session, repair_id, clock.now())
        else:
            period = chance.choice(["morning", "afternoon", "school_run"])
            appointments.book(session, repair_id, Place(day, period).slot_id, {}, clock.now())

    ended = _at_once(changes, change)
    assert set(ended) <= {"done", "SlotTaken", "Unavailable"}
    assert ended["done"] > 0
    counted, held = _booked(day, tenant)
    assert counted == held
    assert all(number <= {"morning": 2, "afternoon": 1, "school_run": 3}[period] for period, number in held.items())
    assert len(visits(day, clock.now())) == sum(held.values())


def test_members_added_at_once_are_all_listed_once_and_thirty_at_the_most(tenant: SimpleNamespace) -> None:
    def add(n: int) -> None:
        session = _session(tenant, contacts.beside_household)
        contacts.add_member(
            session, f"{'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef'[n % 32]} Okafor", None, "child", at=clock.now()
        )

    # 26 names, six of them also in small letters, each twice.
    outcome = _at_once(64, add)
    assert outcome == {"done": 26, "AlreadyListed": 38}
    listed = contacts.household(_session(tenant, contacts.beside_household))
    assert len({m.member_id for m in listed}) == len({m.name.casefold() for m in listed}) == 26
    assert _told() == {"household": 26, "household_changed": 26}

    def add_another(n: int) -> None:
        session = _session(tenant, contacts.beside_household)
        contacts.add_member(session, f"Another {n}", None, "child", at=clock.now())

    assert _at_once(16, add_another) == {"done": 4, "HouseholdFull": 12}


def test_no_change_of_contact_details_made_at_once_with_others_is_lost(tenant: SimpleNamespace) -> None:
    def change(n: int) -> None:
        wanted = {"home_phone": f"+44161496{n:04}"} if n % 2 else {"mobile": f"+447700900{n:03}"}
        session = _session(tenant, contacts.beside_contact)
        contacts.change_contact(session, wanted, if_match=None, at=clock.now())

    # On a busy machine one of 64 may give up after its tries: it is told so (503), and nothing of it is written.
    ended = _at_once(64, change)
    assert set(ended) <= {"done", "Unavailable"}
    assert ended["done"] >= 60
    now = contacts.contact(_session(tenant, contacts.beside_contact))
    assert now.version == ended["done"]
    assert now.mobile
    assert now.mobile != "+447700900123"
    assert now.home_phone
    assert _told() == {"contact": ended["done"], "contact_changed": ended["done"]}
