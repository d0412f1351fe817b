"""The states of a payment, what leads from one to another, and what is asked of whom and when."""

from datetime import date, datetime, timedelta

from portal import clock, ids
from portal.failures import FieldError

CREATED, PENDING = "created", "pending"
SUCCEEDED, FAILED, CANCELLED, EXPIRED = "succeeded", "failed", "cancelled", "expired"
REFUNDED, DISPUTED, DISPUTE_WON = "refunded", "disputed", "dispute_won"

# Money taken always posts, so a late success follows every other end; none of these follows a success. Money that is
# paid back always posts too, whatever the state (a refund that is heard of late, after a dispute); the state changes
# only along this table.
LEADS_TO: dict[str, frozenset[str]] = {
    CREATED: frozenset({PENDING, SUCCEEDED, FAILED, CANCELLED, EXPIRED}),
    PENDING: frozenset({SUCCEEDED, FAILED, CANCELLED, EXPIRED}),
    FAILED: frozenset({SUCCEEDED}),
    CANCELLED: frozenset({SUCCEEDED}),
    EXPIRED: frozenset({SUCCEEDED}),
    SUCCEEDED: frozenset({REFUNDED, DISPUTED}),
    REFUNDED: frozenset({REFUNDED, DISPUTED}),
    DISPUTED: frozenset({DISPUTE_WON}),
    DISPUTE_WON: frozenset({REFUNDED, DISPUTED}),
}
WAITING = frozenset({CREATED, PENDING})
"""Nobody knows yet what becomes of the payment."""

TAKEN = frozenset({SUCCEEDED, REFUNDED, DISPUTED, DISPUTE_WON})
"""The money was taken, whatever became of it since: there is a receipt."""

COMES_AFTER: dict[str, tuple[str, ...]] = {
    REFUNDED: (SUCCEEDED,),
    DISPUTED: (SUCCEEDED,),
    DISPUTE_WON: (SUCCEEDED, DISPUTED),
}
"""What must have happened before: whoever hears of a refund first knows that the money was taken."""

CHECKOUT_LIFE = timedelta(minutes=45)
"""How long a provider's page can be paid on: it outlives the session, which idles 30 minutes while the page is open.

Source: Stripe takes 30 minutes to 24 hours (https://docs.stripe.com/api/checkout/sessions/create, expires_at).
"""

CHARGE_LIFE = timedelta(days=1)
"""How long a charge of a saved card that was prepared is gone on with. Later it takes no money any more."""

ASKED_ABOUT_AFTER = timedelta(minutes=15)
"""A payment that has waited so long is asked about: by then the provider's events have come, or are lost."""

OVERDUE_AFTER = timedelta(hours=1)
"""A payment that waits longer than this is told to the operators."""

LISTED_WITHIN = timedelta(days=7)
"""By when the housing system should have sent back a payment taken here: it is collected and delivered nightly."""


def states_before(status: str) -> list[str]:
    """The states that `status` may follow, in the order of the alphabet."""
    return sorted(before for before, after in LEADS_TO.items() if status in after)


def status_after(status: str, outcome: str) -> str:
    """The state of a payment in `status` once `outcome` is known: `outcome` where that may follow, else unchanged."""
    return outcome if outcome in LEADS_TO[status] else status


def amount_trouble(amount_pence: int, *, least: int, most: int) -> FieldError | None:
    """What is wrong with an amount to pay, or None; all in whole pence, from `least` to `most`."""
    if least <= amount_pence <= most:
        return None
    return FieldError("amount_pence", f"Pay an amount from {_pounds(least)} to {_pounds(most)}")


WEEKLY, FORTNIGHTLY, FOUR_WEEKLY, MONTHLY = "weekly", "fortnightly", "four_weekly", "monthly"
EACH = {WEEKLY: "a week", FORTNIGHTLY: "every two weeks", FOUR_WEEKLY: "every four weeks", MONTHLY: "a month"}
"""How often a tenant offers to pay, and how that is said."""

OFFER_KEPT_AFTER = timedelta(days=14)
"""How long an offer is still shown once the day is over by which it should have been answered."""


def offer_trouble(amount_pence: int, *, least: int, owed_pence: int) -> FieldError | None:
    """What is wrong with an amount that is offered each time, or None: from `least` to all that is owed, in pence."""
    if least <= amount_pence <= owed_pence:
        return None
    most = f"the {_pounds(owed_pence)} that you owe"
    return FieldError("amount_pence", f"Offer an amount from {_pounds(least)} to {most}")


def offer_ends_at(answer_by: date) -> datetime:
    """Until when an offer is shown that should be answered by the end of that London day."""
    return clock.end_of_day(answer_by) + OFFER_KEPT_AFTER


def offer_status(answer_by: date, at: datetime) -> str:
    """`waiting` up to the end of the day by which the landlord answers, `answer_due` from then on.

    The landlord answers by phone or letter, and no file says that it was done: so nothing else is known here.
    """
    return "waiting" if at <= clock.end_of_day(answer_by) else "answer_due"


def _pounds(pence: int) -> str:
    return f"£{pence // 100:,}" + (f".{pence % 100:02}" if pence % 100 else "")


def payment_reference(payment_id: str) -> str:
    """What the tenant, the provider and the landlord's system call the payment: the id's 60 random bits."""
    return f"P{payment_id[-12:].upper()}"


def refund_reference(reference: str, refunded_pence: int) -> str:
    """What the transaction is called that brings what was paid back of the payment to `refunded_pence` in all."""
    return f"{reference}-R{refunded_pence}"


def dispute_reference(reference: str, dispute: str, *, won: bool = False) -> str:
    """What the transaction is called that takes a disputed payment back off the account, or, won, puts it on again."""
    return f"{reference}-{'W' if won else 'D'}{ids.derived_id('dispute', dispute)[-6:].upper()}"


def first_to_ask_about(at: datetime) -> str:
    """The id below which, at `at`, all payments that still wait are to be asked about: ids sort by time."""
    return ids.first_id(at - ASKED_ABOUT_AFTER)


def days_to_report(through: date | None, today: date, *, most: int) -> list[date]:
    """The days whose report is due: all after `through` that are over, at most the last `most`.

    Where none was ever finished, the last week's: the first run may have died halfway, and nobody knows since when.
    """
    first = through + timedelta(days=1) if through else today - LISTED_WITHIN
    first = max(first, today - timedelta(days=most))
    return [first + timedelta(days=n) for n in range((today - first).days)]
