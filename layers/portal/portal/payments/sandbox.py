"""The sandbox provider: no money moves. It has a real one's shape: a hosted page, a verdict, signed events.

| pk | sk | item | read by |
|---|---|---|---|
| SANDBOX#checkout_id | CHECKOUT | a payment on the sandbox's page, and what came of it | its page, look-ups |
| SANDBOX#checkout_id | CARD | a card on the sandbox's page, and what its charges come to | its page, look-ups |
| SANDBOX#day | APPROVED#checkout_id | a payment that was approved on that London day | the day's report |
| SANDBOX#day | REFUNDED#checkout_id | a payment of which some was paid back on that London day | the day's report |
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from portal import aws, clock, ids, store
from portal.failures import Failure, NotFound
from portal.payments import rules
from portal.payments.provider import (
    Card,
    CardEvent,
    CardFacts,
    Checkout,
    NotAsAgreed,
    PaymentFacts,
    ProviderEvent,
    ProviderSilent,
    Unread,
    check_signature,
    signature,
)
from portal.payments.rules import CANCELLED, DISPUTE_WON, DISPUTED, EXPIRED, FAILED, REFUNDED, SUCCEEDED
from portal.settings import setting

SIGNATURE_HEADER = "sandbox-signature"
CHARGES = frozenset({"approve", "decline", "slow", "silent", "lost"})
"""What charges of a card can come to: taken, refused, not known yet, not answered, or taken and not answered."""
VERDICTS = {"approve": SUCCEEDED, "decline": FAILED, "cancel": CANCELLED, "expire": EXPIRED}
_AFTERWARDS = {"refund": REFUNDED, "dispute": DISPUTED, "win": DISPUTE_WON}


class VerdictGiven(Failure):
    """The checkout has its verdict, the first one, and it stands; or nothing was paid that could be given back."""


class _Item(store.Item):
    class Meta:
        table_name = setting("RENT_TABLE")


class CheckoutItem(_Item):
    """A payment on the sandbox's page."""

    range_prefix = "CHECKOUT"

    facts = JSONAttribute()
    created_at = store.InstantAttribute()
    verdict = UnicodeAttribute(null=True)
    decided_at = store.InstantAttribute(null=True)
    refunded_pence = store.PenceAttribute(null=True)
    refunded_at = store.InstantAttribute(null=True)
    disputed_at = store.InstantAttribute(null=True)
    won_at = store.InstantAttribute(null=True)
    card = UnicodeAttribute(null=True)


class CardItem(_Item):
    """A card on the sandbox's page. `charges` is what the sandbox was told to do with charges of it."""

    range_prefix = "CARD"

    facts = JSONAttribute()
    created_at = store.InstantAttribute()
    verdict = UnicodeAttribute(null=True)
    charges = UnicodeAttribute(null=True)


class ApprovedItem(_Item):
    """A payment that was approved that day."""

    range_prefix = "APPROVED#"


class RefundedItem(_Item):
    """A payment of which some was paid back that day."""

    range_prefix = "REFUNDED#"


class Sandbox:
    """The provider as the payments domain sees it."""

    name = "sandbox"

    def start(self, facts: PaymentFacts, created_at: datetime) -> Checkout:
        """The address of the hosted page; asked again, it is the same."""
        checkout_id = ids.derived_id("sandbox", facts.payment_id)
        item = CheckoutItem(
            pk=f"SANDBOX#{checkout_id}", sk="CHECKOUT", facts=asdict(facts), created_at=created_at
        )  # fmt: skip
        with contextlib.suppress(store.Refused):
            store.transact(store.Put(item, CheckoutItem.new()))
        return Checkout(checkout_id, f"{setting('SITE_ORIGIN')}/api/sandbox/checkout/{checkout_id}")

    def read_event(self, headers: dict[str, str], body: bytes, at: datetime) -> ProviderEvent | CardEvent | None:
        """The event in `body`; raises EventNotAccepted unless we can trust it, NotAsAgreed unless we can read it."""
        check_signature(headers.get(SIGNATURE_HEADER, ""), body, [_key()], at)
        try:
            event = json.loads(body)
            return _read_card(event) if "card" in event else _read(event)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise NotAsAgreed("the sandbox's event has another shape") from None

    def look_up(self, checkout_id: str, at: datetime) -> Sequence[ProviderEvent]:
        """What came of the payment on that page; a page that is too old is closed by it."""
        try:
            found = checkout(checkout_id, at)
        except NotFound:
            raise NotAsAgreed("the sandbox has no such page") from None
        if found.verdict is None and at >= found.created_at + _life(found):
            try:
                found = decide(checkout_id, "expire", at)
            except VerdictGiven:
                found = checkout(checkout_id, at)
        return [_read(event) for event in events_of(found)]

    def moved_on(self, day: date, at: datetime) -> Iterator[ProviderEvent | Unread]:
        """What came of each payment that was approved on that London day, or of which some was paid back on it."""
        moved = list(store.query_kinds((ApprovedItem, RefundedItem), f"SANDBOX#{day}", at))
        for checkout_id in dict.fromkeys(item.sk.removeprefix(item.range_prefix) for item in moved):
            yield from self.look_up(checkout_id, at)

    def save_card(self, facts: CardFacts, created_at: datetime) -> Checkout:
        """The address of the hosted page that saves a card; asked again, it is the same."""
        checkout_id = ids.derived_id("sandbox card", facts.schedule_id)
        item = CardItem(pk=f"SANDBOX#{checkout_id}", sk="CARD", facts=asdict(facts), created_at=created_at)
        with contextlib.suppress(store.Refused):
            store.transact(store.Put(item, CardItem.new()))
        return Checkout(checkout_id, f"{setting('SITE_ORIGIN')}/api/sandbox/card/{checkout_id}")

    def look_up_card(self, checkout_id: str, at: datetime) -> CardEvent | None:
        """What came of that page; one that is too old is closed by it."""
        try:
            found = card(checkout_id, at)
        except NotFound:
            raise NotAsAgreed("the sandbox has no such page") from None
        if found.verdict is None and at < found.created_at + rules.CHECKOUT_LIFE:
            return None
        return _read_card(card_event_of(found))

    def prepare_charge(self, facts: PaymentFacts, card: Card, at: datetime) -> str:
        """A checkout without a page, which nobody has decided yet; asked again, it is the same."""
        charge_id = ids.derived_id("sandbox charge", facts.payment_id)
        item = CheckoutItem(
            pk=f"SANDBOX#{charge_id}", sk="CHECKOUT", facts=asdict(facts), created_at=at, card=card.card_id
        )  # fmt: skip
        try:
            store.transact(store.Put(item, CheckoutItem.new()))
        except store.Refused as refused:
            if refused.stored[0] is None:
                raise ProviderSilent from None
        return charge_id

    def charge(self, charge_id: str, at: datetime) -> Sequence[ProviderEvent]:
        """Decide the charge as the card was told to, and say what came of it; a card that is gone is refused."""
        try:
            found = checkout(charge_id, at)
        except NotFound:
            raise NotAsAgreed("the sandbox has no such charge") from None
        try:
            charges = card(found.card or "", at).charges or "approve"
        except NotFound:
            charges = "decline"
        if charges == "silent":
            raise ProviderSilent
        if charges != "slow":
            with contextlib.suppress(VerdictGiven):
                decide(charge_id, "decline" if charges == "decline" else "approve", at)
        if charges == "lost":
            raise ProviderSilent
        return self.look_up(charge_id, at)

    def forget_card(self, card: Card) -> None:
        """Take the card away."""
        store.transact(store.Delete(CardItem(pk=f"SANDBOX#{card.card_id}", sk="CARD")))


def _life(found: CheckoutItem) -> timedelta:
    return rules.CHARGE_LIFE if found.card else rules.CHECKOUT_LIFE


def _read_card(event: dict[str, Any]) -> CardEvent:
    saved = event["card"]
    return CardEvent(CardFacts(**event["facts"]), Card(saved["payer_id"], saved["card_id"]) if saved else None)


def card(checkout_id: str, at: datetime) -> CardItem:
    """The card's page; raises NotFound."""
    (found,) = store.fetch([CardItem.key(f"SANDBOX#{checkout_id}", "CARD")], at)
    if found is None:
        raise NotFound
    return found  # type: ignore[no-any-return]


def decide_card(checkout_id: str, verdict: str, at: datetime) -> CardItem:
    """Give the card's page its verdict; raises NotFound, and VerdictGiven where it has one or is too old."""
    found = card(checkout_id, at)
    if verdict not in {"approve", "decline", "cancel"}:
        raise NotFound
    if at >= found.created_at + rules.CHECKOUT_LIFE:
        raise VerdictGiven
    undecided = CardItem.pk.exists() & CardItem.verdict.does_not_exist()
    try:
        store.transact(store.Update(found, [CardItem.verdict.set(verdict)], undecided))
    except store.Refused:
        raise VerdictGiven from None
    found.verdict = verdict
    return found


def tell_card(checkout_id: str, charges: str, at: datetime) -> None:
    """From now on charges of the card come to that, one of CHARGES; raises NotFound."""
    store.transact(store.Update(card(checkout_id, at), [CardItem.charges.set(charges)]))


def card_event_of(found: CardItem) -> dict[str, Any]:
    """What the sandbox tells of the page once it is over."""
    checkout_id = found.pk.removeprefix("SANDBOX#")
    saved = {"payer_id": ids.derived_id("sandbox payer", checkout_id), "card_id": checkout_id}
    return {"facts": found.facts, "card": saved if found.verdict == "approve" else None}


def _read(event: dict[str, Any]) -> ProviderEvent:
    moved = event.get("moved_pence", 0)
    facts = PaymentFacts(**event["payment"])
    if type(moved) is not int or type(facts.amount_pence) is not int or not isinstance(event["id"], str):
        raise TypeError
    return ProviderEvent(
        event["id"],
        (VERDICTS | _AFTERWARDS)[event["verdict"]],
        datetime.fromisoformat(event["occurred_at"]).astimezone(UTC),
        facts,
        moved_pence=moved,
        dispute=event.get("dispute", ""),
        earlier={
            outcome: datetime.fromisoformat(event[name]).astimezone(UTC)
            for outcome, name in ((SUCCEEDED, "paid_at"), (DISPUTED, "disputed_at"))
            if name in event
        },
    )


def checkout(checkout_id: str, at: datetime) -> CheckoutItem:
    """The checkout; raises NotFound."""
    (found,) = store.fetch([CheckoutItem.key(f"SANDBOX#{checkout_id}", "CHECKOUT")], at)
    if found is None:
        raise NotFound
    return found  # type: ignore[no-any-return]


def decide(checkout_id: str, verdict: str, at: datetime) -> CheckoutItem:
    """Give the checkout its verdict; raises NotFound, and VerdictGiven where it has one or nobody may pay any more."""
    found = checkout(checkout_id, at)
    if verdict != "expire" and at >= found.created_at + _life(found):
        raise VerdictGiven
    also: list[store.Write] = []
    if verdict == "approve":
        day = clock.london_date(at)
        also.append(store.Put(ApprovedItem(pk=f"SANDBOX#{day}", sk=f"{ApprovedItem.range_prefix}{checkout_id}")))
    actions = [CheckoutItem.verdict.set(verdict), CheckoutItem.decided_at.set(at)]
    _change(found, actions, CheckoutItem.pk.exists() & CheckoutItem.verdict.does_not_exist(), also)
    found.verdict, found.decided_at = verdict, at
    return found


def refund(checkout_id: str, amount_pence: int | None, at: datetime) -> CheckoutItem:
    """Pay back `amount_pence` of an approved payment, or all that is left; raises NotFound, VerdictGiven."""
    found = checkout(checkout_id, at)
    before = found.refunded_pence or 0
    total = before + amount_pence if amount_pence is not None else found.facts["amount_pence"]
    if found.verdict != "approve" or not before < total <= found.facts["amount_pence"]:
        raise VerdictGiven
    as_read = CheckoutItem.refunded_pence == before if before else CheckoutItem.refunded_pence.does_not_exist()
    that_day = RefundedItem(pk=f"SANDBOX#{clock.london_date(at)}", sk=f"{RefundedItem.range_prefix}{checkout_id}")
    actions = [CheckoutItem.refunded_pence.set(total), CheckoutItem.refunded_at.set(at)]
    _change(found, actions, as_read, [store.Put(that_day)])
    found.refunded_pence, found.refunded_at = total, at
    return found


def dispute(checkout_id: str, at: datetime) -> CheckoutItem:
    """The card's holder has asked the bank for the money back; raises NotFound, VerdictGiven."""
    found = checkout(checkout_id, at)
    if found.verdict != "approve":
        raise VerdictGiven
    _change(found, [CheckoutItem.disputed_at.set(at)], CheckoutItem.disputed_at.does_not_exist())
    found.disputed_at = at
    return found


def win(checkout_id: str, at: datetime) -> CheckoutItem:
    """The bank decides the dispute for the landlord; raises NotFound, VerdictGiven."""
    found = checkout(checkout_id, at)
    _change(
        found,
        [CheckoutItem.won_at.set(at)],
        CheckoutItem.disputed_at.exists() & CheckoutItem.won_at.does_not_exist(),
    )
    found.won_at = at
    return found


def _change(
    found: CheckoutItem, actions: Sequence[Action], condition: Condition, also: Sequence[store.Write] = ()
) -> None:
    try:
        store.transact(store.Update(found, actions, condition), *also)
    except store.Refused:
        raise VerdictGiven from None


def events_of(found: CheckoutItem) -> list[dict[str, Any]]:
    """What the sandbox tells of the checkout, in the order in which it happened. Told again, each has the same id."""
    if found.verdict is None:
        return []
    total, amount = found.refunded_pence or 0, found.facts["amount_pence"]
    told = [_told(found, found.verdict, found.decided_at)]
    paid = {"paid_at": found.decided_at.isoformat()} if found.decided_at else {}
    if found.refunded_at:
        told.append(_told(found, "refund", found.refunded_at, moved_pence=total, **paid))
    dispute = {"moved_pence": amount - total, "dispute": ids.derived_id("sandbox dispute", found.pk), **paid}
    if found.disputed_at:
        told.append(_told(found, "dispute", found.disputed_at, **dispute))
        if found.won_at:
            told.append(_told(found, "win", found.won_at, disputed_at=found.disputed_at.isoformat(), **dispute))
    return told


def _told(found: CheckoutItem, verdict: str, occurred_at: datetime, **more: Any) -> dict[str, Any]:
    which = found.pk if verdict in VERDICTS else f"{found.pk}/{verdict}/{more.get('moved_pence')}"
    return {
        "id": ids.derived_id("sandbox event", which),
        "verdict": verdict,
        "occurred_at": occurred_at.isoformat(),
        "payment": found.facts,
        **more,
    }


def earlier_decline(found: CheckoutItem) -> dict[str, Any]:
    """What the sandbox tells where a first card was declined before the one that was approved."""
    event = _told(found, "decline", found.created_at)
    return event | {"id": ids.derived_id("sandbox event", f"{found.pk}/first card")}


def signed_event(found: CheckoutItem, at: datetime) -> tuple[dict[str, str], bytes]:
    """The event that tells of the checkout's verdict: headers and body."""
    return signed(_told(found, found.verdict, found.decided_at), at)


def signed(event: dict[str, Any], at: datetime) -> tuple[dict[str, str], bytes]:
    """An event as it is sent at `at`: headers and body."""
    body = json.dumps(event).encode()
    sent_at = int(at.timestamp())
    header = f"t={sent_at},v1={signature(_key(), sent_at, body)}"
    return {SIGNATURE_HEADER: header, "content-type": "application/json"}, body


def _key() -> str:
    key, _ = aws.secret(setting("SANDBOX_SECRET_ARN"))
    return key
