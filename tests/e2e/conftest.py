"""What the tests on the local stack share: one stack, one description of the API, people who can register.

With `PORTAL_STACK=folder` they use the stack that runs on that state (`make run` keeps it in `.local`; its limits
per address are not production's) instead of starting one.
"""

from __future__ import annotations

import csv
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.settings import Running, Settings
from tests.e2e import stack as stacks
from tests.e2e.description import Description
from tests.e2e.stack import LocalStack
from tests.e2e.tenant import Facts, Tenant

_STOP_SECONDS = 240
NewTenant = Callable[[], Tenant]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder needs the stack, started once, by one worker; what loads it to its limits comes last."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.stack)
            if "stack" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group("stack"))
    items.sort(key=lambda item: item.path.name == "test_concurrency.py")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One stack for all tests of a session, with the demo landlord loaded and production's limits."""
    state = os.environ.get("PORTAL_STACK")
    if state:
        settings = Settings(state=Path(state).resolve())
        running = Running.read(settings)
        assert running, f"no stack runs on {state}"
        yield LocalStack(settings, running, process=None, output=settings.logs / "run.log")  # type: ignore[arg-type]
        return
    started = stacks.start(tmp_path_factory.mktemp("stack"))
    yield started
    started.process.send_signal(signal.SIGINT)
    # The folders of two hundred processes go with it.
    started.process.wait(_STOP_SECONDS)


@pytest.fixture(scope="session")
def description(stack: LocalStack) -> Description:
    """What the API says of itself."""
    return Description(stack.call("GET", "/api/openapi.json").json)


@pytest.fixture(scope="session")
def people(stack: LocalStack) -> Iterator[Facts]:
    """People of the demo landlord who can register, each of another tenancy, each given out once."""
    taken = stack.client("dynamodb").scan(TableName=stack.outputs["IdentityTableName"])["Items"]
    registered = {item["pk"]["S"] for item in taken if item["sk"]["S"] == "LOGIN"}
    return iter([p for p in people_of(stacks.DEMO) if f"EMAIL#{p.email.lower()}" not in registered])


@pytest.fixture(scope="session")
def sources() -> Iterator[str]:
    """Network addresses, each given out once: every one has its own budget of calls and mismatches."""
    return (f"127.1.{high}.{low}" for high, low in itertools.product(range(1, 250), range(1, 250)))


@pytest.fixture
def new_tenant(
    stack: LocalStack, description: Description, people: Iterator[Facts], sources: Iterator[str]
) -> NewTenant:
    """Makes somebody of the demo landlord who has not registered yet, at an address of their own."""
    return lambda: Tenant(stack, description, next(people), next(sources))


def people_of(folder: Path) -> list[Facts]:
    """Everybody in a folder of exchange files who can register and has a rent account, one a tenancy."""
    today = datetime.now(UTC).date().isoformat()
    open_tenancies = {
        row["tenancy_reference"]
        for row in _rows(folder / "tenancies.csv")
        if row["start_date"] <= today and not (row["end_date"] and row["end_date"] < today)
    }
    with_rent = {row["tenancy_reference"] for row in _rows(folder / "rent_accounts.csv")}
    rows = _rows(folder / "people.csv")
    emails = [row["email"] for row in rows]
    found: dict[str, Facts] = {}
    for row in rows:
        reference = row["tenancy_reference"]
        facts = Facts(
            row["email"], row["mobile"], reference, row["date_of_birth"], f"{row['first_name']} {row['last_name']}"
        )
        whole = facts.email and facts.mobile and facts.date_of_birth and emails.count(facts.email) == 1
        if whole and reference in open_tenancies & with_rent:
            found.setdefault(reference, facts)
    return list(found.values())


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
