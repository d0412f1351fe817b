"""Rent accounts, rent years and transactions as the nightly exchange brings them: written where they differ.

What is posted stays as it was posted. The balance moves by postings and by nothing else.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import NamedTuple

from pynamodb.expressions.update import Action

from portal import store
from portal.recorded import APPLIED, UNCHANGED, Recorded, refused
from portal.rent import service
from portal.rent import store as rent
from portal.rent.store import AccountItem, OwnerItem, PostedItem, YearItem

MOST_THREADS = 8
_POSTED_AT_ONCE = 25
_NEVER_CHANGED = "this transaction_reference is posted otherwise, and a posted transaction is never changed: " \
    "send an adjustment"  # fmt: skip
_NO_ACCOUNT = "rent_account_reference is none that we hold"
_OF_THE_FILE = ("kind", "name", "payment_reference", "charge_pence", "charge_frequency", "next_charge_on")


class ImportedAccount(NamedTuple):
    """A row of rent_accounts.csv. `says` names the optional facts that the file has columns for."""

    reference: str
    tenancy_id: str
    kind: str
    name: str
    payment_reference: str | None
    charge_pence: int | None = None
    charge_frequency: str | None = None
    next_charge_on: date | None = None
    says: frozenset[str] = frozenset()


class ImportedYear(NamedTuple):
    """A row of rent_years.csv; `free_weeks` are the days on which a week without rent begins."""

    kind: str
    year_start: date
    charged_weeks: int
    free_weeks: tuple[date, ...]


class ImportedTransaction(NamedTuple):
    """A row of transactions.csv; a positive amount adds to what is owed.

    `taken_here` says that its reference is one that our export gave: it may be a payment that comes back.
    """

    reference: str
    account_reference: str
    posted_on: date
    kind: str
    description: str
    amount_pence: int
    taken_here: bool = False


def record_accounts(rows: Sequence[ImportedAccount], at: datetime) -> list[Recorded]:
    """Bring rent accounts to what `rows` say; of two rows for one account the later counts.

    A new account begins with a balance of nothing. An account never moves to another tenancy: its lines would
    be shown to other people.
    """
    references = sorted({row.reference for row in rows})
    found = rent.stored([rent.owner_key(service.rent_account_id(r)) for r in references], at)
    owner_of = {reference: owner.tenancy_id for reference, owner in zip(references, found, strict=True) if owner}
    new = {row.reference for row in rows} - owner_of.keys()
    for row in rows:
        owner_of.setdefault(row.reference, row.tenancy_id)
    last = {row.reference: row for row in rows if owner_of[row.reference] == row.tenancy_id}
    keys = [rent.account_key(row.tenancy_id, service.rent_account_id(row.reference)) for row in last.values()]
    written = {
        row.reference
        for row, account in zip(last.values(), rent.stored(keys, at), strict=True)
        if (_open(row, at) if account is None or row.reference in new else _renew(row, account))
    }

    def outcome(row: ImportedAccount) -> Recorded:
        if owner_of[row.reference] != row.tenancy_id:
            return refused("this rent account is another tenancy's, and an account never moves: give a new reference")
        return APPLIED if last[row.reference] is row and row.reference in written else UNCHANGED

    return [outcome(row) for row in rows]


def record_years(rows: Sequence[ImportedYear], at: datetime) -> list[Recorded]:
    """Bring rent years to what `rows` say; of two rows for one year the later counts."""
    last = {(row.kind, row.year_start): row for row in rows}
    wanted = [_year(row) for row in last.values()]
    stored = rent.stored([YearItem.key(i.pk, i.sk) for i in wanted], at)
    changed = [i for i, now in zip(wanted, stored, strict=True) if now is None or now.values() != i.values()]
    store.put_all(changed)
    written = {(i.pk, i.sk) for i in changed}
    return [
        APPLIED if last[row.kind, row.year_start] is row and (_year(row).pk, _year(row).sk) in written else UNCHANGED
        for row in rows
    ]


def record_transactions(rows: Sequence[ImportedTransaction], at: datetime) -> list[Recorded]:
    """Post those of `rows` that are not posted yet, some of one account at once, all of these or none.

    What is posted already and is the same costs no write; what differs is refused. A payment taken here comes back
    with the reference that our export gave it: it is the same where account and amount agree, whatever day and
    words the landlord's ledger has for it.
    """
    posted = rent.stored([rent.posted_key(service.transaction_id(row.reference)) for row in rows], at)
    references = sorted({row.account_reference for row in rows})
    owners = rent.stored([rent.owner_key(service.rent_account_id(r)) for r in references], at)
    owner_of = {reference: owner for reference, owner in zip(references, owners, strict=True) if owner}
    outcomes: dict[int, Recorded] = {}
    to_post: dict[str, list[int]] = {}
    for index, (row, before) in enumerate(zip(rows, posted, strict=True)):
        if before:
            outcomes[index] = _judge(row, before)
            _note_listed(row, before, outcomes[index], at)
        elif row.account_reference not in owner_of:
            outcomes[index] = refused(_NO_ACCOUNT)
        else:
            to_post.setdefault(row.account_reference, []).append(index)

    # The lines of one account go one after another: side by side they would collide on its balance.
    def post(indexes: Sequence[int]) -> list[Recorded]:
        tenancy_id = owner_of[rows[indexes[0]].account_reference].tenancy_id
        bundles = [indexes[start : start + _POSTED_AT_ONCE] for start in range(0, len(indexes), _POSTED_AT_ONCE)]
        return [done for some in bundles for done in _post([rows[i] for i in some], tenancy_id, at)]

    for indexes, done in zip(to_post.values(), _side_by_side(post, to_post.values()), strict=True):
        outcomes.update(zip(indexes, done, strict=True))
    return [outcomes[index] for index in range(len(rows))]


def _renew(row: ImportedAccount, account: AccountItem) -> bool:
    facts = [name for name in _OF_THE_FILE if name in row.says or name in {"kind", "name", "payment_reference"}]
    actions: list[Action] = []
    for name in facts:
        attribute, value = getattr(AccountItem, name), getattr(row, name)
        if getattr(account, name) != value:
            actions.append(attribute.remove() if value is None else attribute.set(value))
    if actions:
        store.transact(store.Update(AccountItem(pk=account.pk, sk=account.sk), actions, AccountItem.pk.exists()))
    return bool(actions)


def _open(row: ImportedAccount, at: datetime) -> bool:
    account_id = service.rent_account_id(row.reference)
    owner_at, account_at = rent.owner_key(account_id), rent.account_key(row.tenancy_id, account_id)
    account = AccountItem(
        pk=account_at.pk,
        sk=account_at.sk,
        reference=row.reference,
        kind=row.kind,
        name=row.name,
        payment_reference=row.payment_reference,
        charge_pence=row.charge_pence,
        charge_frequency=row.charge_frequency,
        next_charge_on=row.next_charge_on,
        balance_pence=0,
        postings=0,
        as_at=at,
    )
    owner = OwnerItem(pk=owner_at.pk, sk=owner_at.sk, tenancy_id=row.tenancy_id)
    try:
        store.transact(store.Put(owner, OwnerItem.new()), store.Put(account, AccountItem.new()))
    except store.Refused:
        return False  # another run of the same import was a moment faster
    return True


def _post(rows: Sequence[ImportedTransaction], tenancy_id: str, at: datetime) -> list[Recorded]:
    """Post lines of one account: together, or, where that is refused or one stands there twice, one by one."""
    lines = [
        rent.Posting(service.transaction_id(r.reference), r.posted_on, r.kind, r.description, r.amount_pence)
        for r in rows
    ]
    account_id = service.rent_account_id(rows[0].account_reference)
    if len({line.transaction_id for line in lines}) == len(lines):
        try:
            store.transact(*rent.postings(tenancy_id, account_id, lines, at, listed=True))
        except store.Refused:
            pass
        else:
            return [APPLIED] * len(rows)
    if len(rows) > 1:
        return [done for row in rows for done in _post([row], tenancy_id, at)]
    # Its own earlier try whose answer was lost, another run, or the same line twice in a file.
    (before,) = rent.stored([rent.posted_key(lines[0].transaction_id)], at)
    return [_judge(rows[0], before) if before else refused(_NO_ACCOUNT)]


def _judge(row: ImportedTransaction, before: PostedItem) -> Recorded:
    agrees = (
        before.rent_account_id == service.rent_account_id(row.account_reference)
        and before.amount_pence == row.amount_pence
    )
    same = row.taken_here or (before.posted_on == row.posted_on and before.kind == row.kind)
    return UNCHANGED if agrees and same else refused(_NEVER_CHANGED)


def _note_listed(row: ImportedTransaction, before: PostedItem, outcome: Recorded, at: datetime) -> None:
    """A payment taken here has come back: once, so that the day's report knows."""
    if row.taken_here and outcome == UNCHANGED and before.listed_at is None:
        store.transact(store.Update(before, [PostedItem.listed_at.set(at)], PostedItem.pk.exists()))


def _year(row: ImportedYear) -> YearItem:
    key = rent.year_key(row.kind, row.year_start)
    free_weeks = sorted(day.isoformat() for day in set(row.free_weeks))
    return YearItem(pk=key.pk, sk=key.sk, charged_weeks=row.charged_weeks, free_weeks=free_weeks)


def _side_by_side[A, B](work: Callable[[A], B], over: Iterable[A]) -> Iterable[B]:
    """`work` on each of `over`, on a few threads: a posting waits for DynamoDB most of its time."""
    threads = min(int(os.environ.get("IMPORT_THREADS", MOST_THREADS)), MOST_THREADS)
    if threads < 2:
        return [work(item) for item in over]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, over))
