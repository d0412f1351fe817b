"""The outbox table.

| pk | sk | item | read by |
|---|---|---|---|
| MAIL | MAIL#mail_id | a mail that is not sent yet | the stream to the mailer; the sweeper's one query |
| EXPORT#day | ENTRY#entry_id | something that the landlord is told tonight | the exporter, a day at a time |

A mail that was sent is deleted, so that the partition holds only what waits.
"""

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute

from portal import store
from portal.settings import setting

MAIL_PK = "MAIL"


class _Item(store.Item):
    class Meta:
        table_name = setting("OUTBOX_TABLE")


class MailItem(_Item):
    """A mail that waits to be sent."""

    range_prefix = "MAIL#"

    kind = UnicodeAttribute()
    to = UnicodeAttribute()
    about = JSONAttribute()
    asked_at = store.InstantAttribute()
    next_try_at = store.InstantAttribute()
    tries = NumberAttribute()
    leased_until = store.InstantAttribute(null=True)
