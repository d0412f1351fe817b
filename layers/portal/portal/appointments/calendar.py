"""The appointment as a file for the tenant's own calendar (iCalendar, RFC 5545)."""

from portal.appointments.service import Appointment
from portal.brand import landlord


def file(appointment: Appointment, repair_id: str, reference: str, problem: str, site: str) -> str:
    """One event. Its UID stays for the repair's sake, SEQUENCE grows with each change, so a calendar moves it.

    Times are UTC, which every calendar shows as its own. It names no person and no address: calendars are shared.
    """
    from icalendar import Calendar, Event  # here alone, and not at every start

    calendar, event = Calendar(), Event()
    calendar.add("prodid", "-//portal//appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    event.add("uid", f"{repair_id}@{site.partition('://')[2].partition(':')[0]}")
    event.add("sequence", appointment.sequence)
    event.add("dtstamp", appointment.changed_at)
    event.add("dtstart", appointment.starts_at)
    event.add("dtend", appointment.ends_at)
    event.add("summary", f"Repair visit: {problem}")
    name, phone = landlord()["landlord"]["name"], landlord()["contact"]["phone"]
    event.add("description", f"{name} comes to mend it. Reference {reference}. To change it, ring {phone}.")
    calendar.add_component(event)
    return str(calendar.to_ical().decode())
