"""Sessions: opened at log in, proved by a token at every request, ended by log off, a new password or time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from pynamodb.expressions.condition import Condition

from portal import ids, store
from portal.clock import epoch
from portal.failures import Failure
from portal.identity import rules, secrets
from portal.identity import store as identity
from portal.identity.store import CustomerItem, SessionItem
from portal.tenancies.service import Tenancy


class NotLoggedIn(Failure):
    """There is no session, or it has ended."""


class PasswordChangeRequired(Failure):
    """The session was opened by a temporary password, which lets its holder choose a new one and nothing else."""


@dataclass(frozen=True)
class Session:
    """A verified session: who is logged in, and which of their tenancies they look at.

    `beside` holds the items that were asked for in the same call, in order, None for each that is absent.
    `last_visit_at` is when the same browser logged in the time before, None where it does not show that.
    """

    session_id: str
    customer_id: str
    tenancy_id: str
    started_at: datetime
    ends_at: datetime
    idle: timedelta
    temporary: bool
    temporary_proof: str | None
    beside: Sequence[Any] = field(default=(), repr=False)
    last_visit_at: datetime | None = None
    era: str | None = None

    @property
    def person_id(self) -> str:
        """The person in the landlord's record: the customer's id is the person's."""
        return self.customer_id


@dataclass(frozen=True)
class NewSession:
    """A session to be opened: the write that opens it, and the cookie that proves it."""

    write: store.Put
    cookie: str
    session: Session


@dataclass(frozen=True)
class SignedIn:
    """A customer with a session just opened. `device` proves to later log-ins that this browser was here."""

    session: NewSession
    tenancies: Sequence[Tenancy]
    password_change_required: bool
    device: str | None


def new_session(
    customer_id: str,
    tenancy_id: str,
    device: str,
    at: datetime,
    *,
    shared_computer: bool = False,
    temporary_proof: str | None = None,
    started_at: datetime | None = None,
    last_visit_at: datetime | None = None,
    era: str | None = None,
) -> NewSession:
    """A session with a new token; nothing is written yet.

    `temporary_proof` is the hash of the temporary password that opens it. `started_at` is that of the session it
    takes the place of, so that choosing a tenancy does not lengthen the twelve hours. `era` is the customer's.
    """
    token, session_id = secrets.new_token(), ids.new_id(at)
    idle = rules.IDLE_ON_SHARED_COMPUTER if shared_computer else rules.IDLE
    started = started_at or at
    ends_at = rules.session_ends_at(started, at, idle)
    key = identity.session_key(customer_id, session_id)
    item = SessionItem(
        pk=key.pk,
        sk=key.sk,
        token_hash=secrets.token_hash(token),
        tenancy_id=tenancy_id,
        started_at=started,
        last_seen_at=at,
        idle_seconds=int(idle.total_seconds()),
        device=device,
        temporary=temporary_proof is not None,
        temporary_proof=temporary_proof,
        last_visit_at=last_visit_at,
        era=era,
        expires_at=epoch(ends_at),
    )
    cookie = f"{session_id}.{customer_id}.{tenancy_id}.{token}"
    return NewSession(store.Put(item, SessionItem.new()), cookie, _session(item, ()))


def open_session(
    cookie: str | None,
    at: datetime,
    *,
    beside: Callable[..., Sequence[store.Key]] | None = None,
    temporary: bool = False,
) -> Session:
    """The session that the cookie's token proves, and the items that `beside` names, in one strongly consistent read.

    `beside` is called with a session made of what the cookie says, to name keys only: what they hold is
    given out after the token has proved it. That the customer was seen is written at most once a minute.

    Raises:
        NotLoggedIn: no such session, another token, its time is over, or a new password or address ended it.
        PasswordChangeRequired: it was opened by a temporary password and `temporary` is not set.
    """
    session_id, customer_id, tenancy_id, token = _parts(cookie)
    claimed = Session(session_id, customer_id, tenancy_id, at, at, timedelta(0), False, None)
    keys = beside(claimed) if beside else ()
    own = [identity.session_key(customer_id, session_id), identity.customer_key(customer_id)]
    item, customer, *others = store.fetch([*own, *keys], at)
    if item is None or not secrets.same(secrets.token_hash(token), item.token_hash) or item.tenancy_id != tenancy_id:
        raise NotLoggedIn
    if item.era != (customer.era if customer else None):
        raise NotLoggedIn
    if item.temporary and not temporary:
        raise PasswordChangeRequired
    if at - item.last_seen_at >= rules.NOTED_EVERY:
        _note_seen(item, at)
    return _session(item, others)


def key_of_replaced(cookie: str | None) -> list[store.Key]:
    """Where the session is whose cookie is about to be replaced, to be read beside something else; none without one."""
    try:
        session_id, customer_id, *_ = _parts(cookie)
    except NotLoggedIn:
        return []
    return [identity.session_key(customer_id, session_id)]


def replaced(cookie: str | None, found: Sequence[SessionItem | None]) -> list[store.Write]:
    """The write that ends the session that was found by that key, where the cookie proves it (ASVS 5.0 7.2.4)."""
    token_hash = secrets.token_hash((cookie or "").rpartition(".")[2])
    return [store.Delete(item) for item in found if item and secrets.same(token_hash, item.token_hash)]


def _parts(cookie: str | None) -> Sequence[str]:
    parts = (cookie or "").split(".")
    if len(parts) != 4 or not all(ids.is_id(part) for part in parts[:3]):
        raise NotLoggedIn
    return parts


def _note_seen(item: SessionItem, at: datetime) -> None:
    idle = timedelta(seconds=int(item.idle_seconds))
    # Any call of ours means that a payment's page is left, and with it the longer end that it gave.
    expires_at = epoch(rules.session_ends_at(item.started_at, at, idle))
    actions = [SessionItem.last_seen_at.set(at), SessionItem.expires_at.set(expires_at)]
    try:
        store.transact(store.Update(item, actions, SessionItem.live(at)))
    except store.Refused:
        raise NotLoggedIn from None
    item.last_seen_at, item.expires_at = at, expires_at


def _session(item: SessionItem, beside: Sequence[Any]) -> Session:
    customer_id = item.pk.removeprefix("CUSTOMER#")
    idle = timedelta(seconds=int(item.idle_seconds))
    return Session(
        item.sk.removeprefix(SessionItem.range_prefix),
        customer_id,
        item.tenancy_id,
        item.started_at,
        datetime.fromtimestamp(int(item.expires_at), item.started_at.tzinfo),
        idle,
        bool(item.temporary),
        item.temporary_proof,
        beside,
        item.last_visit_at,
        item.era,
    )


def keep_open_while_paying(session: Session, at: datetime) -> store.Update:
    """The write that lets the session idle as long as the provider's hosted page may stay open: 30 minutes."""
    key = identity.session_key(session.customer_id, session.session_id)
    ends_at = rules.session_ends_at(session.started_at, at, max(session.idle, rules.IDLE_WHILE_PAYING))
    actions = [SessionItem.last_seen_at.set(at), SessionItem.expires_at.set(epoch(ends_at))]
    return store.Update(SessionItem(pk=key.pk, sk=key.sk), actions, SessionItem.live(at))


def ending(session: Session, at: datetime) -> store.Delete:
    """The write that ends the session; it is refused where that has ended meanwhile."""
    key = identity.session_key(session.customer_id, session.session_id)
    return store.Delete(SessionItem(pk=key.pk, sk=key.sk), SessionItem.live(at))


def in_era(session: Session) -> Condition:
    """The condition on the customer that no new password or address has ended the session."""
    same = CustomerItem.era.does_not_exist() if session.era is None else CustomerItem.era == session.era
    return cast(Condition, same)


def still_open(session: Session, at: datetime) -> list[store.Write]:
    """The checks that stop a write where the session has ended meanwhile, alone or with the customer's others."""
    own, customer = (
        identity.session_key(session.customer_id, session.session_id),
        identity.customer_key(session.customer_id),
    )
    return [
        store.Check(SessionItem(pk=own.pk, sk=own.sk), SessionItem.live(at)),
        store.Check(CustomerItem(pk=customer.pk, sk=customer.sk), in_era(session)),
    ]
