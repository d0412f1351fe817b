"""A receipt as a PDF to keep: what was paid, when, into which account, and what became of it since."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal import clock, documents
from portal.documents import Document, day_in_full
from portal.payments import rules
from portal.payments.store import PaymentItem
from portal.rent.rules import money
from portal.rent.service import AccountItem
from portal.tenancies.service import Holders


def file_name(payment: PaymentItem) -> str:
    """What the file is called: the payment's reference, and nobody's name."""
    return f"receipt-{payment.reference}.pdf"


def as_pdf(
    payment: PaymentItem, account: AccountItem | None, holders: Holders, brand: Mapping[str, Any], at: datetime
) -> bytes:
    """The receipt of a payment whose money was taken, for all who hold the tenancy.

    Raises as `documents.as_pdf`.
    """
    return documents.as_pdf(_said(payment, account, holders, at), brand)


def _said(payment: PaymentItem, account: AccountItem | None, holders: Holders, at: datetime) -> Document:
    amount = money(payment.amount_pence)
    paid_on = day_in_full(payment.paid_on or clock.london_date(payment.settled_at or payment.created_at))
    into = f"{payment.rent_account_name}, {account.reference}" if account else payment.rent_account_name
    return Document(
        title="Receipt for your payment",
        holder_lines=holders.lines,
        facts=[
            ("Amount", amount),
            ("Paid on", paid_on),
            ("Reference", payment.reference),
            ("Rent account", into),
            ("Tenancy reference", holders.reference),
            ("How", "By card, in our customer portal"),
        ],
        in_words=f"We received {amount} on {paid_on}. Thank you.",
        notes=_since(payment),
        table=None,
        without_letters="The payment's page in the portal has them all.",
        made_at=at,
    )


def _since(payment: PaymentItem) -> list[str]:
    """What became of the money since, in sentences."""
    back = payment.refunded_pence or 0
    said = []
    if back:
        part = "all of it" if back == payment.amount_pence else f"{money(back)} of it"
        said.append(f"Since then we have paid {part} back to the card that it was paid with.")
    if payment.status == rules.DISPUTED:
        taken_back = "The bank has taken this payment back, so it does not count on the account."
        said.append(f"{taken_back} If the bank decides that the payment was right, it counts again.")
    if payment.status == rules.DISPUTE_WON:
        said.append("The bank looked into this payment, and it stands.")
    return said
