"""What may be posted, and what a balance after each line is."""

from collections.abc import Iterable
from datetime import date

KINDS_OF_ACCOUNT = ("home", "garage", "recharges", "court_costs")
KINDS_OF_TRANSACTION = ("charge", "payment", "benefit", "adjustment", "refund")
LARGEST_PENCE = 100_000_00


def line_key(posted_on: date, transaction_id: str) -> str:
    """The order of an account's lines: by day, then by id."""
    return f"{posted_on.isoformat()}#{transaction_id}"


def balances_down(newest_balance_pence: int, amounts_newest_first: Iterable[int]) -> list[int]:
    """The balance after each line, from the newest down: the line below has this line's balance less its amount."""
    found, balance = [], newest_balance_pence
    for amount in amounts_newest_first:
        found.append(balance)
        balance -= amount
    return found
