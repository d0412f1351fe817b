"""What each failure says to a tenant: one table from a failure's name to its problem document (RFC 9457)."""

from typing import Any, NamedTuple

from portal.failures import Failure

MEDIA_TYPE = "application/problem+json"


class Problem(NamedTuple):
    """How a failure is answered: HTTP status, `type` is `/problems/<slug>`, and words that say what to do."""

    status: int
    slug: str
    title: str
    detail: str


PROBLEMS: dict[str, Problem] = {
    # The way in
    "BadInput": Problem(
        422, "bad-input", "Some answers need another look", "Check what is named in errors, then send it again."
    ),
    "UnreadableBody": Problem(
        400, "unreadable-body", "We could not read that", "Send one JSON object in UTF-8, each field once."
    ),
    "NotJson": Problem(415, "not-json", "We could not read that", "Send it as application/json."),
    "TooLarge": Problem(413, "too-large", "That is too long", "Send at most 16 kilobytes."),
    "ForeignOrigin": Problem(
        403, "foreign-origin", "That did not come from this site", "Open the portal itself and try again from there."
    ),
    "NotThroughTheSite": Problem(
        403, "not-through-the-site", "That did not come through the site", "Call the portal at its own address."
    ),
    "NotFound": Problem(
        404,
        "not-found",
        "We could not find that",
        "Check the address, or go back to your home page and start from there.",
    ),
    "MethodNotAllowed": Problem(
        405, "method-not-allowed", "That cannot be done here", "The Allow header says what can be done at this address."
    ),
    "Unexpected": Problem(
        500,
        "unexpected",
        "Something went wrong on our side",
        "Nothing was changed that we know of. Try again in a minute.",
    ),
    "TryAgainSoon": Problem(
        503, "try-again-soon", "We are very busy", "Nothing was lost. Wait a few seconds, then try again."
    ),
    "StaleVersion": Problem(
        412,
        "stale-version",
        "This changed since you opened it",
        "Somebody changed these details after you opened the page. Look at them again, then make your change.",
    ),
    # Identity
    "DetailsNotMatched": Problem(
        422,
        "details-not-matched",
        "We could not match those details",
        "Check each one against a letter from us, then try again. If your tenancy is new, we can keep trying for you.",
    ),
    "AlreadyRegistered": Problem(
        409, "already-registered", "You already have an account", "Log in with your email address and password."
    ),
    "EmailInUse": Problem(
        409,
        "email-in-use",
        "Somebody else uses that email address here",
        "Each person needs an address of their own. Ring us to give us another one for you.",
    ),
    "CodeNotAccepted": Problem(
        422,
        "code-not-accepted",
        "We could not accept that code",
        "Check the code in our newest email. A code works once and stops working overnight: ask for a new one if yours "
        "has stopped.",
    ),
    "LoginFailed": Problem(
        401,
        "login-failed",
        "That email address and password do not match",
        "Check both, or choose Forgot password. You may have registered with a different email address.",
    ),
    "NoTenancyToShow": Problem(
        403,
        "no-tenancy-to-show",
        "There is no tenancy to show you",
        "Your tenancy ended more than a year ago, or our records do not name you on one now. "
        "If that is not right, or you need an old statement, ring us.",
    ),
    "NotLoggedIn": Problem(401, "not-logged-in", "You are not logged in", "Log in and you will be back on this page."),
    "PasswordChangeRequired": Problem(
        403,
        "password-change-required",
        "Choose a new password first",
        "You logged in with a temporary password. Choose a password of your own, then go on.",
    ),
    "PasskeyNotAccepted": Problem(
        401,
        "passkey-not-accepted",
        "We could not log you in with that passkey",
        "Try once more. If it goes on, log in with your password: the passkey may have been removed under Settings.",
    ),
    "PasskeyNotAdded": Problem(
        422,
        "passkey-not-added",
        "We could not add that passkey",
        "Nothing was changed. Start again from Settings, and finish within five minutes.",
    ),
    "PasskeysFull": Problem(
        409, "passkeys-full", "You have ten passkeys", "Remove one that you no longer use, then add this one."
    ),
    "TriesSpent": Problem(
        429, "tries-spent", "Too many tries", "Wait for the time in Retry-After, then try again, or ring us."
    ),
    "TooManyCalls": Problem(
        429,
        "too-many-calls",
        "Too many tries from your connection",
        "Wait for the time in Retry-After, then try again.",
    ),
    # Tenancy
    "TenancyEnded": Problem(
        409, "tenancy-ended", "This tenancy has ended", "You can still see what was paid. For anything else, ring us."
    ),
    # Payments
    "NoPaymentsHere": Problem(
        503,
        "no-payments-here",
        "You cannot pay here yet",
        "Nothing was taken. Ring us, and we will tell you how to pay.",
    ),
    "ProviderSilent": Problem(
        503,
        "provider-silent",
        "The payment page did not open",
        "Nothing was taken. Wait a minute, then press the button again.",
    ),
    "IdempotencyKeyMissing": Problem(
        400,
        "idempotency-key-missing",
        "We cannot tell this payment from another",
        "Send an Idempotency-Key header of 8 to 64 letters, numbers and hyphens, new for each payment.",
    ),
    "IdempotencyKeyReused": Problem(
        422,
        "idempotency-key-reused",
        "This looks like another payment",
        "That Idempotency-Key was used for a different payment. Use a new one.",
    ),
    "NoReceipt": Problem(
        409,
        "no-receipt",
        "There is no receipt for this payment",
        "We have taken no money for it, or do not know it yet. Look at the payment: it says what became of it.",
    ),
    "NothingToArrange": Problem(
        409,
        "nothing-to-arrange",
        "There is nothing to arrange here",
        "You owe nothing on this account, or so little that one payment clears it. If you think that is wrong, ring "
        "us.",
    ),
    "ScheduleOver": Problem(
        409,
        "schedule-over",
        "This regular payment does not go on",
        "It has stopped, or its card was never saved. Nothing is taken. You can set up a new one.",
    ),
    "EventNotAccepted": Problem(
        400, "event-not-accepted", "We could not accept that event", "Its signature, age or content is not right."
    ),
    "VerdictGiven": Problem(409, "verdict-given", "That payment is over", "Its first answer stands."),
    # Repairs
    "AlreadyReported": Problem(
        409,
        "already-reported",
        "This is reported already",
        "We know about this one. Look at it in your repairs, or report it all the same.",
    ),
    "RepairFinished": Problem(
        409,
        "repair-finished",
        "This repair is finished",
        "Nothing can be added to it or called off. If it is not mended, open it again, or report it as a new one.",
    ),
    "NotesFull": Problem(
        409, "notes-full", "You have added as much as we can keep here", "Ring us to tell us what else we should know."
    ),
    "RepairNotFinished": Problem(
        409, "repair-not-finished", "This repair is still open", "Add to it what we should know, or ring us."
    ),
    "TooLateToReopen": Problem(
        409,
        "too-late-to-reopen",
        "This was finished more than 28 days ago",
        "Report it as a new one, and say that it was mended before.",
    ),
    "PhotosFull": Problem(
        409,
        "photos-full",
        "This repair has six photos",
        "Take one away, then add this one. A photo that is still on its way counts too.",
    ),
    "SlotTaken": Problem(
        409, "slot-taken", "That time has gone", "Somebody else has it, or it is too soon. Choose another time."
    ),
    "TooLateToChange": Problem(
        409,
        "too-late-to-change",
        "It is too late to change this visit here",
        "We have planned it already. Ring us, and we will sort it out together.",
    ),
    # Contact and household
    "AlreadyListed": Problem(
        409, "already-listed", "They are on your list already", "Look at who lives with you: they are there."
    ),
    "HouseholdFull": Problem(
        409,
        "household-full",
        "Your list is full",
        "You can tell us about 30 people here. Take off whoever has moved out, or ring us.",
    ),
}


def problem_document(failure: Failure) -> tuple[Problem, dict[str, Any]]:
    """The problem that `failure` is, and its document, ready to be sent as `application/problem+json`."""
    problem = PROBLEMS[type(failure).__name__]
    document: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if failure.errors:
        document["errors"] = [error._asdict() for error in failure.errors]
    return problem, document | failure.members
