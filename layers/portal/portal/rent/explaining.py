"""Why the balance is what it is: sentences made from the posted lines by rules, and from nothing else.

Each rule looks at the facts and says one thing or nothing. Words by site.md: what happened, what it means, what to do.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from portal import clock
from portal.rent import calendar
from portal.rent.calendar import MONTHLY, WEEK, Charge, RentYear
from portal.rent.rules import balance_words, money

_LAST_WEEKS = timedelta(weeks=4)
_TOLD_AHEAD = 5 * WEEK
_BENEFIT_STOPPED = timedelta(weeks=13)
_LATE = timedelta(days=7)
_HOUSING_BENEFIT, _UNIVERSAL_CREDIT = "housing benefit", "universal credit"
_TALK_TO_US = "If that is hard to pay, talk to us: we will look for a way together."
_MOST_CHARGES_A_MONTH = {"weekly": 5, "fortnightly": 3, "four_weekly": 2}
_EACH = {"weekly": "week", "fortnightly": "two weeks", "four_weekly": "four weeks", "monthly": "month"}


class Said(NamedTuple):
    """A sentence or a few, and the name of the rule that says them."""

    about: str
    text: str


class Posted(NamedTuple):
    """A line as the rules see it; `posted_at` is when it reached the portal."""

    posted_on: date
    posted_at: datetime
    kind: str
    description: str
    amount_pence: int


class OnItsWay(NamedTuple):
    """A payment begun here of which nobody knows yet what became; `with_bank` where the provider says it was made."""

    amount_pence: int
    begun_at: datetime
    with_bank: bool


class Facts(NamedTuple):
    """What is known of an account at `at`. `lines` are those of the last thirteen months, the oldest first."""

    balance_pence: int
    lines: Sequence[Posted]
    charge: Charge | None
    years: Sequence[RentYear]
    last_visit_at: datetime | None
    on_their_way: Sequence[OnItsWay]
    at: datetime

    @property
    def today(self) -> date:
        """The day that it is in London."""
        return clock.london_date(self.at)

    def last_period_pence(self) -> int:
        """What was charged on the newest day of charges: the rent of the period that goes on.

        A charge that was taken back is none: it makes no earlier week dearer.
        """
        charges = [line for line in self.lines if line.kind == "charge" and line.amount_pence > 0]
        newest = max((line.posted_on for line in charges), default=None)
        return sum(line.amount_pence for line in charges if line.posted_on == newest)


def explained(facts: Facts) -> list[Said]:
    """Everything that is to be said of the balance, the most wanted first."""
    rules = (_balance, _on_their_way, _since, _arrears, _in_between, _benefits, _next, _free_weeks, _long_year)
    return [said for rule in rules for said in rule(facts)]


def _balance(facts: Facts) -> list[Said]:
    words = balance_words(facts.balance_pence)
    if facts.balance_pence < 0:
        return [Said("balance", f"{words}. More was paid than we have charged. It goes towards your next rent.")]
    return [Said("balance", f"{words}.")]


def _on_their_way(facts: Facts) -> list[Said]:
    return [Said("on_its_way", _on_its_way_words(i, facts)) for i in facts.on_their_way]


def _on_its_way_words(payment: OnItsWay, facts: Facts) -> str:
    """What is known and what is not: a payment page that was opened and left looks the same from here as a slow one."""
    amount, begun = money(payment.amount_pence), _moment(payment.begun_at, facts)
    if payment.with_bank:
        wait = "It is not taken off yet. Do not pay it again: it shows here once the bank has answered."
        return f"A payment of {amount} from {begun} is on its way. {wait}"
    return (
        f"You began a payment of {amount} on {begun}, and we do not know yet whether it went through. If you paid, do "
        "not pay again: it shows here soon. If you left the payment page before the end, no money was taken."
    )


def _since(facts: Facts) -> list[Said]:
    if facts.last_visit_at:
        when = f"Since you last logged in with this browser, on {_moment(facts.last_visit_at, facts)}"
        news = [line for line in facts.lines if line.posted_at > facts.last_visit_at]
    else:
        when = "In the last four weeks"
        news = [line for line in facts.lines if line.posted_on > facts.today - _LAST_WEEKS]
    if not news:
        return [Said("since", f"{when}, nothing was charged or paid.")]
    change = sum(line.amount_pence for line in news)
    total = "Together, that leaves the balance as it was."
    if change:
        total = f"Together, that is {money(change)} {'more' if change > 0 else 'less'} to pay."
    return [Said("since", f"{when}: {_joined(_sums(news))}. {total}")]


def _sums(lines: Sequence[Posted]) -> list[str]:
    """What was charged, paid and so on, in words; what was taken back is told apart from what was paid."""
    words = {
        ("charge", True): "we charged {}", ("charge", False): "we took {} of charges back",
        ("payment", False): "{} was paid", ("payment", True): "{} of payments came back unpaid",
        ("benefit", False): "benefit paid {}", ("benefit", True): "{} of benefit was taken back",
        ("adjustment", True): "we put {} right by adding it", ("adjustment", False): "we took {} off to put it right",
        ("refund", True): "we paid {} back to you", ("refund", False): "{} that we had paid back to you came back",
    }  # fmt: skip
    found = []
    for (kind, adds), text in words.items():
        total = sum(line.amount_pence for line in lines if line.kind == kind and (line.amount_pence > 0) == adds)
        if total:
            found.append(text.format(money(total)))
    return found


def _arrears(facts: Facts) -> list[Said]:
    earlier = facts.balance_pence - facts.last_period_pence()
    if earlier <= 0 or _pays_monthly(facts) or _expected_benefit(facts):
        return []
    return [Said("arrears", f"{money(earlier)} of it is from earlier weeks. {_TALK_TO_US}")]


def _in_between(facts: Facts) -> list[Said]:
    charge = facts.charge
    if charge is None or charge.frequency == MONTHLY or not _pays_monthly(facts) or facts.balance_pence <= 0:
        return []
    month = _MOST_CHARGES_A_MONTH[charge.frequency] * charge.pence
    why = f"You pay by the month, and rent is charged every {_EACH[charge.frequency]}, so you owe something in between."
    over = facts.balance_pence - month
    if over <= 0:
        return [Said("in_between", f"{why} Up to a month's rent, that is expected.")]
    return [
        Said("in_between", f"{why} Up to {money(month)}, that is expected."),
        Said("arrears", f"You owe {money(over)} more than that. {_TALK_TO_US}"),
    ]


def _pays_monthly(facts: Facts) -> bool:
    """Whether the last payments came a month apart: three of them at least, the last not long ago."""
    days = sorted({i.posted_on for i in facts.lines if i.kind == "payment" and i.amount_pence < 0})[-4:]
    if len(days) < 3 or facts.today - days[-1] > timedelta(days=40):
        return False
    return all(26 <= (after - before).days <= 35 for before, after in pairwise(days))


def _benefits(facts: Facts) -> list[Said]:
    return [_benefit_words(facts, *found) for found in _expected_benefit(facts)]


def _expected_benefit(facts: Facts) -> list[tuple[str, Posted, date]]:
    """Each benefit that pays, its last line and the day on which the next may be expected."""
    found = []
    for name in (_HOUSING_BENEFIT, _UNIVERSAL_CREDIT):
        paid = [i for i in facts.lines if i.kind == "benefit" and i.amount_pence < 0 and name in i.description.lower()]
        if paid and facts.today - paid[-1].posted_on <= _BENEFIT_STOPPED:
            last = paid[-1].posted_on
            # Housing Benefit comes every four weeks, Universal Credit every month (law.md §3).
            following = last + 4 * WEEK if name == _HOUSING_BENEFIT else calendar.a_month_after(last)
            found.append((name, paid[-1], following))
    return found


def _benefit_words(facts: Facts, name: str, last: Posted, following: date) -> Said:
    benefit = "Housing Benefit" if name == _HOUSING_BENEFIT else "Universal Credit"
    came = f"{benefit} last paid {money(last.amount_pence)}, on {_day(last.posted_on, facts)}."
    next_about = _day(following, facts)
    if facts.today > following + _LATE:
        late = (
            f"We expected more about {next_about}, and it has not come. If something changed with your claim, tell us."
        )
        return Said("expected", f"{came} {late}")
    rhythm = "once a month"
    if name == _HOUSING_BENEFIT:
        rhythm = "every four weeks, after the weeks that it pays for"
    wait = f"It comes {rhythm}. We expect the next about {next_about}. Until it comes, what it pays for shows as owed."
    return Said("expected", f"{came} {wait}")


def _next(facts: Facts) -> list[Said]:
    charge = facts.charge
    due = calendar.next_charge(charge, facts.years, facts.today) if charge else None
    if charge is None or due is None:
        return []
    words = f"The next charge is {money(due.charge_pence)}, on {_day(due.charged_on, facts)}."
    return [Said("next", f"{words} We worked this out from your past charges." if charge.inferred else words)]


def _free_weeks(facts: Facts) -> list[Said]:
    if facts.charge is None:
        return []
    ahead = calendar.free_weeks_ahead(facts.charge, facts.years, facts.today)
    soon = [day for day in ahead if day <= facts.today + _TOLD_AHEAD]
    if not soon:
        return []
    weeks = f"The week that begins on {_day(soon[0], facts)} has no rent." if len(soon) == 1 else (
        f"The weeks that begin on {_joined([_day(day, facts) for day in soon])} have no rent."
    )  # fmt: skip
    owes = " If you owe rent, keep paying: it goes towards what you owe." if facts.balance_pence > 0 else ""
    return [Said("free_weeks", weeks + owes)]


def _long_year(facts: Facts) -> list[Said]:
    extra = calendar.extra_charge(facts.charge, facts.years, facts.today) if facts.charge else None
    if facts.charge is None or extra is None:
        return []
    return [Said("long_year", long_year_words(facts.charge, extra, facts.today))]


def long_year_words(charge: Charge, extra: calendar.ExtraCharge, today: date) -> str:
    """That a year is longer than Universal Credit's, by how much, and what to put aside."""
    which = {"weekly": "53 weeks", "fortnightly": "27 charges", "four_weekly": "14 charges"}[charge.frequency]
    months = max(1, (extra.begins_on.year - today.year) * 12 + extra.begins_on.month - today.month)
    when = f"{clock.day_in_words(extra.begins_on)} {extra.begins_on.year}"
    aside = money(-(-extra.amount_pence // months))
    return (
        f"The rent year that ends after {when} has {which}. That is {money(extra.amount_pence)} more, and Universal "
        f"Credit does not pay it. If you get Universal Credit, put {aside} a month aside until then."
    )


def _moment(moment: datetime, facts: Facts) -> str:
    return _day(clock.london_date(moment), facts)


def _day(day: date, facts: Facts) -> str:
    return clock.day_in_words(day) + ("" if day.year == facts.today.year else f" {day.year}")


def _joined(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
