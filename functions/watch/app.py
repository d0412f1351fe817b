"""Warns the landlord, each hour, of the law's dates that come near or have passed."""

from typing import Any

from portal import clock, observe
from portal.repairs import watching

_SPARE_MILLISECONDS = 15_000


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Warn of every duty that is due to be warned of."""
    try:
        warned = watching.run(clock.now, lambda: context.get_remaining_time_in_millis() > _SPARE_MILLISECONDS)
    finally:
        observe.write_out()
    return warned._asdict()
