"""The outcomes that are kept, and how much of a source; pure, nothing here reads or writes.

An outcome and its reason are words of this list and nothing else, so that nothing that was typed can get into an event
or into a metric's name (ASVS 5.0 16.2.5).
"""

import ipaddress
from datetime import timedelta
from enum import Enum

KEPT = timedelta(days=400)
"""How long an event is kept: a year, and time to ask for it."""

MOST_OF_SHARD = 50_000
"""How many events of a day and shard an export lists: what a flood brings beyond them stays in the table alone."""


class Outcome(Enum):
    """What became of a call: the outcome, and the reason, which the person is not always told. A new one is a line."""

    # Registering
    CODE_SENT = "code_sent", "facts_matched"
    NOT_MATCHED_NO_TENANCY = "not_matched", "no_such_tenancy"
    NOT_MATCHED_FACTS = "not_matched", "facts_differ"
    NOT_MATCHED_SEVERAL = "not_matched", "several_people_match"
    ALREADY_REGISTERED = "already_registered", "same_person"
    EMAIL_IN_USE = "already_registered", "address_of_another"
    CODE_SENT_AGAIN = "code_sent_again", "asked"
    CODE_NOT_SENT_AGAIN_UNKNOWN = "code_not_sent_again", "no_such_registration"
    CODE_NOT_SENT_AGAIN_OFTEN = "code_not_sent_again", "mails_spent"
    CODE_REFUSED_UNKNOWN = "code_refused", "no_such_registration"
    CODE_REFUSED_WRONG = "code_refused", "wrong_code"
    CODE_REFUSED_USED = "code_refused", "used_meanwhile"
    CODE_REFUSED_NO_TENANCY = "code_refused", "no_tenancy_to_show"
    REGISTERED = "registered", "code"
    # Keep trying
    WAITING_KEPT = "waiting_asked", "kept"
    WAITING_KEPT_BEFORE = "waiting_asked", "kept_before"
    WAITING_NOT_KEPT = "waiting_asked", "no_place_left"
    WAITING_CODE_SENT = "waiting_matched", "code_sent"
    WAITING_REGISTERED = "waiting_matched", "already_registered"
    WAITING_EMAIL_IN_USE = "waiting_matched", "address_of_another"
    # Tries spent
    LOCKED_REFERENCE = "locked", "tenancy_reference"
    LOCKED_CODES = "locked", "codes_of_person"
    LOCKED_CODE = "locked", "code"
    LOCKED_LOGIN = "locked", "log_in"
    LOCKED_NEW_ADDRESSES = "locked", "new_addresses"
    LOCKED_EMAIL_CODE = "locked", "email_code"
    LOCKED_PASSWORD = "locked", "current_password"
    # Logging in and off
    LOGGED_IN = "logged_in", "password"
    LOGGED_IN_PASSKEY = "logged_in", "passkey"
    LOGIN_REFUSED_UNKNOWN = "login_refused", "unknown_address"
    LOGIN_REFUSED_PASSWORD = "login_refused", "wrong_password"
    LOGIN_REFUSED_CHANGED = "login_refused", "changed_meanwhile"
    LOGIN_REFUSED_NO_TENANCY = "login_refused", "no_tenancy_to_show"
    LOGIN_REFUSED_PASSKEY_UNKNOWN = "login_refused", "unknown_passkey"
    LOGIN_REFUSED_PASSKEY_WRONG = "login_refused", "passkey_not_right"
    LOGIN_REFUSED_CHALLENGE = "login_refused", "challenge_over"
    LOGGED_OFF = "logged_off", "here"
    SESSION_ENDED = "session_ended", "from_another"
    TENANCY_CHOSEN = "tenancy_chosen", "own"
    TENANCY_NOT_CHOSEN = "tenancy_not_chosen", "not_theirs"
    # Passwords
    RESET_ASKED = "reset_asked", "facts_matched"
    RESET_ASKED_UNKNOWN = "reset_asked", "unknown_address"
    RESET_ASKED_WRONG_DATE = "reset_asked", "date_of_birth_differs"
    RESET_NOT_SENT_OFTEN = "reset_not_sent", "mails_spent"
    RESET_NOT_SENT_TWICE = "reset_not_sent", "asked_at_once"
    RESET_USED = "reset_used", "logged_in"
    PASSWORD_CHANGED = "password_changed", "current_password"
    PASSWORD_CHANGED_AFTER_RESET = "password_changed", "temporary_password"
    PASSWORD_REFUSED_WEAK = "password_refused", "weak"
    PASSWORD_REFUSED_PERSONAL = "password_refused", "personal_words"
    PASSWORD_REFUSED_CURRENT = "password_refused", "wrong_current_password"
    PASSWORD_REFUSED_CHANGED = "password_refused", "changed_meanwhile"
    # Passkeys
    PASSKEY_ASKED = "passkey_asked", "current_password"
    PASSKEY_ADDED = "passkey_added", "current_password"
    PASSKEY_NOT_ADDED = "passkey_not_added", "not_right"
    PASSKEY_NOT_ADDED_FULL = "passkey_not_added", "as_many_as_are_kept"
    PASSKEY_REMOVED = "passkey_removed", "current_password"
    # Another email address to log in with
    EMAIL_ASKED = "email_asked", "code_sent"
    EMAIL_ASKED_TAKEN = "email_asked", "address_of_another"
    EMAIL_NOT_SENT_OFTEN = "email_not_sent", "mails_spent"
    EMAIL_NOT_SENT_PRESENT = "email_not_sent", "present_address"
    EMAIL_NOT_SENT_CHANGED = "email_not_sent", "changed_meanwhile"
    EMAIL_CODE_REFUSED_UNKNOWN = "email_code_refused", "none_asked"
    EMAIL_CODE_REFUSED_WRONG = "email_code_refused", "wrong_code"
    EMAIL_CODE_REFUSED_TAKEN = "email_code_refused", "address_of_another"
    EMAIL_CODE_REFUSED_CHANGED = "email_code_refused", "changed_meanwhile"
    EMAIL_CHANGED = "email_changed", "code"
    # Details
    MOBILE_CHANGED = "contact_changed", "mobile"
    CONTACT_CHANGED = "contact_changed", "other_details"
    HOUSEHOLD_ADDED = "household_changed", "added"
    HOUSEHOLD_CHANGED = "household_changed", "changed"
    HOUSEHOLD_REMOVED = "household_changed", "removed"

    @property
    def outcome(self) -> str:
        """What happened."""
        return self.value[0]

    @property
    def reason(self) -> str:
        """Why, or by what."""
        return self.value[1]

    @property
    def metric(self) -> str:
        """The name of the metric that counts it, both words in one: LoginRefusedWrongPassword."""
        return "".join(word.capitalize() for word in f"{self.outcome}_{self.reason}".split("_"))


def truncated(address: str) -> str:
    """The network that an address is of: an IPv4 address's /24, an IPv6 one's /48; "unknown" where it is none.

    A network is taken too: the way in cuts IPv6 addresses to their /64.
    """
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError:
        return "unknown"
    wide = 24 if network.version == 4 else 48
    return str(network.supernet(new_prefix=wide) if network.prefixlen > wide else network)


def shard_of(its_id: str) -> int:
    """Which of the day's four partitions an id belongs to: its last character says, which any id's randomness fills."""
    return SHARDS.index(its_id[-1]) % NUMBER_OF_SHARDS


SHARDS = "0123456789abcdefghjkmnpqrstvwxyz"
NUMBER_OF_SHARDS = 4
