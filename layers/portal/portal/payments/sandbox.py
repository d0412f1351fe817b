"""The sandbox provider: no money moves. It has a real one's shape: a hosted page, a verdict, a signed event.

| pk | sk | item | read by |
|---|---|---|---|
| SANDBOX#checkout_id | CHECKOUT | a payment that waits for a verdict, and the verdict | its page |
"""

import contextlib
import hmac
import json
from dataclasses import asdict
from datetime import UTC, datetime

from pynamodb.attributes import JSONAttribute, UnicodeAttribute

from portal import aws, ids, store
from portal.failures import Failure, NotFound
from portal.payments.provider import EventNotAccepted, PaymentFacts, ProviderEvent
from portal.payments.rules import CANCELLED, FAILED, SUCCEEDED
from portal.settings import setting

SIGNATURE_HEADER = "sandbox-signature"
VERDICTS = {"approve": SUCCEEDED, "decline": FAILED, "cancel": CANCELLED}
# An event may be five minutes old, and a minute ahead of our clock (threat T17).
_OLDEST, _YOUNGEST = 300, -60


class VerdictGiven(Failure):
    """The checkout has its verdict; the first one stands."""


class CheckoutItem(store.Item):
    """A payment on the sandbox's page."""

    class Meta:
        table_name = setting("RENT_TABLE")

    range_prefix = "CHECKOUT"

    facts = JSONAttribute()
    verdict = UnicodeAttribute(null=True)
    decided_at = store.InstantAttribute(null=True)


class Sandbox:
    """The provider as the payments domain sees it."""

    name = "sandbox"

    def start(self, facts: PaymentFacts, at: datetime) -> str:  # noqa: ARG002  (a real provider's page has an age)
        """The address of the hosted page; asked again, it is the same."""
        checkout_id = ids.derived_id("sandbox", facts.payment_id)
        item = CheckoutItem(pk=f"SANDBOX#{checkout_id}", sk="CHECKOUT", facts=asdict(facts))
        with contextlib.suppress(store.Refused):
            store.transact(store.Put(item, CheckoutItem.new()))
        return f"{setting('SITE_ORIGIN')}/api/sandbox/checkout/{checkout_id}"

    def read_event(self, headers: dict[str, str], body: bytes, at: datetime) -> ProviderEvent:
        """The event in `body`; raises EventNotAccepted unless we can trust and read it."""
        _check_signature(headers.get(SIGNATURE_HEADER, ""), body, at)
        try:
            event = json.loads(body)
            return ProviderEvent(
                str(event["id"]),
                VERDICTS[event["verdict"]],
                datetime.fromisoformat(event["occurred_at"]).astimezone(UTC),
                PaymentFacts(**event["payment"]),
            )
        except (ValueError, KeyError, TypeError):
            raise EventNotAccepted from None


def checkout(checkout_id: str, at: datetime) -> CheckoutItem:
    """The checkout; raises NotFound."""
    (found,) = store.fetch([CheckoutItem.key(f"SANDBOX#{checkout_id}", "CHECKOUT")], at)
    if found is None:
        raise NotFound
    return found  # type: ignore[no-any-return]


def decide(checkout_id: str, verdict: str, at: datetime) -> CheckoutItem:
    """Give the checkout its verdict; raises NotFound, and VerdictGiven where it has one."""
    found = checkout(checkout_id, at)
    actions = [CheckoutItem.verdict.set(verdict), CheckoutItem.decided_at.set(at)]
    try:
        store.transact(store.Update(found, actions, CheckoutItem.pk.exists() & CheckoutItem.verdict.does_not_exist()))
    except store.Refused:
        raise VerdictGiven from None
    found.verdict, found.decided_at = verdict, at
    return found


def signed_event(found: CheckoutItem, at: datetime) -> tuple[dict[str, str], bytes]:
    """The event that tells of the checkout's verdict: headers and body. Sent again it has the same id."""
    event = {
        "id": ids.derived_id("sandbox event", found.pk),
        "verdict": found.verdict,
        "occurred_at": found.decided_at.isoformat(),
        "payment": found.facts,
    }
    body = json.dumps(event).encode()
    sent_at = int(at.timestamp())
    signature = f"t={sent_at},v1={_signature(sent_at, body)}"
    return {SIGNATURE_HEADER: signature, "content-type": "application/json"}, body


def _signature(sent_at: int, body: bytes) -> str:
    key, _ = aws.secret(setting("SANDBOX_SECRET_ARN"))
    return hmac.digest(key.encode(), f"{sent_at}.".encode() + body, "sha256").hex()


def _check_signature(header: str, body: bytes, at: datetime) -> None:
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    sent, given = parts.get("t", ""), parts.get("v1", "")
    if not (sent.isascii() and sent.isdigit() and len(sent) <= 12 and given.isascii()):
        raise EventNotAccepted
    age = int(at.timestamp()) - int(sent)
    if not (_YOUNGEST <= age <= _OLDEST) or not hmac.compare_digest(given, _signature(int(sent), body)):
        raise EventNotAccepted
