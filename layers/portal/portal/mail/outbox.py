"""Asking for an email in the same transaction as the change that it tells of.

The item names who is to get it and what it is about. It holds no address, code or password: the function that
sends it finds the address in the record and derives the secret.
"""

from datetime import datetime, timedelta
from typing import Any

from portal import store
from portal.ids import new_id
from portal.mail.store import MAIL_PK, MailItem

_USEFUL_HOURS = 72


def notice_useful_until(at: datetime) -> datetime:
    """Until when a mail asked for at `at` is of use, where nothing else says: three days."""
    return at + timedelta(hours=_USEFUL_HOURS)


def letter(
    kind: str,
    *,
    to: str,
    at: datetime,
    about: dict[str, Any] | None = None,
    useful_until: datetime | None = None,
) -> store.Put:
    """The write that asks for a mail.

    `kind` names the template. `to` is "customer:<customer_id>", "registration:<registration_id>", for somebody as the
    record has them "person:<tenancy_id>.<person_id>", around a change of email "email-change:<customer_id>.<id>" and
    "former:<customer_id>.<change_id>", or "landlord:" for the brand file's own address. `about` fills the template:
    numbers, dates in ISO 8601, words of ours, nothing secret. After `useful_until` (default three days) it is not sent
    any more.
    """
    until = useful_until or notice_useful_until(at)
    item = MailItem(
        pk=MAIL_PK,
        sk=f"{MailItem.range_prefix}{new_id(at)}",
        kind=kind,
        to=to,
        about=about or {},
        asked_at=at,
        next_try_at=at,
        tries=0,
        expires_at=int(until.timestamp()),
    )
    return store.Put(item, MailItem.new())
