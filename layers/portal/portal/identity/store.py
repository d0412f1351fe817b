"""The identity table.

| pk | sk | item | read by |
|---|---|---|---|
| EMAIL#email | LOGIN | the customer's password hash | log in, reset, register (is the address taken?) |
| EMAIL#email | RESET | the temporary password that waits | log in, reset: one call with LOGIN |
| EMAIL#pseudonym | DECOY | a reset that a stranger asked for | reset: it costs what a real one costs |
| CUSTOMER#customer_id | CUSTOMER | email, and in which era a session must be | every request, register, mail |
| CUSTOMER#customer_id | SESSION#session_id | a session | every request, in one call with the customer |
| CUSTOMER#customer_id | PASSKEY#place | a passkey as its owner sees it | Settings, in the session's call |
| CREDENTIAL#hash | CREDENTIAL | whose passkey that is, and its public key | log in with a passkey |
| CHALLENGE#challenge_id | CHALLENGE | what a device is asked to sign | adding a passkey, log in with one |
| CUSTOMER#customer_id | EMAIL | the new address that waits for its code | changing the email address, mail |
| CUSTOMER#customer_id | FORMER#change_id | an address just given up | mail: the notice to it |
| REGISTRATION#registration_id | REGISTRATION | an unfinished sign-up | verify, resend, mail |
| WAITING | WAITING#tenancy_id#place | sealed facts that matched nobody yet | keep trying; the importer: one query |
| TRIES#what | TRIES | how many tries were spent | whatever can be guessed |

The customer's id is the person's: one person registers once.
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from portal import store
from portal.identity.rules import PASSKEYS_MOST
from portal.settings import setting


class _Item(store.Item):
    class Meta:
        table_name = setting("IDENTITY_TABLE")


class LoginItem(_Item):
    """How the customer with that address logs in."""

    range_prefix = "LOGIN"

    customer_id = UnicodeAttribute()
    password_hash = UnicodeAttribute()
    password_set_at = store.InstantAttribute(null=True)
    date_of_birth = store.DayAttribute()
    # The customer's, for the sessions that are opened here.
    era = UnicodeAttribute(null=True)


class ResetItem(_Item):
    """A temporary password that was asked for: what it is derived from, and whether it opened its session."""

    range_prefix = "RESET"

    secret_id = UnicodeAttribute()
    key_version = UnicodeAttribute()
    used_at = store.InstantAttribute(null=True)


class CustomerItem(_Item):
    """A person who has registered."""

    range_prefix = "CUSTOMER"

    email = UnicodeAttribute()
    registered_at = store.InstantAttribute()
    # Random, and told to the devices that hold a passkey: it is what they know of whose it is.
    user_handle = UnicodeAttribute(null=True)
    # Random; a new password or address begins another, and with it end the sessions that were opened in the one before.
    era = UnicodeAttribute(null=True)


class EmailChangeItem(_Item):
    """A new address that a customer asked for: what its code is derived from."""

    range_prefix = "EMAIL"

    email = UnicodeAttribute()
    secret_id = UnicodeAttribute()
    key_version = UnicodeAttribute()


class FormerEmailItem(_Item):
    """The address that a customer has just given up, as long as the notice to it is of use."""

    range_prefix = "FORMER#"

    email = UnicodeAttribute()


class SessionItem(_Item):
    """One browser in which a customer is logged in. Of its token only the hash is here."""

    range_prefix = "SESSION#"

    token_hash = UnicodeAttribute()
    tenancy_id = UnicodeAttribute()
    started_at = store.InstantAttribute()
    last_seen_at = store.InstantAttribute()
    idle_seconds = NumberAttribute()
    device = UnicodeAttribute()
    temporary = BooleanAttribute(default=False)
    temporary_proof = UnicodeAttribute(null=True)
    last_visit_at = store.InstantAttribute(null=True)
    era = UnicodeAttribute(null=True)


class PasskeyItem(_Item):
    """A passkey as its owner sees it, in one of the places that each customer has. What it is called is ours."""

    range_prefix = "PASSKEY#"

    passkey_id = UnicodeAttribute()
    name = UnicodeAttribute()
    credential_id = UnicodeAttribute()
    added_at = store.InstantAttribute()
    last_used_at = store.InstantAttribute(null=True)


class CredentialItem(_Item):
    """What a passkey's signature is checked against. A credential is one customer's, whoever else claims it."""

    range_prefix = "CREDENTIAL"

    customer_id = UnicodeAttribute()
    passkey_id = UnicodeAttribute()
    place = NumberAttribute()
    user_handle = UnicodeAttribute()
    public_key = UnicodeAttribute()
    sign_count = NumberAttribute()


class ChallengeItem(_Item):
    """What a device is asked to sign, once: for one purpose, and where somebody is logged in, in that session."""

    range_prefix = "CHALLENGE"

    purpose = UnicodeAttribute()
    challenge = UnicodeAttribute()
    session = UnicodeAttribute(null=True)


class RegistrationItem(_Item):
    """A sign-up that waits for its code. The four facts matched; the code is derived from what is here.

    Once its code is used it stays to its end, so that whoever lost the answer and asks again is known.
    """

    range_prefix = "REGISTRATION"

    person_id = UnicodeAttribute()
    tenancy_id = UnicodeAttribute()
    email = UnicodeAttribute()
    date_of_birth = store.DayAttribute()
    secret_id = UnicodeAttribute()
    key_version = UnicodeAttribute()
    code_expires_at = store.InstantAttribute()
    used_at = store.InstantAttribute(null=True)


class WaitingItem(_Item):
    """What somebody typed and matched nobody, sealed. The tenancy is the one that they named: it need not exist."""

    range_prefix = "WAITING#"

    facts_id = UnicodeAttribute()
    key_version = UnicodeAttribute()
    sealed = UnicodeAttribute()
    asked_at = store.InstantAttribute()
    last_asked_at = store.InstantAttribute()

    @property
    def tenancy_id(self) -> str:
        """The id of the tenancy that they named."""
        its_id: str = self.sk.split("#")[1]
        return its_id


class TriesItem(_Item):
    """Tries that were spent on guessing one thing, until `expires_at`; `in_a_row` counts those since the last match."""

    range_prefix = "TRIES"

    used = NumberAttribute()
    in_a_row = NumberAttribute(default=0)
    next_at = store.InstantAttribute(null=True)


def login_key(email: str) -> store.Key:
    """Where an address's password hash is."""
    return LoginItem.key(f"EMAIL#{email}", "LOGIN")


def reset_key(email: str) -> store.Key:
    """Where an address's temporary password waits."""
    return ResetItem.key(f"EMAIL#{email}", "RESET")


def decoy_key(pseudonym: str) -> store.Key:
    """Where it is noted that a stranger asked for a reset: as much work as for a customer, and no use."""
    return ResetItem.key(f"EMAIL#{pseudonym}", "DECOY")


def customer_key(customer_id: str) -> store.Key:
    """Where the customer is."""
    return CustomerItem.key(f"CUSTOMER#{customer_id}", "CUSTOMER")


def email_change_key(customer_id: str) -> store.Key:
    """Where the address that the customer wants waits for its code."""
    return EmailChangeItem.key(f"CUSTOMER#{customer_id}", "EMAIL")


def former_email_key(customer_id: str, change_id: str) -> store.Key:
    """Where the address that a change of email gave up is."""
    return FormerEmailItem.key(f"CUSTOMER#{customer_id}", f"FORMER#{change_id}")


def session_key(customer_id: str, session_id: str) -> store.Key:
    """Where a session is."""
    return SessionItem.key(f"CUSTOMER#{customer_id}", f"SESSION#{session_id}")


def passkey_key(customer_id: str, place: int) -> store.Key:
    """Where a customer's passkey is: each has a number of places, and no more."""
    return PasskeyItem.key(f"CUSTOMER#{customer_id}", f"{PasskeyItem.range_prefix}{place:02}")


def passkey_keys(customer_id: str) -> list[store.Key]:
    """All the places of a customer's passkeys."""
    return [passkey_key(customer_id, place) for place in range(PASSKEYS_MOST)]


def credential_key(credential_hash: str) -> store.Key:
    """Where a passkey's public key is."""
    return CredentialItem.key(f"CREDENTIAL#{credential_hash}", "CREDENTIAL")


def challenge_key(challenge_id: str) -> store.Key:
    """Where a challenge is."""
    return ChallengeItem.key(f"CHALLENGE#{challenge_id}", "CHALLENGE")


def registration_key(registration_id: str) -> store.Key:
    """Where a registration is."""
    return RegistrationItem.key(f"REGISTRATION#{registration_id}", "REGISTRATION")


def waiting_key(tenancy_id: str, place: int) -> store.Key:
    """Where facts wait for a tenancy: each has a number of places, and no more."""
    return WaitingItem.key("WAITING", f"{WaitingItem.range_prefix}{tenancy_id}#{place:02}")


def all_waiting(at: datetime) -> Iterator[WaitingItem]:
    """Everything that waits, by tenancy, a page at a time."""
    return store.query(WaitingItem, "WAITING", at)


def tries_key(what: str) -> store.Key:
    """Where the tries at one thing are counted."""
    return TriesItem.key(f"TRIES#{what}", "TRIES")


def sessions_of(customer_id: str, at: datetime) -> list[SessionItem]:
    """The customer's live sessions."""
    return list(store.query(SessionItem, f"CUSTOMER#{customer_id}", at))
