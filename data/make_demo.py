"""The files of the demo landlord, Larkfield Homes of Aldermere: everybody and everything in them is invented.

    python -m data.make_demo --out DIR [--today YYYY-MM-DD]     writes a drop's CSV files into DIR
    python -m data.make_demo --who [--today YYYY-MM-DD]         prints who can register, and with what

`registrable(today)` gives the same list to other code. The files are the same for the same day. What is posted on a
day is worked out from that day alone, so files made on a later day hold new lines and change none. Numbers are from
07700 900000 to 900999, which are set aside for drama; addresses end in domains set aside for examples.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

TOWN = "Aldermere"
RISE_PER_THOUSAND = 27
FIRST_RENT_YEAR = 2015
WEEK = timedelta(days=7)

COLUMNS = {
    "tenancies": (
        "tenancy_reference", "start_date", "end_date", "address_line_1", "address_line_2", "town", "postcode",
    ),
    "people": (
        "tenancy_reference", "person_reference", "title", "first_name", "last_name", "date_of_birth", "email", "mobile",
    ),
    "rent_accounts": (
        "rent_account_reference", "tenancy_reference", "kind", "name", "payment_reference", "charge_amount",
        "charge_frequency", "next_charge_on",
    ),
    "rent_years": ("rent_account_kind", "year_start", "charged_weeks", "free_weeks"),
    "transactions": (
        "transaction_reference", "rent_account_reference", "posted_on", "kind", "description", "amount",
    ),
    "repairs": (
        "repair_reference", "tenancy_reference", "reported_on", "description", "priority", "status", "completed_on",
    ),
    "repair_events": ("repair_reference", "at", "event", "note"),
    "hazard_summaries": ("repair_reference", "sent_at", "hazard", "action", "start_by", "finish_by", "text"),
    "slots": ("trade", "date", "period", "capacity"),
}  # fmt: skip


class Person(NamedTuple):
    """Somebody on a tenancy."""

    reference: str
    title: str
    first_name: str
    last_name: str
    date_of_birth: str
    email: str = ""
    mobile: str = ""


class Line(NamedTuple):
    """A transaction; `amount_pence` positive adds to what is owed."""

    reference: str
    posted_on: date
    kind: str
    description: str
    amount_pence: int


@dataclass
class Account:
    """A rent account: what is charged (pence in the rent year from April 2026), how often, and how it is paid."""

    kind: str
    name: str
    charge_pence: int
    paid: Callable[["Account", str, date, date], Iterator[Line]]
    frequency: str = "weekly"
    years: int = 0


@dataclass
class Tenancy:
    """An agreement. Dates may be days before or after today."""

    address: str
    postcode: str
    people: Sequence[Person]
    accounts: Sequence[Account]
    start: date | int = date(2018, 4, 2)
    end: date | int | None = None
    story: str = ""
    line_2: str = ""
    reference: str = field(default="", init=False)


class Registrable(NamedTuple):
    """What somebody types to register, and what is to be seen then."""

    email: str
    mobile: str
    tenancy_reference: str
    date_of_birth: str
    description: str


# ---- the calendar


def rent_year_start(year: int) -> date:
    """The first Monday of April."""
    first = date(year, 4, 1)
    return first + timedelta(days=-first.weekday() % 7)


def rent_year_of(day: date) -> int:
    """The year in which the rent year of `day` began."""
    return day.year if day >= rent_year_start(day.year) else day.year - 1


def free_weeks(year: int) -> list[date]:
    """The Mondays without rent of homes: two at Christmas and the last two of the rent year."""
    christmas = date(year, 12, 25)
    monday = christmas - timedelta(days=christmas.weekday())
    end = rent_year_start(year + 1)
    return [monday, monday + WEEK, end - 2 * WEEK, end - WEEK]


def mondays(first: date, last: date) -> Iterator[date]:
    """Every Monday from `first` to `last`."""
    day = first + timedelta(days=-first.weekday() % 7)
    while day <= last:
        yield day
        day += WEEK


def days_of_month(number: int, first: date, last: date) -> Iterator[date]:
    """That day of each month from `first` to `last`."""
    day = date(first.year, first.month, number)
    while day <= last:
        if day >= first:
            yield day
        day = date(day.year + day.month // 12, day.month % 12 + 1, number)


def fourth_mondays(first: date, last: date) -> Iterator[date]:
    """Every fourth Monday, the same ones whenever one looks."""
    return (day for day in mondays(first, last) if day.toordinal() // 7 % 4 == 1)


def charge_on(account: Account, day: date) -> int:
    """What the account is charged for its period that begins on `day`, after each April's rise, in pence."""
    amount = account.charge_pence
    for _ in range(rent_year_of(day), 2026):
        amount = amount * 1000 // (1000 + RISE_PER_THOUSAND)
    for _ in range(2026, rent_year_of(day)):
        amount = amount * (1000 + RISE_PER_THOUSAND) // 1000
    return amount


def charge_days(account: Account, first: date, last: date) -> Iterator[date]:
    """The days on which the account is charged."""
    if account.frequency == "monthly":
        yield from days_of_month(1, first, last)
    elif account.frequency == "four_weekly":
        yield from fourth_mondays(first, last)
    else:
        for day in mondays(first, last):
            if account.kind != "home" or day not in free_weeks(rent_year_of(day)):
                yield day


# ---- what is charged, paid

NAMES_OF_CHARGES = {"home": "Rent and service charge", "garage": "Garage rent"}


def charges(account: Account, reference: str, first: date, last: date) -> Iterator[Line]:
    """The account's charges."""
    for day in charge_days(account, first, last):
        yield Line(f"{reference}-{day:%y%m%d}C", day, "charge", NAMES_OF_CHARGES[account.kind], charge_on(account, day))


def nothing(_account: Account, _reference: str, _first: date, _last: date) -> Iterator[Line]:
    """Nobody has paid yet."""
    return iter(())


def monthly(
    more_pence: int = 0, words: str = "Direct Debit", kind: str = "payment", day: int = 3
) -> Callable[..., Iterator[Line]]:
    """A twelfth of the year's charges each month, and `more_pence` on top."""

    def lines(account: Account, reference: str, first: date, last: date) -> Iterator[Line]:
        for on in days_of_month(day, first, last):
            year = {"monthly": 12, "four_weekly": 13}.get(account.frequency, 48 if account.kind == "home" else 52)
            amount = -(-charge_on(account, on) * year // 12) + more_pence
            yield Line(f"{reference}-{on:%y%m%d}{kind[0].upper()}", on, kind, words, -amount)

    return lines


def weekly(words: str = "Card payment by phone", miss: int = 0, less_pence: int = 0) -> Callable[..., Iterator[Line]]:
    """The charge each Friday, but for one week in every `miss`, less `less_pence`."""

    def lines(account: Account, reference: str, first: date, last: date) -> Iterator[Line]:
        for monday in charge_days(account, first, last):
            on = monday + timedelta(days=4)
            if on <= last and not (miss and monday.toordinal() // 7 % miss == 0):
                amount = charge_on(account, monday) - less_pence
                yield Line(f"{reference}-{on:%y%m%d}P", on, "payment", words, -amount)

    return lines


def housing_benefit(per_thousand: int = 1000) -> Callable[..., Iterator[Line]]:
    """Housing Benefit every four weeks in arrears, for all that was charged in them or a part of it."""

    def lines(account: Account, reference: str, first: date, last: date) -> Iterator[Line]:
        for on in fourth_mondays(first, last):
            if on - 4 * WEEK < first:
                continue
            charged = charge_days(account, on - 4 * WEEK, on - timedelta(days=1))
            amount = sum(charge_on(account, day) for day in charged) * per_thousand // 1000
            if amount:
                yield Line(f"{reference}-{on:%y%m%d}B", on, "benefit", "Housing Benefit", -amount)

    return lines


def both(*ways: Callable[..., Iterator[Line]]) -> Callable[..., Iterator[Line]]:
    """Paid in several ways."""
    return lambda *about: (line for way in ways for line in way(*about))


def instalments(first_charge: str, pence: int, each_pence: int) -> Callable[..., Iterator[Line]]:
    """One charge in the first month, then that much on the 20th of each month until it is paid."""

    def lines(_account: Account, reference: str, first: date, last: date) -> Iterator[Line]:
        yield Line(f"{reference}-{first:%y%m%d}C", first, "charge", first_charge, pence)
        left = pence
        for on in days_of_month(20, first, last):
            amount = min(left, each_pence)
            if amount > 0:
                yield Line(f"{reference}-{on:%y%m%d}P", on, "payment", "Bank transfer", -amount)
            left -= amount

    return lines


# ---- the tenancies


def home(pence: int, paid: Callable[..., Iterator[Line]], frequency: str = "weekly", years: int = 0) -> Account:
    """A home's account."""
    return Account("home", "Rent", pence, paid, frequency, years)


def garage(number: int, paid: Callable[..., Iterator[Line]]) -> Account:
    """A garage's account."""
    return Account("garage", f"Garage {number}", 1245, paid)


RECHARGE = instalments("Lost keys: lock changed", 96_50, 20_00)
COURT = instalments("Court costs awarded", 355_00, 25_00)

_AMARA = Person("LP30001", "Ms", "Amara", "Okafor", "1990-03-27", "amara.okafor@example.com", "07700 900123")
_PRIYA = Person("LP30006", "Dr", "Priya", "Raman", "1984-06-12", "priya.raman@example.org", "07700900106")


def special_tenancies() -> list[Tenancy]:
    """One of each kind that there is."""
    return [
        Tenancy("12 Curlew Walk", "AM4 2QX", [_AMARA], [home(112_40, monthly(5_00), years=2)], date(2019, 6, 3),
            story="two years of weekly rent by Direct Debit, a 48-week rent year"),
        Tenancy("14 Curlew Walk", "AM4 2QX", [
            Person("LP30002", "Mr", "Declan", "O'Rourke", "1979-11-02", "declan.orourke@example.com", "07700 900102"),
            Person("LP30003", "Mrs", "Siân", "O'Rourke-Pugh", "1981-01-30", "sian.pugh@example.net", "+44 7700 900103"),
        ], [home(118_75, weekly(), years=2)], date(2016, 9, 5), story="joint tenants, each with their own login"),
        Tenancy("Flat 3, Kiln House", "AM1 6QB", [
            Person("LP30004", "Mr", "Tomasz", "Wójcik", "1995-08-19", "tomasz.wojcik@example.com", "07700 900104"),
            Person("LP30005", "Ms", "Zofia", "Wójcik", "1996-02-29", "zofia.wojcik@example.com", "07700 900105"),
            Person("LP30007", "Ms", "Ewa", "Nowak", "1969-07-07", "ewa.nowak@example.org", "07700 900107"),
        ], [home(104_20, both(housing_benefit(600), weekly("PayPoint", less_pence=62_52)))], date(2021, 3, 1),
            line_2="Old Kiln Road", story="three joint tenants, Housing Benefit pays a part"),
        Tenancy("8 Heron Rise", "AM2 4QH", [_PRIYA], [home(131_60, monthly(words="Standing order"))],
            date(2020, 2, 3), story="two tenancies: this home and a garage let on its own"),
        Tenancy("Garage 7, Heron Rise", "AM2 4QH", [_PRIYA], [garage(7, weekly("Card payment by phone"))],
            date(2022, 5, 2)),
        Tenancy("21 Old Kiln Road", "AM1 6QC", [
            Person("LP30008", "Mr", "Winston", "Achebe", "1958-12-24", "winston.achebe@example.com", "07700 900108"),
        ], [home(109_15, weekly("PayPoint", miss=8), years=2), Account("recharges", "Recharges", 0, RECHARGE),
            Account("court_costs", "Court costs", 0, COURT), garage(12, weekly(miss=3))], date(2014, 7, 7),
            story="in arrears, with four rent accounts: home, garage, recharges and court costs"),
        Tenancy("5 Weavers Row", "AM3 1QD", [
            Person("LP30009", "Mrs", "Margaret", "Fairweather", "1941-05-08", "margaret.f@example.org", "07700 900109"),
        ], [home(96_80, housing_benefit())], date(2003, 4, 7), story="Housing Benefit pays it all, four-weekly"),
        Tenancy("9 Weavers Row", "AM3 1QD", [
            Person("LP30010", "Mx", "Rowan", "Ellery", "1999-10-10", "rowan.ellery@example.com", "07700 900110"),
        ], [home(498_00, monthly(day=5), "monthly")], date(2023, 9, 1), story="charged and paid by the month"),
        Tenancy("11 Weavers Row", "AM3 1QD", [
            Person("LP30011", "Ms", "Fatuma", "Abdi", "1987-04-15", "f.abdi@example.net", "07700 900111"),
        ], [home(432_00, weekly("Standing order"), "four_weekly")], date(2022, 11, 7), story="charged four-weekly"),
        Tenancy("2 Mill Pound", "AM5 3QJ", [
            Person("LP30012", "Mr", "George", "Whitlock", "1950-02-14", "george.whitlock@example.com", "07700 900112"),
        ], [home(92_35, monthly(12_00), years=10)], date(2009, 6, 1), story="ten years of history, well in credit"),
        Tenancy("4 Mill Pound", "AM5 3QJ", [
            Person("LP30013", "Ms", "Chloe", "Bannister", "2001-09-03", "chloe.bannister@example.com", "07700 900113"),
        ], [home(115_90, nothing)], -3, story="brand new: moved in three days ago"),
        Tenancy("6 Mill Pound", "AM5 3QJ", [
            Person("LP30014", "Mr", "Idris", "Mbeki", "1993-03-03", "idris.mbeki@example.org", "07700 900114"),
        ], [home(115_90, nothing)], 12, story="starts in twelve days"),
        Tenancy("17 Tanyard Street", "AM1 2QF", [
            Person("LP30015", "Mrs", "Joyce", "Lindqvist", "1962-08-22", "joyce.lindqvist@example.com", "07700 900115"),
        ], [home(108_00, weekly(miss=6))], date(2011, 10, 3), -60, story="ended two months ago: sees, cannot register"),
        Tenancy("19 Tanyard Street", "AM1 2QF", [
            Person("LP30016", "Mr", "Peter", "Lindqvist", "1960-01-05", "peter.lindqvist@example.com", "07700 900116"),
        ], [home(108_00, nothing)], date(2008, 3, 3), -430),
        Tenancy("23 Tanyard Street", "AM1 2QF", [
            Person("LP30017", "Miss", "Edith", "Cholmondeley-Featherstonehaugh", "1938-11-11"),
        ], [home(99_10, housing_benefit())], date(1999, 1, 4)),
        Tenancy("25 Tanyard Street", "AM1 2QF", [
            Person("LP30018", "Mr", "José Ángel", "Núñez Íñiguez", "1975-06-30", "nunez@example.com", "07700 900118"),
            Person("LP30019", "Mrs", "María", "Núñez Íñiguez", "1977-12-12", "nunez@example.com", "07700 900119"),
        ], [home(121_30, monthly(day=28, words="Direct Debit"))], date(2017, 8, 7),
            story="two people who share one email address"),
        Tenancy("Flat 11, Cooper's Court", "AM2 9QL", [
            Person("LP30020", "Ms", "Nguyễn Thị", "Ánh", "1989-02-17", "anh.nguyen@example.net", "07700 900120"),
        ], [home(101_45, monthly(kind="benefit", words="Universal Credit, paid to landlord", day=12), years=1)],
            date(2021, 6, 7), line_2="Cooper's Yard", story="Universal Credit is paid to the landlord"),
        Tenancy("Flat 12, Cooper's Court", "AM2 9QL", [
            Person("LP30021", "Mr", "محمد", "الأحمد", "1991-09-09", "m.alahmad@example.org", "07700 900121"),
            Person("LP30022", "Ms", "李", "明", "1994-04-04", "li.ming@example.org", "07700 900122"),
        ], [home(101_45, weekly("Card payment by phone", less_pence=1_45))], date(2024, 1, 8), line_2="Cooper's Yard",
            story="names in other scripts"),
    ]  # fmt: skip


_FIRST = (
    "Alice", "Bilal", "Carys", "Dmitri", "Esther", "Farah", "Gareth", "Hannah", "Ivan", "Jasmine", "Kwame", "Leila",
    "Marek", "Niamh", "Oluwaseun", "Petra", "Quentin", "Rosalind", "Stefan", "Tamsin", "Umar", "Violet", "Wendell",
    "Ximena", "Yusuf", "Zainab", "Åsa", "Björn",
)  # fmt: skip
_LAST = (
    "Ashworth", "Baptiste", "Cartwright", "D'Souza", "Eriksen", "Fofanah", "Goldberg", "Hargreaves", "Iqbal",
    "Jankowski", "Kaur", "Lovell", "MacAskill", "Nakamura", "Osei", "Papadopoulos", "Quaye", "Rahman", "Strand",
    "Tembo", "Underhill", "Venkatesan", "Warburton", "Xu", "Yeboah", "Zielińska", "Le Fèvre", "van der Berg",
)  # fmt: skip
_STREETS = (
    ("Osier Lane", "AM6 1Q"), ("Saltpan Road", "AM6 2Q"), ("Priory Gardens", "AM7 1Q"), ("Ropewalk Close", "AM7 4Q"),
)  # fmt: skip


def ordinary_tenancies() -> list[Tenancy]:
    """The neighbours."""
    found = []
    ways = (
        monthly(),
        weekly(),
        weekly("PayPoint", miss=5),
        housing_benefit(),
        weekly("Standing order", less_pence=-12_00),
    )
    for n, (first, last) in enumerate(zip(_FIRST, _LAST, strict=True)):
        street, area = _STREETS[n % len(_STREETS)]
        email = f"{first}.{last}".lower().replace(" ", "").replace("'", "")
        email = email.translate(str.maketrans("åöńè", "aone")) + f"@example.{('com', 'org', 'net')[n % 3]}"
        born = date(1948 + n * 2, n % 12 + 1, n + 1)
        person = Person(
            f"LP{31001 + n}", ("Ms", "Mr", "Mrs")[n % 3], first, last, born.isoformat(), email, f"07700 900{200 + n}"
        )
        accounts = [home(89_00 + n * 1_55, ways[n % len(ways)])]
        if n % 9 == 4:
            accounts.append(garage(20 + n, weekly()))
        found.append(
            Tenancy(f"{3 + 4 * n} {street}", f"{area}{chr(65 + n % 20)}", [person], accounts, date(2006 + n % 18, 5, 4))
        )
    return found


def tenancies() -> list[Tenancy]:
    """Every tenancy of the landlord, numbered."""
    found = [*special_tenancies(), *ordinary_tenancies()]
    for number, tenancy in enumerate(found, start=20001):
        tenancy.reference = f"LH{number}"
    return found


# ---- the files


def starts_on(tenancy: Tenancy, today: date) -> date:
    """The tenancy's first day."""
    return today + timedelta(days=tenancy.start) if isinstance(tenancy.start, int) else tenancy.start


def ends_on(tenancy: Tenancy, today: date) -> date | None:
    """The tenancy's last day."""
    return today + timedelta(days=tenancy.end) if isinstance(tenancy.end, int) else tenancy.end


def history_begins(account: Account, tenancy: Tenancy, today: date) -> date:
    """The first day that the files tell of: years back for some, else the quarter that was on twelve weeks ago."""
    if account.years:
        begins = rent_year_start(rent_year_of(today) - account.years)
    else:
        past = today - 12 * WEEK
        begins = date(past.year, (past.month - 1) // 3 * 3 + 1, 1)
    if account.kind in {"recharges", "court_costs"}:
        begins = rent_year_start(rent_year_of(today - 12 * WEEK))
    # On the grid of four weeks, so that benefit paid in arrears pays for what is told of and nothing else.
    begins = next(fourth_mondays(begins, begins + 5 * WEEK))
    return max(begins, starts_on(tenancy, today))


def next_charge(account: Account, today: date) -> date:
    """When the account is charged next."""
    return next(charge_days(account, today + timedelta(days=1), today + timedelta(days=90)))


_WORK = (
    ("Kitchen tap drips", "routine"), ("Boiler gives no hot water", "urgent"), ("Hall light does not work", "routine"),
    ("Gutter over the back door leaks", "routine"), ("Front door lock is stiff", "urgent"),
    ("Toilet does not flush", "emergency"), ("Extractor fan in the bathroom is noisy", "routine"),
    ("Mould on the bedroom wall", "urgent"),
)  # fmt: skip


Repair = tuple[str, str, date, str, str, str, date | None]


def repairs(tenancy: Tenancy, today: date) -> Iterator[Repair]:
    """Repairs of the last fourteen months, as far on as their age lets one expect."""
    number = int(tenancy.reference[2:])
    start, end = starts_on(tenancy, today), ends_on(tenancy, today) or today
    for first in days_of_month(1, today.replace(day=1, year=today.year - 1) - timedelta(days=62), today):
        pick = (number * 7 + first.year * 12 + first.month) % 11
        reported = first + timedelta(days=(number * 3 + first.month) % 27)
        if pick or not start <= reported <= min(end, today - timedelta(days=1)):
            continue
        words, priority = _WORK[(number + first.month) % len(_WORK)]
        done = reported + timedelta(days={"emergency": 1, "urgent": 5, "routine": 17}[priority])
        status = "completed" if done <= today else "scheduled"
        reference = f"WO{number}{reported:%y%m%d}"
        yield reference, tenancy.reference, reported, words, priority, status, done if done <= today else None


def repair_events(repair: Repair, today: date) -> Iterator[tuple[str, str, str, str]]:
    """What happened to the repair up to yesterday, at London's own times."""
    reference, _, reported, words, _, _, done = repair
    told = [(reported + timedelta(days=1), "09:30", "accepted", "")]
    if words.startswith("Mould"):
        told += [(reported + timedelta(days=3), "11:15", "investigated", "We looked at the wall and the fan")]
        told += [(reported + timedelta(days=4), "09:00", "works_begun", "")]
    if done:
        told += [(done, "10:05", "on_the_way", ""), (done, "10:40", "visited", ""), (done, "12:20", "completed", "")]
    else:
        told += [(reported + timedelta(days=1), "09:35", "appointment", "We will text you the day before")]
    yield from ((reference, f"{day}T{at}:00", event, note) for day, at, event, note in told if day < today)


def hazard_summaries(repair: Repair, today: date) -> Iterator[tuple[str, str, str, str, str, str, str]]:
    """What was found where there was mould."""
    reference, _, reported, words, *_ = repair
    sent = reported + timedelta(days=4)
    if words.startswith("Mould") and sent < today:
        yield (
            reference, f"{sent}T16:10:00", "Mould on the bedroom wall: a significant hazard",
            "We clean the wall and fit a new fan in the bathroom", str(sent), str(sent + timedelta(days=10)),
            "The fan did not work, so the room could not dry. Ring us if the mould comes back.",
        )  # fmt: skip


TRADES = (
    "plumbing", "heating", "electrical", "carpentry", "glazing", "plastering", "flooring", "roofing", "drainage",
    "groundwork", "damp", "pest_control", "lifts", "cleaning", "inspection",
)  # fmt: skip
_PERIODS = ("morning", "afternoon", "school_run", "all_day")
_WEEKS_OFFERED = 4


def slots(today: date) -> Iterator[tuple[str, date, str, int]]:
    """Who can come in the four weeks from tomorrow: one to six of a trade in a period, and in some periods nobody.

    A day's numbers are worked out from that day alone, so a file made tomorrow says the same of the day after.
    """
    for number, trade in enumerate(TRADES):
        for day in (today + timedelta(days=n) for n in range(1, _WEEKS_OFFERED * 7 + 1)):
            if day.weekday() > 4 or (day.month, day.day) in {(12, 25), (12, 26), (1, 1)}:
                continue
            for place, period in enumerate(_PERIODS):
                pick = (day.toordinal() * 7 + number * 5 + place * 3) % 11
                if place < 2 or pick < 5:
                    yield trade, day, period, pick % 6 + 1


def lines(account: Account, reference: str, tenancy: Tenancy, today: date) -> list[Line]:
    """Everything posted to the account up to today, the oldest first."""
    first = history_begins(account, tenancy, today)
    last = min(today, ends_on(tenancy, today) or today)
    charged = charges(account, reference, first, last) if account.kind in NAMES_OF_CHARGES else iter(())
    found = [*charged, *account.paid(account, reference, first, last)] if first <= last else []
    return sorted(found, key=lambda line: (line.posted_on, line.reference))


def pounds(pence: int) -> str:
    """123.45"""
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02}"


def files(today: date) -> dict[str, list[Sequence[object]]]:
    """The rows of every file."""
    rows: dict[str, list[Sequence[object]]] = {name: [] for name in COLUMNS}
    for tenancy in tenancies():
        start, end = starts_on(tenancy, today), ends_on(tenancy, today)
        rows["tenancies"].append(
            (tenancy.reference, start, end or "", tenancy.address, tenancy.line_2, TOWN, tenancy.postcode)
        )
        rows["people"] += [(tenancy.reference, *person) for person in tenancy.people]
        for number, account in enumerate(tenancy.accounts, start=1):
            reference = f"{tenancy.reference[2:]}-{number}"
            going_on = account.kind in NAMES_OF_CHARGES and (end is None or end > today)
            rows["rent_accounts"].append((
                reference, tenancy.reference, account.kind, account.name, f"98264{tenancy.reference[2:]}{number:02}",
                pounds(charge_on(account, today)) if going_on else "",
                account.frequency if going_on else "",
                next_charge(account, max(today, start)) if going_on else "",
            ))  # fmt: skip
            rows["transactions"] += [
                (line.reference, reference, line.posted_on, line.kind, line.description, pounds(line.amount_pence))
                for line in lines(account, reference, tenancy, today)
            ]
        for repair in repairs(tenancy, today):
            rows["repairs"].append((*repair[:6], repair[6] or ""))
            rows["repair_events"] += repair_events(repair, today)
            rows["hazard_summaries"] += hazard_summaries(repair, today)
    rows["slots"] = list(slots(today))
    for year in range(rent_year_of(today) - 10, rent_year_of(today) + 2):
        weeks = (rent_year_start(year + 1) - rent_year_start(year)).days // 7
        free = free_weeks(year)
        rows["rent_years"].append(("home", rent_year_start(year), weeks - len(free), ";".join(map(str, free))))
        rows["rent_years"].append(("garage", rent_year_start(year), weeks, ""))
    return rows


def registrable(today: date | None = None) -> list[Registrable]:
    """Who can register with the portal, and what is to be seen then."""
    day = today or london_today()
    found = []
    for tenancy in tenancies():
        end = ends_on(tenancy, day)
        if not tenancy.story or (end and end < day):
            continue
        found += [
            Registrable(
                p.email, p.mobile, tenancy.reference, p.date_of_birth, f"{p.first_name} {p.last_name}: {tenancy.story}"
            )
            for p in tenancy.people
        ]
    return found


def london_today() -> date:
    """The day that it is in London."""
    return datetime.now(ZoneInfo("Europe/London")).date()


def write(folder: Path, today: date) -> dict[str, int]:
    """Write the files into `folder`; answers the number of rows of each."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, rows in files(today).items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([COLUMNS[name], *rows])
        counts[f"{name}.csv"] = len(rows)
    return counts


def main(arguments: Sequence[str]) -> None:
    """What the module's docstring says."""
    parser = argparse.ArgumentParser(prog="python -m data.make_demo", description="The demo landlord's files.")
    parser.add_argument("--out", type=Path, help="the folder to write the files into")
    parser.add_argument("--today", type=date.fromisoformat, default=london_today(), help="as if it were that day")
    parser.add_argument("--who", action="store_true", help="print who can register")
    parser.add_argument("--json", action="store_true", help="with --who: as JSON")
    given = parser.parse_args(arguments)
    if given.out:
        for name, count in write(given.out, given.today).items():
            print(f"{name}: {count} rows")
    if given.who and given.json:
        print(json.dumps([person._asdict() for person in registrable(given.today)], ensure_ascii=False, indent=2))
    elif given.who:
        for person in registrable(given.today):
            print(person.description)
            print("   ", "  ".join(person[:4]))


if __name__ == "__main__":
    main(sys.argv[1:])
