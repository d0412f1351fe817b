"""What a tenant and other domains ask of rent accounts."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from portal import clock, ids, store
from portal.failures import BadInput, FieldError, NotFound
from portal.rent import calendar, rules
from portal.rent import store as rent
from portal.rent.calendar import Charge, ExtraCharge, Period, RentYear, ToPay
from portal.rent.explaining import Facts, OnItsWay, Posted, Said, explained, long_year_words
from portal.rent.store import AccountItem, LineItem, PostedItem, posting

__all__ = [
    "AccountItem",
    "Explanation",
    "Line",
    "OnItsWay",
    "Page",
    "RentPlan",
    "RentYearPlan",
    "Statement",
    "accounts_of",
    "agrees",
    "explanation",
    "id_of",
    "key_of",
    "listed",
    "page",
    "posting",
    "rent_account_id",
    "rent_plan",
    "statement",
    "transaction_id",
]

PAGE = 25
LONGEST_STATEMENT = timedelta(days=3660)
MOST_LINES = 2000
_LOOKED_THROUGH = 100
_RECENT = timedelta(days=400)
# A page is read again while postings come between its reads; a nightly import is over well before this many.
_READS = 6


class Line(NamedTuple):
    """A transaction, and the balance after it in (posted_on, transaction_id) order. Amounts in pence."""

    transaction_id: str
    posted_on: date
    kind: str
    description: str
    amount_pence: int
    balance_pence: int


class Page(NamedTuple):
    """Some lines, newest first, and where to go on below, None where there are no more."""

    lines: Sequence[Line]
    cursor: str | None


def rent_account_id(reference: str) -> str:
    """The id of the rent account that the landlord knows by that reference."""
    return ids.derived_id("rent account", reference)


def transaction_id(reference: str) -> str:
    """The id of the transaction that the landlord knows by that reference."""
    return ids.derived_id("transaction", reference)


def key_of(tenancy_id: str, rent_account_id: str) -> store.Key:
    """Where the tenancy's rent account is, to be read in the same call as the session."""
    return rent.account_key(tenancy_id, rent_account_id)


def accounts_of(tenancy_id: str, at: datetime) -> Sequence[AccountItem]:
    """The tenancy's rent accounts: the home first, then by kind and name."""
    order = {kind: i for i, kind in enumerate(rules.KINDS_OF_ACCOUNT)}
    return sorted(rent.accounts_of(tenancy_id, at), key=lambda a: (order.get(a.kind, 9), a.name, a.sk))


def id_of(account: AccountItem) -> str:
    """The rent account's id."""
    return account.sk.removeprefix(AccountItem.range_prefix)


def page(
    account: AccountItem | None,
    cursor: str | None,
    at: datetime,
    *,
    kind: str | None = None,
    since: date | None = None,
    until: date | None = None,
) -> Page:
    """A page of the account's lines, each with the balance after it, of one `kind` and some days if that is asked.

    `account` is what was just read; `cursor` what the page before gave. It holds the balance there and how often the
    account had been posted to: while that is as it was no line above need be read, however long the history. A page
    of one kind looks through a hundred lines at most, so it may be short, or empty, and still have another below it.

    Raises:
        NotFound: there is no such account.
        BadInput: `cursor` is none of ours, or the days are the wrong way round.
    """
    if account is None:
        raise NotFound
    _check_days(since, until)
    place = _place(cursor) if cursor is not None else _Place(f"{until}~" if until else None)
    account_id, size = id_of(account), PAGE if kind is None else _LOOKED_THROUGH

    def read(account: AccountItem) -> tuple[Sequence[LineItem], int]:
        lines = rent.lines_down(account_id, at, below=place.below, since=since, limit=size + 1)
        return lines, _balance_at(account, place, lines)

    account, (lines, balance) = _steady(account, read, at)
    shown: list[Line] = []
    for line in lines[:size]:
        place = _Place(_key(line), balance - line.amount_pence, int(account.postings))
        if kind in {None, line.kind}:
            shown.append(_line(line, balance))
        balance -= line.amount_pence
        if len(shown) == PAGE:
            break
    return Page(shown, str(place) if lines and place.below != _key(lines[-1]) else None)


class _Place(NamedTuple):
    """Where a page begins: below that key, where the balance was so much when so many lines had been posted."""

    below: str | None
    balance_pence: int = 0
    postings: int = -1

    def __str__(self) -> str:
        return f"{self.below}/{self.balance_pence}/{self.postings}"


_PLACE = re.compile(r"(\d{4}-\d\d-\d\d#[0-9a-hjkmnp-tv-z]{26})/(-?\d{1,15})/(\d{1,9})", re.ASCII)


def _place(cursor: str) -> _Place:
    found = _PLACE.fullmatch(cursor)
    if found is None:
        raise BadInput(errors=[FieldError("cursor", "Use the next_cursor of the page before, as it is")])
    return _Place(found[1], int(found[2]), int(found[3]))


def _balance_at(account: AccountItem, place: _Place, lines: Sequence[LineItem]) -> int:
    """The balance after the first of `lines`."""
    if place.below is None or not lines:
        return int(account.balance_pence)
    if place.postings == account.postings:
        return place.balance_pence
    return int(account.balance_pence) - rent.sum_above(id_of(account), _key(lines[0]))


def _steady[T](account: AccountItem, read: Callable[[AccountItem], T], at: datetime) -> tuple[AccountItem, T]:
    """What `read` finds of the account's lines, and the account as it was all the while: else both are read again."""
    for _ in range(_READS):
        found = read(account)
        (now,) = store.fetch([AccountItem.key(account.pk, account.sk)], at)
        if now.postings == account.postings:
            return account, found
        account = now
    raise store.Unavailable


def _check_days(since: date | None, until: date | None) -> None:
    if since and until and until < since:
        raise BadInput(errors=[FieldError("to", "The last day must be the first day or later")])


# ---- statements


class Statement(NamedTuple):
    """All lines of some days, the oldest first, and the balance before and after them. Amounts in pence."""

    reference: str
    name: str
    since: date
    until: date
    opening_pence: int
    lines: Sequence[Line]
    closing_pence: int
    made_at: datetime


def statement(account: AccountItem | None, since: date | None, until: date | None, at: datetime) -> Statement:
    """The account's statement from the day `since` to the day `until`, both of them in it.

    Where they are not named, it is up to today and the three months before the last day.

    Raises:
        NotFound: there is no such account.
        BadInput: the days are the wrong way round, too far apart, or hold more lines than a statement may have.
    """
    if account is None:
        raise NotFound
    until = until or clock.london_date(at)
    since = since or calendar.months_before(until, 3)
    _check_days(since, until)
    too_long = BadInput(errors=[FieldError("from", "Choose ten years or less. For longer, ask for two statements")])
    if until - since > LONGEST_STATEMENT:
        raise too_long

    def read(account: AccountItem) -> tuple[Sequence[LineItem], int]:
        lines = rent.lines_down(id_of(account), at, below=f"{until}~", since=since, limit=MOST_LINES + 1)
        return lines, int(account.balance_pence) - rent.sum_above(id_of(account), f"{until}~")

    account, (lines, closing) = _steady(account, read, at)
    if len(lines) > MOST_LINES:
        raise too_long
    balances = rules.balances_down(closing, (line.amount_pence for line in lines))
    shown = [_line(line, after) for line, after in zip(lines, balances, strict=True)][::-1]
    opening = closing - sum(line.amount_pence for line in shown)
    return Statement(account.reference, account.name, since, until, opening, shown, closing, at)


# ---- the rent year, and why the balance is what it is


class RentYearPlan(NamedTuple):
    """The rent year that goes on: its periods, and what to pay. Amounts in pence."""

    year: RentYear
    periods: Sequence[Period]
    total_pence: int
    for_the_year: Sequence[ToPay]
    from_today: Sequence[ToPay]
    universal_credit_pence: int
    extra_charge: ExtraCharge | None
    extra_words: str


class RentPlan(NamedTuple):
    """What an account is charged and when: nothing where neither a file nor the posted charges say it."""

    name: str
    balance_pence: int
    charge: Charge | None
    next_charge_on: date | None
    year: RentYearPlan | None
    all_periods: Sequence[Period]


def rent_plan(account: AccountItem | None, ended: bool, at: datetime) -> RentPlan:
    """What the account is charged, and its rent year; what no file says is inferred from posted charges and marked so.

    Raises NotFound where there is no such account. Nothing more is charged on a tenancy that has `ended`.
    """
    if account is None:
        raise NotFound
    charge, years = _charged(account, _recent(account, at), ended, at)
    today = clock.london_date(at)
    year = calendar.year_of(years, today)
    due = calendar.next_charge(charge, years, today) if charge else None
    return RentPlan(
        account.name,
        int(account.balance_pence),
        charge,
        due.charged_on if due else None,
        _year_plan(int(account.balance_pence), charge, year, years, today) if charge and year else None,
        [period for of in sorted(years) for period in calendar.periods(charge, of)] if charge else [],
    )


def _year_plan(
    balance_pence: int, charge: Charge, year: RentYear, years: Sequence[RentYear], today: date
) -> RentYearPlan:
    extra = calendar.extra_charge(charge, years, today)
    return RentYearPlan(
        year,
        calendar.periods(charge, year),
        calendar.total_pence(charge, year),
        calendar.for_the_year(charge, year),
        calendar.from_today(balance_pence, charge, year, today),
        calendar.universal_credit_pence(charge, len(year.free_weeks)),
        extra,
        long_year_words(charge, extra, today) if extra else "",
    )


class Explanation(NamedTuple):
    """Why the balance is what it is, in sentences, and how it went month by month."""

    account: AccountItem
    said: Sequence[Said]
    months: Sequence[rules.Month]
    charge: Charge | None


def explanation(
    account: AccountItem | None,
    last_visit_at: datetime | None,
    on_their_way: Sequence[OnItsWay],
    ended: bool,
    at: datetime,
) -> Explanation:
    """What there is to say of the balance at `at` to whoever looked at it last at `last_visit_at`; raises NotFound."""
    if account is None:
        raise NotFound
    account, lines = _steady(account, lambda account: _recent(account, at), at)
    charge, years = _charged(account, lines, ended, at)
    posted = [Posted(i.posted_on, i.posted_at, i.kind, i.description, i.amount_pence) for i in lines]
    balance = int(account.balance_pence)
    facts = Facts(balance, posted, charge, years, last_visit_at, on_their_way, at)
    amounts = [(line.posted_on, int(line.amount_pence)) for line in lines]
    return Explanation(account, explained(facts), rules.months(balance, amounts, facts.today), charge)


def _recent(account: AccountItem, at: datetime) -> Sequence[LineItem]:
    """The lines of the last thirteen months, the oldest first."""
    return rent.lines_down(id_of(account), at, since=clock.london_date(at) - _RECENT)[::-1]


def _charged(
    account: AccountItem, lines: Sequence[LineItem], ended: bool, at: datetime
) -> tuple[Charge | None, Sequence[RentYear]]:
    """What is charged, and the rent years of today and later."""
    today = clock.london_date(at)
    charges = [(line.posted_on, int(line.amount_pence)) for line in lines if line.kind == "charge"]
    charge = None if ended else _charge(account, charges, today)
    if charge is None:
        return None, ()
    years = [
        RentYear(
            date.fromisoformat(item.sk.removeprefix(item.range_prefix)),
            int(item.charged_weeks) + len(item.free_weeks),
            tuple(map(date.fromisoformat, item.free_weeks)),
        )
        for item in rent.years_of(account.kind, at)
    ]
    if calendar.year_of(years, today) is None:
        days = [day for day, _ in charges]
        this = calendar.inferred_year(charge, days, today)
        years += [this, calendar.inferred_year(charge, days, this.ends_on + timedelta(days=1))]
    return charge, [year for year in years if year.ends_on >= today]


def _charge(account: AccountItem, charges: Sequence[tuple[date, int]], today: date) -> Charge | None:
    told = (account.charge_frequency, account.charge_pence, account.next_charge_on)
    if None not in told:
        return Charge(*told)
    seen = calendar.inferred_charge(charges, today)
    return Charge(told[0] or seen.frequency, told[1] or seen.pence, told[2] or seen.next_on, True) if seen else None


def agrees(posted: dict[str, Any] | None, rent_account_id: str, amount_pence: int) -> bool:
    """Whether what refused a posting (the stored POSTED item) is the same money on the same account."""
    if posted is None:
        return False
    stored = PostedItem.from_raw_data(posted)
    return (stored.rent_account_id, stored.amount_pence) == (rent_account_id, amount_pence)


def listed(transaction_ids: Sequence[str], at: datetime) -> list[bool]:
    """Of each transaction, whether the housing system has listed it."""
    found = rent.stored([rent.posted_key(transaction_id) for transaction_id in transaction_ids], at)
    return [posted is not None and posted.listed_at is not None for posted in found]


def _key(line: LineItem) -> str:
    return line.sk.removeprefix(LineItem.range_prefix)


def _line(line: LineItem, balance_pence: int) -> Line:
    return Line(line.transaction_id, line.posted_on, line.kind, line.description, line.amount_pence, balance_pence)
