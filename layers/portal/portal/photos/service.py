"""What a tenant asks of photos: a place for one, what became of it, taking it away."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from portal import ids, store
from portal.exchange import journal
from portal.failures import Failure, NotFound
from portal.identity.sessions import Session
from portal.observe import count
from portal.photos import files, rules
from portal.photos import store as photos
from portal.photos.rules import Arrival
from portal.photos.store import PhotoItem
from portal.repairs import service as repairs
from portal.tenancies import service as tenancies

_FIRST_PLACE = 2


class PhotosFull(Failure):
    """The repair has six photos, shown or on their way."""


class Post(NamedTuple):
    """A form that a browser sends to S3 with one picture in it."""

    photo_id: str
    url: str
    fields: dict[str, str]


class Photo(NamedTuple):
    """A photo as its tenancy sees it; links while it is shown, a message where it was refused."""

    photo_id: str
    state: rules.State
    message: str | None
    added_at: datetime
    url: str | None
    small_url: str | None


def beside(session: Session, repair_id: str) -> Sequence[store.Key]:
    """What photos read in the same call as the session: the repair, the tenancy, the six places."""
    return (
        repairs.key_of(session.tenancy_id, repair_id),
        tenancies.key_of(session.tenancy_id),
        *(photos.place_key(session.tenancy_id, repair_id, place) for place in range(1, rules.PLACES + 1)),
    )


def ask(session: Session, repair_id: str, content_type: str, size: int, at: datetime) -> Post:
    """Take a place for a picture of that type and of exactly `size` bytes, and say where it may be sent.

    However many ask at once, a repair never has more than six: a place is taken before its post is made.

    Raises:
        NotFound, TenancyEnded, RepairFinished, PhotosFull
    """
    item, tenancy, *places = session.beside
    repairs.seen(item)
    tenancies.refuse_ended(tenancy, at)
    repairs.refuse_finished(item)
    photo_id = ids.new_id(at)
    for place in _free(places):
        arrival = Arrival(session.tenancy_id, repair_id, place, photo_id)
        try:
            store.transact(photos.taken(arrival, content_type, size, (item.reference, tenancy.reference), at))
        except store.Refused:
            continue
        made = files.post(rules.arrival_key(arrival), content_type, size)
        return Post(photo_id, made["url"], made["fields"])
    raise PhotosFull


def _free(places: Sequence[PhotoItem | None]) -> list[int]:
    """The places that looked free, empty ones first: a refusal is to be read as long as there is room."""
    found = [(p is not None, n) for n, p in enumerate(places, 1) if p is None or p.state == "refused"]
    return [place for _, place in sorted(found)]


def of(session: Session, repair_id: str) -> list[Photo]:
    """The repair's photos, in the order in which they were added. Raises NotFound."""
    repairs.seen(session.beside[0])
    kept = sorted(_kept(session), key=lambda item: item.photo_id)
    return [_photo(item, session.tenancy_id, repair_id) for item in kept]


def _kept(session: Session) -> list[PhotoItem]:
    return [item for item in session.beside[_FIRST_PLACE:] if item is not None]


def _photo(item: PhotoItem, tenancy_id: str, repair_id: str) -> Photo:
    is_shown = item.state == "shown"
    state: Any = item.state
    reason: Any = item.reason
    where = (tenancy_id, repair_id, item.photo_id)
    return Photo(
        item.photo_id,
        state,
        rules.MESSAGES[reason] if reason else None,
        item.asked_at,
        files.link(rules.shown_key(*where)) if is_shown else None,
        files.link(rules.small_key(*where)) if is_shown else None,
    )


def remove(session: Session, repair_id: str, photo_id: str, at: datetime) -> None:
    """Take a photo away, whatever became of it; the landlord is told of one that was shown. Raises NotFound."""
    item = next((kept for kept in _kept(session) if kept.photo_id == photo_id), None)
    if item is None:
        raise NotFound
    # The pictures first: where the rest fails, the same call again goes on from there.
    files.delete(_pictures(session.tenancy_id, repair_id, photo_id))
    told = [told_landlord(item, session.tenancy_id, repair_id, "removed", at)] if item.state == "shown" else []
    try:
        store.transact(photos.removed(item), *told)
    except store.Refused:
        return


def _pictures(tenancy_id: str, repair_id: str, photo_id: str) -> tuple[str, str]:
    return rules.shown_key(tenancy_id, repair_id, photo_id), rules.small_key(tenancy_id, repair_id, photo_id)


def told_landlord(item: PhotoItem, tenancy_id: str, repair_id: str, change: str, at: datetime) -> store.Put:
    """The line of tonight's export that says that the photo was `added` or `removed`."""
    picture, small = _pictures(tenancy_id, repair_id, item.photo_id)
    row = {
        "repair_reference": item.repair_reference,
        "tenancy_reference": item.tenancy_reference,
        "changed_at": at.isoformat(),
        "change": change,
        "photo_key": picture,
        "small_key": small,
    }
    return journal.entry("repair_photos", row, at)


def arrived(key: str, at: datetime) -> str:
    """Judge what arrived at `key`, keep the picture that it is, and delete it in any case; what became of it.

    Told twice, late, or of what nobody waits for any more, it deletes and no more.
    """
    arrival = rules.arrival_of(key)
    item = None
    if arrival:
        (item,) = store.fetch([photos.place_key(arrival.tenancy_id, arrival.repair_id, arrival.place)], at)
    if not arrival or item is None or (item.photo_id, item.state) != (arrival.photo_id, "checking"):
        files.delete([key])
        return "not_waited_for"
    became = _judged(arrival, item, files.read(key), at)
    files.delete([key])
    return became


def _judged(arrival: Arrival, item: PhotoItem, content: bytes, at: datetime) -> str:
    # The layer of the function that judges has what it takes; the others never come here.
    from portal.photos import pictures

    where = (arrival.tenancy_id, arrival.repair_id, arrival.photo_id)
    try:
        cleaned = pictures.clean(content, item.content_type)
    except pictures.NotAPicture as failure:
        count("PhotosRefused")
        return "refused" if _done(photos.refused(item, failure.reason, at)) else "not_waited_for"
    for key, jpeg in zip(_pictures(*where), cleaned, strict=True):
        files.write(key, jpeg)
    if _done(photos.shown(item, at), told_landlord(item, *where[:2], "added", at)):
        count("PhotosShown")
        return "shown"
    # Taken away meanwhile, unless the same event came twice at once and the other one has shown it.
    (now,) = store.fetch([photos.place_key(arrival.tenancy_id, arrival.repair_id, arrival.place)], at)
    if now is None or (now.photo_id, now.state) != (arrival.photo_id, "shown"):
        files.delete(_pictures(*where))
    return "not_waited_for"


def _done(*writes: store.Write) -> bool:
    try:
        store.transact(*writes)
    except store.Refused:
        return False
    return True
