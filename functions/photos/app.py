"""Judges pictures as they arrive in the photo bucket."""

from typing import Any

from portal import clock, observe
from portal.photos import service as photos


def handler(event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Judge the one object that an event of S3 names."""
    try:
        became = photos.arrived(event["detail"]["object"]["key"], clock.now())
        observe.logger.info("photo", became=became)
    finally:
        observe.write_out()
    return {"became": became}
