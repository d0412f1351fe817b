"""What an operator does about sessions (ASVS 5.0 7.4.5)."""

from typing import Any

import pytest

from infra import sessions
from portal import aws
from tests.integration.conftest import Browser, add_tenancy, log_in_as


def status(browser: Browser) -> int:
    return browser.call("contact", "GET", "/api/contact").status


@pytest.fixture
def three(cloud: None, noon: Any) -> list[Browser]:
    """Two browsers of one person, and one of somebody else."""
    from portal import clock, store
    from portal.identity.store import CustomerItem, customer_key

    browsers = []
    for number, reference in (("1", "P1"), ("2", "P2")):
        made = add_tenancy(f"LH{number}", reference, email=f"{reference}@example.com")
        at = customer_key(made.person_id)
        store.put_all([CustomerItem(pk=at.pk, sk=at.sk, email="a@example.com", registered_at=clock.now())])
        for _ in range(2 if reference == "P1" else 1):
            browsers.append(Browser())
            log_in_as(browsers[-1], made.person_id, made.tenancy_id)
    assert [status(browser) for browser in browsers] == [200, 200, 200]
    return browsers


def test_an_operator_ends_every_session_of_one_person_and_of_nobody_else(three: list[Browser]) -> None:
    assert sessions.end(aws.client("dynamodb"), "identity", "P1") == 2
    assert [status(browser) for browser in three] == [401, 401, 200]
    assert sessions.end(aws.client("dynamodb"), "identity", "P1") == 0


def test_an_operator_ends_everybodys_sessions_and_nothing_else(three: list[Browser]) -> None:
    before = len(aws.client("dynamodb").scan(TableName="identity")["Items"])
    made = add_tenancy("LH9", "P9")
    for _ in range(60):
        log_in_as(Browser(), made.person_id, made.tenancy_id)
    assert sessions.end(aws.client("dynamodb"), "identity", sessions.EVERYBODY) == 63
    assert [status(browser) for browser in three] == [401, 401, 401]
    assert len(aws.client("dynamodb").scan(TableName="identity")["Items"]) == before - 3
