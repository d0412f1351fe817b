"""The states of a payment and what leads from one to another."""

from portal.failures import FieldError

CREATED, PENDING = "created", "pending"
SUCCEEDED, FAILED, CANCELLED, EXPIRED = "succeeded", "failed", "cancelled", "expired"

# Money taken always posts, so a late success follows every other end; no end follows a success.
LEADS_TO: dict[str, frozenset[str]] = {
    CREATED: frozenset({PENDING, SUCCEEDED, FAILED, CANCELLED, EXPIRED}),
    PENDING: frozenset({SUCCEEDED, FAILED, CANCELLED, EXPIRED}),
    FAILED: frozenset({SUCCEEDED}),
    CANCELLED: frozenset({SUCCEEDED}),
    EXPIRED: frozenset({SUCCEEDED}),
    SUCCEEDED: frozenset(),
}


def states_before(status: str) -> list[str]:
    """The states that `status` may follow, in the order of the alphabet."""
    return sorted(before for before, after in LEADS_TO.items() if status in after)


def amount_trouble(amount_pence: int, *, least: int, most: int) -> FieldError | None:
    """What is wrong with an amount to pay, or None; all in whole pence, from `least` to `most`."""
    if least <= amount_pence <= most:
        return None
    return FieldError("amount_pence", f"Pay an amount from {_pounds(least)} to {_pounds(most)}")


def _pounds(pence: int) -> str:
    return f"£{pence // 100:,}" + (f".{pence % 100:02}" if pence % 100 else "")


def payment_reference(payment_id: str) -> str:
    """What the tenant, the provider and the landlord's system call the payment: the id's 60 random bits."""
    return f"P{payment_id[-12:].upper()}"
