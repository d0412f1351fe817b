"""What may be posted, and what a balance after each line is."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

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


def money(pence: int) -> str:
    """Pence as a tenant reads them: "£1,234.50"; what is negative without its sign."""
    return f"£{abs(pence) // 100:,}.{abs(pence) % 100:02}"


def balance_words(balance_pence: int) -> str:
    """A balance in words and not by its sign: "You owe £123.45", "You are £20.00 in credit", "You owe nothing"."""
    if balance_pence > 0:
        return f"You owe {money(balance_pence)}"
    return f"You are {money(balance_pence)} in credit" if balance_pence else "You owe nothing"


class Month(NamedTuple):
    """A calendar month of an account, in pence; `balance_pence` is that at its end, or of today in this month."""

    ends_on: date
    charged_pence: int
    paid_pence: int
    balance_pence: int


MONTHS_SHOWN = 12


def months(balance_pence: int, amounts: Sequence[tuple[date, int]], today: date) -> list[Month]:
    """This month and the eleven before it, the oldest first; those before the account's first line are left out.

    `amounts` are the lines of at least those months, by day; what adds counts as charged, what takes away as paid.
    """
    found: list[Month] = []
    end = today
    balance = balance_pence - sum(pence for day, pence in amounts if day > today)
    for _ in range(MONTHS_SHOWN):
        begin = end.replace(day=1)
        of_month = [pence for day, pence in amounts if begin <= day <= end]
        charged, paid = sum(p for p in of_month if p > 0), -sum(p for p in of_month if p < 0)
        found.append(Month(end, charged, paid, balance))
        balance -= charged - paid
        end = begin - timedelta(days=1)
    first = min((day for day, _ in amounts), default=today)
    return [month for month in reversed(found) if month.ends_on >= first or balance]
