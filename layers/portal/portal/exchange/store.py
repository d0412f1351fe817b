"""The journal's items in the outbox table; its keys are told in `portal.mail.store`."""

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from portal import store
from portal.settings import setting


class _Item(store.Item):
    class Meta:
        table_name = setting("OUTBOX_TABLE")


class EntryItem(_Item):
    """One line of tonight's export."""

    range_prefix = "ENTRY#"

    file = UnicodeAttribute()
    row = JSONAttribute()
