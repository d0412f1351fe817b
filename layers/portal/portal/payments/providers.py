"""Which payment provider the landlord has: the template's parameter PaymentProvider says."""

from portal.failures import Failure, NotFound
from portal.payments.provider import Provider
from portal.settings import setting

NONE = "none"


class NoPaymentsHere(Failure):
    """The landlord has no payment provider set up."""


def the_provider() -> Provider:
    """The landlord's provider; raises NoPaymentsHere."""
    match setting("PAYMENT_PROVIDER"):
        case "sandbox":
            from portal.payments.sandbox import Sandbox

            return Sandbox()
        case "stripe":
            from portal.payments.stripe_checkout import Stripe

            return Stripe()
    raise NoPaymentsHere


def provider_called(name: str) -> Provider:
    """The landlord's provider, where it has that name; raises NotFound."""
    if name != setting("PAYMENT_PROVIDER") or name == NONE:
        raise NotFound
    return the_provider()
