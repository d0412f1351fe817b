"""The port that every payment provider is behind: a hosted page to pay on, and its word on what came of it.

Card details never pass through here: the provider's page takes them.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Protocol

from portal.failures import Failure

# An event may be five minutes old, and a minute ahead of our clock (threat T17).
_OLDEST, _YOUNGEST = 300, -60
_LONGEST_HEADER = 2_000


class EventNotAccepted(Failure):
    """An event whose signature, age or content is not right."""


class NotAsAgreed(Exception):
    """A signed event that we cannot read, or that is not as our payment is. `why` has no personal data."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class CardGone(Exception):
    """The provider has that card no more."""


class ProviderSilent(Failure):
    """The provider could not be asked, or did not answer in time. Asked again, it does what it was asked once."""


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
    """What came of a payment: `outcome` is a state of `portal.payments.rules`.

    `pending` says that the tenant has paid on the page and the bank takes its time. `moved_pence` is what was paid back
    in all so far where the outcome is `refunded`, and what the dispute is about where there is one, whose id at the
    provider is `dispute`. `earlier` has when that happened which came before (`rules.COMES_AFTER`), by its outcome.
    """

    event_id: str
    outcome: str
    occurred_at: datetime
    facts: PaymentFacts
    moved_pence: int = 0
    dispute: str = ""
    earlier: Mapping[str, datetime] = field(default_factory=dict)


class Unread(NamedTuple):
    """Money that moved at the provider and is no payment that we know how to read: its id there, and why."""

    provider_id: str
    why: str


class Checkout(NamedTuple):
    """A hosted page: the provider's id for it, and its address."""

    checkout_id: str
    url: str


@dataclass(frozen=True)
class CardFacts:
    """What the provider is told of a card to be saved, and gives back with its event: whose regular payment it is."""

    schedule_id: str
    tenancy_id: str
    customer_id: str


class Card(NamedTuple):
    """A saved card: the provider's ids of who pays and of the card. Never logged."""

    payer_id: str
    card_id: str


@dataclass(frozen=True)
class CardEvent:
    """What came of a page on which a card was to be saved: the card, or None where there will be none."""

    facts: CardFacts
    card: Card | None


class Provider(Protocol):
    """A payment provider."""

    name: str

    def start(self, facts: PaymentFacts, created_at: datetime) -> Checkout:
        """The hosted page for the payment; the same one however often it is asked. Raises ProviderSilent."""

    def read_event(self, headers: dict[str, str], body: bytes, at: datetime) -> ProviderEvent | CardEvent | None:
        """The event that the provider sent, None where it is of a kind that tells us nothing.

        Raises:
            EventNotAccepted: it is not signed by the provider, or not young.
            NotAsAgreed: it is signed, and cannot be read.
            ProviderSilent: the provider had to be asked what the event is about.
        """

    def look_up(self, checkout_id: str, at: datetime) -> Sequence[ProviderEvent]:
        """What came of the payment on that page, in order; nothing while it goes on.

        A page that nobody paid on is closed once `rules.CHECKOUT_LIFE` is over, and a charge that nobody went on with
        once `rules.CHARGE_LIFE` is. Raises ProviderSilent, NotAsAgreed.
        """

    def moved_on(self, day: date, at: datetime) -> Iterator[ProviderEvent | Unread]:
        """What came of each payment that was begun on that London day and taken, or of which some was paid back then.

        What moved there for another purpose than our payments is `Unread`. Raises ProviderSilent.
        """

    def save_card(self, facts: CardFacts, created_at: datetime) -> Checkout:
        """The hosted page on which a card is saved, the same one however often it is asked. Raises ProviderSilent."""

    def look_up_card(self, checkout_id: str, at: datetime) -> CardEvent | None:
        """What came of that page; None while it is open. Raises ProviderSilent, NotAsAgreed."""

    def prepare_charge(self, facts: PaymentFacts, card: Card, at: datetime) -> str:
        """The provider's id of a charge of a saved card, which takes no money yet. Raises ProviderSilent, CardGone."""

    def charge(self, charge_id: str, at: datetime) -> Sequence[ProviderEvent]:
        """Take the money of a prepared charge, once however often it is asked; what came of it, as `look_up` says.

        Raises ProviderSilent, and then it may have been taken or not; NotAsAgreed.
        """

    def forget_card(self, card: Card) -> None:
        """Take the card away at the provider; one that is gone already is. Raises ProviderSilent."""


def check_signature(header: str, body: bytes, keys: Sequence[str], at: datetime) -> None:
    """Raise EventNotAccepted unless `header` is `t=<epoch seconds>,v1=<hex HMAC-SHA-256>[,v1=…]` by one of `keys`.

    The signature is over the seconds, a full stop and the body, and may be 300 s old or 60 s ahead of `at`.
    Stripe's scheme, which the sandbox has too: https://docs.stripe.com/webhooks#verify-manually. Its library is not
    used for it: it takes events from the future, and a signature that is not ASCII is a TypeError there (T17).
    """
    if len(header) > _LONGEST_HEADER or not header.isascii():
        raise EventNotAccepted
    parts = [part.strip().partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in parts if name == "t"]
    given = [value for name, value in parts if name == "v1"]
    if len(times) != 1 or not times[0].isdigit() or len(times[0]) > 12:
        raise EventNotAccepted
    age = int(at.timestamp()) - int(times[0])
    right = [signature(key, int(times[0]), body) for key in keys]
    # Every pair is compared, whatever matches.
    matches = [hmac.compare_digest(one, other) for one in given for other in right]
    if not (_YOUNGEST <= age <= _OLDEST) or not any(matches):
        raise EventNotAccepted


def signature(key: str, sent_at: int, body: bytes) -> str:
    """The signature of `body` sent at that epoch second."""
    return hmac.digest(key.encode(), f"{sent_at}.".encode() + body, "sha256").hex()
