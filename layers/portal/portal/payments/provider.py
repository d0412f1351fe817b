"""The port that every payment provider is behind: a hosted page to pay on, and signed events of what came of it.

Card details never pass through here: the provider's page takes them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portal.failures import Failure


class EventNotAccepted(Failure):
    """An event whose signature, age or content is not right."""


@dataclass(frozen=True)
class PaymentFacts:
    """What the provider is told of a payment and gives back with each event, so that one write can apply it."""

    payment_id: str
    tenancy_id: str
    customer_id: str
    reference: str
    rent_account_id: str
    rent_account_reference: str
    rent_account_name: str
    payment_reference: str
    amount_pence: int


@dataclass(frozen=True)
class ProviderEvent:
    """What came of a payment: `outcome` is a state of `portal.payments.rules`."""

    event_id: str
    outcome: str
    occurred_at: datetime
    facts: PaymentFacts


class Provider(Protocol):
    """A payment provider."""

    name: str

    def start(self, facts: PaymentFacts, at: datetime) -> str:
        """The address of the hosted page for the payment; the same one however often it is asked."""

    def read_event(self, headers: dict[str, str], body: bytes, at: datetime) -> ProviderEvent:
        """The event that the provider sent; raises EventNotAccepted unless it is signed and young."""
