"""The base of every failure that a tenant is told about; the words for each are in `portal.http.problems`."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple


class FieldError(NamedTuple):
    """One field that cannot be taken as it is, and what to do about it."""

    field: str
    message: str


class Failure(Exception):
    """Something that a domain refuses. The class's name is its meaning; it never carries personal data.

    `members` are further members of the problem document (RFC 9457 §3.2), `retry_after` whole seconds, `headers`
    further headers of the answer. A `counted` failure is a metric of its own name: somebody may be guessing.
    """

    counted: ClassVar[bool] = False

    def __init__(
        self,
        *,
        errors: Sequence[FieldError] = (),
        retry_after: int | None = None,
        members: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(type(self).__name__)
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.members = members or {}
        self.headers = headers or {}


class NotFound(Failure):
    """What was asked for does not exist, or is somebody else's: the two answer alike."""


class BadInput(Failure):
    """Fields that are wrong, missing, too long, of the wrong type or unknown; `errors` names each."""
