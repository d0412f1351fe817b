"""Keep trying for me: facts that matched nobody are kept, sealed, until an exchange may have brought their record.

The other half, after each exchange, is `portal.identity.trying_again`.
"""

from datetime import date, datetime

from portal import store
from portal.audit import service as audit
from portal.audit.service import Outcome
from portal.clock import epoch
from portal.identity import rules, sealing, tries
from portal.identity import store as identity
from portal.identity.rules import Facts
from portal.identity.store import WaitingItem
from portal.tenancies import service as tenancies

# How often it is looked again for a place when another ask took it in that moment.
_LOOKS = rules.WAITING_OF_REFERENCE


def keep_trying(
    email: str, mobile: str, tenancy_reference: str, date_of_birth: date, *, address: str, at: datetime
) -> None:
    """Keep the four facts, sealed, for eight days; each exchange tries them again.

    The landlord's record is not looked at, so that the call tells nothing of it (threat T4). The same facts asked
    again take no second place and no longer time. Beyond ten sets of facts for one tenancy reference nothing is
    kept, and the answer is the same.

    Raises:
        TooManyCalls
    """
    tries.count_call(address, at)
    tries.count_waiting(address, at)
    facts = Facts(email, mobile, tenancy_reference, date_of_birth)
    for _ in range(_LOOKS):
        try:
            _keep(facts, at)
        except store.Refused:
            continue
        return
    raise store.Unavailable


def _keep(facts: Facts, at: datetime) -> None:
    tenancy_id, version = tenancies.tenancy_id(facts.tenancy_reference), sealing.key_version()
    facts_id = sealing.facts_id(version, facts)
    sealed = sealing.sealed(version, facts, tenancy_id, facts_id)
    keys = [identity.waiting_key(tenancy_id, place) for place in range(rules.WAITING_OF_REFERENCE)]
    places: list[WaitingItem | None] = store.fetch(keys, at)
    own = next((item for item in places if item and item.facts_id == facts_id), None)
    if own:
        still_there = WaitingItem.live(at) & (WaitingItem.facts_id == facts_id)
        asked_again = store.Update(own, [WaitingItem.last_asked_at.set(at)], still_there)
        store.transact(asked_again, audit.event(Outcome.WAITING_KEPT_BEFORE, at))
    elif None in places:
        key = keys[_first_free(places, facts_id)]
        item = WaitingItem(
            pk=key.pk,
            sk=key.sk,
            facts_id=facts_id,
            key_version=version,
            sealed=sealed,
            asked_at=at,
            last_asked_at=at,
            expires_at=epoch(at + rules.WAITING_LASTS),
        )
        free = WaitingItem.new() | (WaitingItem.expires_at <= at.timestamp())
        store.transact(store.Put(item, free), audit.event(Outcome.WAITING_KEPT, at))
    else:
        audit.note(Outcome.WAITING_NOT_KEPT, at)


def _first_free(places: list[WaitingItem | None], facts_id: str) -> int:
    """Looked for from a place that the facts themselves name: the same facts at the same moment meet there."""
    start = int(facts_id, 16) % len(places)
    return next(place for n in range(len(places)) if places[place := (start + n) % len(places)] is None)
