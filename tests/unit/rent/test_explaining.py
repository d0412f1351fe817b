"""Why the balance is what it is: one rule, one saying."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from portal.rent.calendar import Charge, RentYear
from portal.rent.explaining import Facts, OnItsWay, Posted, explained
from portal.rent.rules import balance_words, money, months

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
WEEK = timedelta(days=7)
YEAR = RentYear(date(2026, 4, 6), 52, (date(2026, 12, 21), date(2026, 12, 28), date(2027, 3, 22), date(2027, 3, 29)))
WEEKLY = Charge("weekly", 112_40, date(2026, 11, 30))


def line(on: date, pence: int, kind: str = "charge", words: str = "Rent", at: datetime | None = None) -> Posted:
    return Posted(on, at or datetime(on.year, on.month, on.day, 3, tzinfo=UTC), kind, words, pence)


def said(**facts: Any) -> dict[str, str]:
    lines = facts.pop("lines", ())
    balance = facts.pop("balance_pence", sum(i.amount_pence for i in lines))
    known = {"charge": WEEKLY, "years": [YEAR], "last_visit_at": None, "on_their_way": (), "at": NOW} | facts
    return {i.about: i.text for i in explained(Facts(balance, sorted(lines), **known))}


def weekly(count: int, last: date = date(2026, 11, 23)) -> list[Posted]:
    return [line(last - n * WEEK, 112_40) for n in range(count)]


@pytest.mark.parametrize(
    ("pence", "words"),
    [
        (123_45, "You owe £123.45"),
        (-20_00, "You are £20.00 in credit"),
        (0, "You owe nothing"),
        (1_234_50, "You owe £1,234.50"),
    ],
)
def test_a_balance_is_said_in_words_and_not_by_its_sign(pence: int, words: str) -> None:
    assert balance_words(pence) == words
    assert said(balance_pence=pence)["balance"].startswith(words)


def test_what_was_posted_since_the_last_visit_is_told_even_where_it_is_back_dated() -> None:
    visit = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
    lines = [
        line(date(2026, 11, 2), 112_40),
        line(date(2026, 10, 5), 30_00, at=visit + timedelta(days=1)),
        line(date(2026, 11, 16), 112_40),
        line(date(2026, 11, 18), -100_00, "payment", "Card"),
    ]
    text = said(lines=lines, last_visit_at=visit)["since"]
    assert "on Tuesday 10 November" in text
    assert "we charged £142.40 and £100.00 was paid" in text
    assert "that is £42.40 more to pay" in text
    assert said(lines=lines[:1], last_visit_at=visit)["since"].endswith("nothing was charged or paid.")
    assert said(lines=lines)["since"].startswith("In the last four weeks: we charged £224.80")


def test_money_that_came_back_is_told_apart_from_money_paid() -> None:
    lines = [
        line(TODAY, -50_00, "payment"),
        line(TODAY, 50_00, "payment", "Direct Debit unpaid"),
        line(TODAY, 7_00, "refund"),
    ]
    text = said(lines=lines)["since"]
    assert "£50.00 was paid" in text
    assert "£50.00 of payments came back unpaid" in text
    assert "we paid £7.00 back to you" in text


def test_a_pending_payment_is_told_and_not_to_be_paid_again() -> None:
    text = said(balance_pence=50_00, on_their_way=[OnItsWay(50_00, NOW, True)])["on_its_way"]
    assert "£50.00" in text
    assert "Do not pay it again" in text


def test_a_payment_page_that_was_opened_is_not_said_to_be_on_its_way() -> None:
    text = said(balance_pence=50_00, on_their_way=[OnItsWay(50_00, NOW, False)])["on_its_way"]
    assert text.startswith("You began a payment of £50.00 on Tuesday 24 November, and we do not know yet")
    assert "on its way" not in text
    assert "If you left the payment page before the end, no money was taken." in text


def test_what_is_owed_from_earlier_weeks_is_never_more_than_what_is_owed() -> None:
    taken_back = line(date(2026, 11, 24), -112_40, "charge", "Rent charged twice")
    found = said(lines=[*weekly(3), taken_back])
    assert found["arrears"].startswith("£112.40 of it is from earlier weeks"), "of £224.80, one week is this week's"
    for balance in (1, 50_00, 100_00):
        words = said(lines=[line(date(2026, 11, 16), -20_00)], balance_pence=balance)["arrears"]
        assert words.startswith(f"{money(balance)} of it")


def test_housing_benefit_is_expected_four_weeks_after_the_last_and_is_no_debt_till_then() -> None:
    lines = [*weekly(6), line(date(2026, 11, 2), -449_60, "benefit", "Housing Benefit")]
    found = said(lines=lines)
    assert "Housing Benefit last paid £449.60, on Monday 2 November" in found["expected"]
    assert "expect the next about Monday 30 November" in found["expected"]
    assert "arrears" not in found


def test_universal_credit_is_expected_a_month_after_and_missed_when_it_does_not_come() -> None:
    paid = line(date(2026, 11, 12), -449_60, "benefit", "Universal Credit, paid to landlord")
    assert "about Saturday 12 December" in said(lines=[*weekly(6), paid])["expected"]
    late = paid._replace(posted_on=date(2026, 10, 12))
    assert "it has not come" in said(lines=[*weekly(6), late])["expected"]
    assert "expected" not in said(lines=[*weekly(6), paid._replace(posted_on=date(2026, 6, 12))])


def test_who_pays_monthly_is_told_that_owing_a_months_rent_in_between_is_expected() -> None:
    paid = [line(date(2026, n, 3), -449_60, "payment", "Direct Debit") for n in (8, 9, 10, 11)]
    found = said(lines=[*weekly(20), *paid], balance_pence=449_60)
    assert "You pay by the month" in found["in_between"]
    assert "expected" in found["in_between"]
    assert "arrears" not in found
    more = said(lines=[*weekly(20), *paid], balance_pence=600_00)
    assert "You owe £38.00 more than that" in more["arrears"]
    assert "talk to us" in more["arrears"]
    assert "in_between" not in said(lines=[*weekly(20), *paid[:2]], balance_pence=449_60)


def test_what_is_owed_from_earlier_weeks_is_said_kindly_and_this_weeks_rent_is_not_arrears() -> None:
    found = said(lines=weekly(3), balance_pence=196_60)
    assert found["arrears"].startswith("£84.20 of it is from earlier weeks. If that is hard to pay, talk to us")
    assert "arrears" not in said(lines=weekly(1))


def test_the_next_charge_is_named_and_said_to_be_worked_out_where_it_is() -> None:
    assert said()["next"] == "The next charge is £112.40, on Monday 30 November."
    assert said(charge=WEEKLY._replace(inferred=True))["next"].endswith("We worked this out from your past charges.")
    assert "next" not in said(charge=None, years=())


def test_rent_free_weeks_are_told_five_weeks_ahead_and_who_owes_is_asked_to_go_on() -> None:
    found = said(at=NOW + 2 * WEEK, balance_pence=50_00)["free_weeks"]
    assert found.startswith("The weeks that begin on Monday 21 December and Monday 28 December have no rent.")
    assert "keep paying" in found
    assert "keep paying" not in said(at=NOW + 2 * WEEK, balance_pence=0)["free_weeks"]
    assert "free_weeks" not in said(at=NOW - 2 * WEEK)


def test_the_53rd_week_is_told_with_what_to_put_aside() -> None:
    year = RentYear(date(2030, 4, 1), 53)
    found = said(at=datetime(2030, 9, 2, tzinfo=UTC), charge=Charge("weekly", 112_40, date(2030, 9, 9)), years=[year])
    assert "53 weeks" in found["long_year"]
    assert "£112.40" in found["long_year"]
    assert "Monday 31 March 2031" in found["long_year"]
    assert "put £18.74 a month aside" in found["long_year"]


@pytest.mark.parametrize("word", ["invalid", "error", "please note", "simply", "failure to", "court", "evict", "must"])
def test_no_saying_threatens_or_blames(word: str) -> None:
    lines = [*weekly(30), line(date(2026, 10, 1), -1, "payment")]
    for text in said(lines=lines, on_their_way=[OnItsWay(1, NOW, with_bank) for with_bank in (True, False)]).values():
        assert word not in text.lower()


def test_the_months_end_with_the_balance_and_each_follows_from_the_one_before() -> None:
    amounts = [(date(2025, 12, 1) + n * WEEK, 100_00 if n % 5 else -400_00) for n in range(51)]
    balance = sum(pence for _, pence in amounts)
    found = months(balance, amounts, TODAY)
    assert [found[0].ends_on, found[-1].ends_on, len(found)] == [date(2025, 12, 31), TODAY, 12]
    assert found[-1].balance_pence == balance
    for before, after in pairwise(found):
        assert after.balance_pence == before.balance_pence + after.charged_pence - after.paid_pence
    assert len(months(100, [(date(2026, 10, 5), 100)], TODAY)) == 2
    assert money(-5) == "£0.05"
