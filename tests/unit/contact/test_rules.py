"""The rules of contact details and households."""

from datetime import date, timedelta

import pytest

from portal import clock
from portal.contact import fields, rules
from portal.contact.rules import Member
from portal.validation.reading import Wrong


@pytest.mark.parametrize(
    ("told", "record_then", "record_now", "shown"),
    [
        (None, None, "+447700900001", "+447700900001"),
        ("+447700900002", "+447700900001", "+447700900001", "+447700900002"),
        # The landlord took the change over, or has a newer one.
        ("+447700900002", "+447700900001", "+447700900002", "+447700900002"),
        ("+447700900002", "+447700900001", "+447700900003", "+447700900003"),
        ("+447700900002", None, None, "+447700900002"),
        ("+447700900002", None, "+447700900003", "+447700900003"),
        (None, None, None, None),
    ],
)
def test_a_mobile_number_is_the_tenants_until_the_record_changes(
    told: str | None, record_then: str | None, record_now: str | None, shown: str | None
) -> None:
    assert rules.mobile_shown(told, record_then, record_now) == shown


def test_only_what_differs_is_a_change() -> None:
    now = {"mobile": "1", "home_phone": None}
    assert rules.changed(now, {"mobile": "1", "home_phone": "2"}) == {"home_phone": "2"}
    assert rules.changed(now, {"home_phone": None}) == {}


@pytest.mark.parametrize(
    ("if_match", "lets_through"),
    [(None, True), ("*", True), ('"3"', True), ("3", True), ('"2", "3"', True), ('"2"', False), ('W/"3"', False),
     ("", False), ("nonsense", False)],
)  # fmt: skip
def test_if_match_lets_only_its_version_through(if_match: str | None, lets_through: bool) -> None:
    assert rules.matches(if_match, 3) is lets_through


def test_the_same_person_is_listed_whatever_the_capital_letters() -> None:
    members = [Member("1", "Ada Okafor", date(2015, 3, 27), "child")]
    assert rules.is_listed(members, "ADA okafor", date(2015, 3, 27), "child")
    assert not rules.is_listed(members, "Ada Okafor", None, "child")
    assert not rules.is_listed(members, "Ada Okafor", date(2015, 3, 27), "friend")


@pytest.mark.parametrize(
    ("typed", "postcode"),
    [("al99xx", "AL9 9XX"), (" sw1a 1aa ", "SW1A 1AA"), ("M1-1AE", "M1 1AE"), ("EC1A1BB", "EC1A 1BB"),
     ("gir 0aa", "GIR 0AA")],
)  # fmt: skip
def test_a_postcode_is_taken_however_it_is_typed(typed: str, postcode: str) -> None:
    assert fields.canonical_postcode(typed) == postcode


@pytest.mark.parametrize("typed", ["", "AL9", "12345", "AL9 9XXX", "A1B 2C3", "ＡＬ９９ＸＸ"])
def test_what_is_no_postcode_is_refused(typed: str) -> None:
    with pytest.raises(Wrong, match="full UK postcode"):
        fields.canonical_postcode(typed)


def test_a_baby_born_today_can_be_a_member_and_one_born_tomorrow_cannot() -> None:
    today = clock.london_date(clock.now())
    assert fields.members_birth_date(today) == today
    with pytest.raises(Wrong, match="today or in the past"):
        fields.members_birth_date(today + timedelta(days=1))
    with pytest.raises(Wrong, match="130 years"):
        fields.members_birth_date(date(today.year - 131, 1, 1))
