"""Reminding people the day before somebody comes, once for each visit, however often and however late it is run."""

from collections.abc import Callable
from datetime import datetime, timedelta

from portal import clock, store
from portal.appointments import rules
from portal.appointments import store as appointments
from portal.appointments.store import VisitItem
from portal.mail.outbox import letter
from portal.observe import count, logger
from portal.repairs import service as repairs


def remind(now: Callable[[], datetime], has_time: Callable[[], bool]) -> int:
    """Ask for the reminder of every visit of tomorrow that was booked before today; gives how many were asked for.

    What marks a visit as reminded and what asks for the mail are one transaction, so that two runs at once, or a run
    that dies and comes again, remind once. A run that finds no time left leaves the rest to the next.
    """
    at = now()
    tomorrow = clock.london_date(at) + timedelta(days=1)
    asked = 0
    for visit in appointments.visits(tomorrow, at):
        if not has_time():
            break
        if visit.reminded_at is None and clock.london_date(visit.booked_at) < clock.london_date(at):
            try:
                asked += _remind(visit, now())
            except KeyError:
                # Booked before visits kept their times, for a period that the landlord has no more.
                count("VisitNotReminded")
                logger.warning("visit of an unknown period not reminded", repair_id=visit.repair_id)
    count("VisitsReminded", number=asked)
    logger.info("reminded", visits=asked)
    return asked


def _remind(visit: VisitItem, at: datetime) -> bool:
    starts, ends = visit.starts_at or rules.starts_at(visit.place), visit.ends_at or rules.ends_at(visit.place)
    about = {
        "reference": visit.reference,
        "problem": visit.problem,
        "day": str(visit.place.day),
        "period": rules.in_words(starts, ends),
    }
    try:
        # Of no use once somebody is there.
        store.transact(
            appointments.reminded(visit, at),
            repairs.still_open(visit.tenancy_id, visit.repair_id),
            letter("appointment_reminder", to=f"customer:{visit.customer_id}", at=at, about=about, useful_until=starts),
        )
    except store.Refused:
        # Reminded already, given up or moved since, or the repair is finished.
        return False
    return True
