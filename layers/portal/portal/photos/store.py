"""Photos in the repairs table.

| pk | sk | item | read by |
|---|---|---|---|
| TENANCY#tenancy_id | PHOTO#repair_id#place | one of six places for photos | the session's call; an arrival |

A place is taken by a condition: it is empty, expired, or holds a picture that was refused. What waits expires within
the hour, a refusal within the week, a photo that is shown with its pictures in the bucket.
"""

from datetime import datetime, timedelta
from typing import cast

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from portal import clock, store
from portal.photos import rules
from portal.photos.rules import Arrival, Reason
from portal.settings import setting


class PhotoItem(store.Item):
    """A place with the photo in it: `state` is checking, shown or refused, `reason` why it was refused."""

    class Meta:
        table_name = setting("REPAIRS_TABLE")

    range_prefix = "PHOTO#"

    photo_id = UnicodeAttribute()
    state = UnicodeAttribute()
    reason = UnicodeAttribute(null=True)
    content_type = UnicodeAttribute()
    size = NumberAttribute()
    asked_at = store.InstantAttribute()
    repair_reference = UnicodeAttribute()
    tenancy_reference = UnicodeAttribute()


def place_key(tenancy_id: str, repair_id: str, place: int) -> store.Key:
    """Where a place of the repair is: another home's is not there."""
    return PhotoItem.key(f"TENANCY#{tenancy_id}", f"{PhotoItem.range_prefix}{repair_id}#{place}")


def taken(arrival: Arrival, content_type: str, size: int, references: tuple[str, str], at: datetime) -> store.Put:
    """The write that takes the place for a photo; refused where another one has it.

    `references` are those of the repair and of the tenancy.
    """
    key = place_key(arrival.tenancy_id, arrival.repair_id, arrival.place)
    item = PhotoItem(
        pk=key.pk, sk=key.sk, photo_id=arrival.photo_id, state="checking", content_type=content_type, size=size,
        asked_at=at, repair_reference=references[0], tenancy_reference=references[1],
        expires_at=clock.epoch(at + rules.PLACE_KEPT),
    )  # fmt: skip
    return store.Put(item, ~PhotoItem.live(at) | (PhotoItem.state == "refused"))


def _still_checked(item: PhotoItem, at: datetime) -> Condition:
    is_same = (PhotoItem.photo_id == item.photo_id) & (PhotoItem.state == "checking")
    return cast(Condition, PhotoItem.live(at) & is_same)


def shown(item: PhotoItem, at: datetime) -> store.Update:
    """The write that shows the photo; refused where it is no longer waited for."""
    actions = [PhotoItem.state.set("shown"), PhotoItem.expires_at.set(clock.epoch(at + rules.kept()))]
    return store.Update(item, actions, _still_checked(item, at))


def refused(item: PhotoItem, reason: Reason, at: datetime) -> store.Update:
    """The write that says why the picture was not kept; refused where it is no longer waited for."""
    kept: timedelta = rules.REFUSAL_KEPT
    actions = [
        PhotoItem.state.set("refused"),
        PhotoItem.reason.set(reason),
        PhotoItem.expires_at.set(clock.epoch(at + kept)),
    ]
    return store.Update(item, actions, _still_checked(item, at))


def removed(item: PhotoItem) -> store.Delete:
    """The write that empties the place; refused where another photo has it by now."""
    return store.Delete(item, PhotoItem.photo_id == item.photo_id)
