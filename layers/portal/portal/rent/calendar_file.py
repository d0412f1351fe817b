"""The rent calendar as a file for phones and computers (iCalendar, RFC 5545): whole days, nothing about a person."""

from datetime import date, datetime

from icalendar import Calendar, Event

from portal.rent.rules import money
from portal.rent.service import RentPlan


def as_ics(plan: RentPlan, rent_account_id: str, landlord: str, at: datetime) -> str:
    """An event for each charge and each rent-free week of the years that are known.

    An event's UID is made of the account and its day: a file fetched later takes the place of the one before.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//rent calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"{plan.name}, {landlord}")
    for period in plan.all_periods:
        words = f"{plan.name}: no rent this week"
        if period.charge_pence:
            words = f"{plan.name}: {money(period.charge_pence)} is charged"
        calendar.add_component(_event(f"{period.charged_on}-{rent_account_id}", period.charged_on, words, at))
    for extra in [plan.year.extra_charge] if plan.year and plan.year.extra_charge else []:
        words = f"{plan.name}: Universal Credit does not pay this charge of {money(extra.amount_pence)}"
        calendar.add_component(_event(f"extra-{extra.begins_on}-{rent_account_id}", extra.begins_on, words, at))
    text: bytes = calendar.to_ical()
    return text.decode()


def _event(uid: str, day: date, words: str, at: datetime) -> Event:
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", at)
    event.add("dtstart", day)
    event.add("summary", words)
    event.add("transp", "TRANSPARENT")
    return event
