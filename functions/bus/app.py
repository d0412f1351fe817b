"""Hears what the landlord's systems tell of repairs on their bus."""

from typing import Any

from portal import clock, observe
from portal.repairs import hearing


def handler(event: dict[str, Any], _context: Any) -> dict[str, bool]:
    """Apply one event. What cannot be taken is brought again by the bus, and then parked for a person."""
    try:
        news = hearing.hear(event, clock.now())
    finally:
        observe.write_out()
    return {"news": news}
