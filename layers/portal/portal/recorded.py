"""What became of a row that the landlord's own system sent: every domain's import answers with it."""

from typing import NamedTuple


class Recorded(NamedTuple):
    """One row's outcome: written, already as it is, or refused for the reason that `refused` gives in plain words.

    The words go into reports that outlive the record: they name columns, never what stands in them.
    """

    changed: bool
    refused: str = ""


APPLIED = Recorded(changed=True)
UNCHANGED = Recorded(changed=False)


def refused(reason: str) -> Recorded:
    """The outcome of a row that is not taken."""
    return Recorded(changed=False, refused=reason)
