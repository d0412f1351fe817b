"""The states of a payment: named ones, and the ways between them that there are."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from portal import ids
from portal.exchange.rules import TAKEN_HERE
from portal.payments import rules
from portal.payments.rules import LEADS_TO

# Design §2, word by word.
_ENDS = {"succeeded", "failed", "cancelled", "expired"}
_AS_DESIGNED = {
    **dict.fromkeys([("created", "pending")]),
    **dict.fromkeys(product(["created", "pending"], _ENDS)),
    **dict.fromkeys(product(["failed", "cancelled", "expired"], ["succeeded"])),
    **dict.fromkeys([("succeeded", "refunded"), ("refunded", "refunded")]),
    **dict.fromkeys([("succeeded", "disputed"), ("refunded", "disputed"), ("dispute_won", "disputed")]),
    **dict.fromkeys([("disputed", "dispute_won"), ("dispute_won", "refunded")]),
}


@pytest.mark.parametrize(("before", "after"), list(product(LEADS_TO, LEADS_TO)))
def test_a_payment_goes_the_ways_that_the_design_names_and_no_other(before: str, after: str) -> None:
    legal = (before, after) in _AS_DESIGNED
    assert (after in LEADS_TO[before]) == legal
    assert (before in rules.states_before(after)) == legal
    assert rules.status_after(before, after) == (after if legal else before)


def test_whatever_happened_a_payment_whose_money_was_taken_stays_taken() -> None:
    reached, waiting = set(), ["succeeded"]
    while waiting:
        status = waiting.pop()
        if status not in reached:
            reached.add(status)
            waiting += LEADS_TO[status]
    assert reached == {"succeeded", "refunded", "disputed", "dispute_won"}


def test_from_every_state_but_those_in_which_it_was_taken_money_can_still_be_taken() -> None:
    assert set(rules.states_before("succeeded")) == {"created", "pending", "failed", "cancelled", "expired"}


@pytest.mark.parametrize("reference", ["P0123456789AB", "P0123456789AB-R500000", "P0123456789AB-D4QN2XZ"])
def test_each_reference_that_we_give_is_known_when_it_comes_back(reference: str) -> None:
    assert TAKEN_HERE.fullmatch(reference)


def test_refunds_and_disputes_have_references_of_their_own() -> None:
    made = [
        rules.refund_reference("P0123456789AB", 20_00),
        rules.refund_reference("P0123456789AB", 50_00),
        rules.dispute_reference("P0123456789AB", "du_1"),
        rules.dispute_reference("P0123456789AB", "du_2"),
        rules.dispute_reference("P0123456789AB", "du_1", won=True),
    ]
    assert len(set(made)) == 5
    assert all(TAKEN_HERE.fullmatch(reference) for reference in made)


def test_what_is_asked_about_is_older_than_a_quarter_of_an_hour() -> None:
    at = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    below = rules.first_to_ask_about(at)
    assert ids.new_id(at - timedelta(minutes=15, milliseconds=1)) < below
    assert ids.new_id(at - timedelta(minutes=14, seconds=59)) > below


def test_a_report_is_due_of_each_day_that_is_over_once() -> None:
    today = date(2026, 11, 24)
    assert rules.days_to_report(None, today, most=40) == [date(2026, 11, day) for day in range(17, 24)]
    assert rules.days_to_report(date(2026, 11, 23), today, most=40) == []
    for missed in range(1, 41):
        due = rules.days_to_report(today - timedelta(days=missed + 1), today, most=40)
        assert due == [today - timedelta(days=n) for n in range(missed, 0, -1)]
    assert rules.days_to_report(date(2026, 1, 1), today, most=40)[0] == today - timedelta(days=40)
