"""The whole identity state machine, walked at random beside a small model of what design §3 promises.

Whatever is done in whatever order, however much time passes and however late DynamoDB deletes (here: never), nobody
gets in without what they should hold, and nobody who holds it is kept out beyond the waits that the answers name.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from argon2 import PasswordHasher
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from portal import aws, clock, ids, store
from portal.identity import passwords, rules, tries
from portal.identity import service as identity
from portal.identity.store import CustomerItem, LoginItem, customer_key, login_key
from portal.mail.store import MAIL_PK, MailItem
from tests.integration.authenticator import Authenticator
from tests.integration.conftest import NOON, Browser, Reply, add_tenancy

EMAIL, STRANGER, NEIGHBOUR = "amara@example.com", "nobody@example.com", "other@example.com"
NEW = ["amara@mail.example", "amara@post.example", "amara@letters.example"]
FACTS = {
    "email": EMAIL, "mobile": "07700 900123", "tenancy_reference": "LH10001", "date_of_birth": "1990-03-27",
}  # fmt: skip
CHOSEN = ["copper lantern meadow", "violet harbour sandwich", "seven quiet bicycles"]
WRONG = "nobody ever chose this"
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PASSING = [
    SECOND, 30 * SECOND, MINUTE, MINUTE + SECOND, 5 * MINUTE + SECOND, 14 * MINUTE, 15 * MINUTE, 31 * MINUTE,
    HOUR, 5 * HOUR, 12 * HOUR, DAY + SECOND, 3 * DAY,
]  # fmt: skip
BROWSERS = ["home", "library", "phone"]
MOSTLY = st.sampled_from([True, True, False])


class Budget:
    """The model of a limit: so many tries in a window from the first; where `free` is set, ever longer waits after so
    many misses since the last match."""

    def __init__(self, most: int, lasts: timedelta, free: int | None = None) -> None:
        self.most, self.lasts, self.free = most, lasts, free
        self.used, self.in_a_row, self.ends = 0, 0, datetime.min.replace(tzinfo=UTC)
        self.wait = self.ends

    def spend(self, at: datetime) -> timedelta | None:
        """None where the try may be judged, else how long to wait."""
        if at >= self.ends:
            self.used, self.in_a_row, self.ends, self.wait = 0, 0, at + self.lasts, at
        if self.used >= self.most:
            return self.ends - at
        if self.free is not None:
            if self.in_a_row >= self.free and self.wait > at:
                return self.wait - at
            self.wait = at + min(MINUTE * 2 ** max(0, self.in_a_row + 1 - self.free), HOUR)
        self.used += 1
        self.in_a_row += 1
        return None

    def give_back(self) -> None:
        """A match costs nothing, and ends the waits."""
        self.used -= 1
        self.end_waits()

    def end_waits(self) -> None:
        """Whoever holds what opens the account does not wait for others' misses."""
        self.in_a_row, self.wait = 0, datetime.min.replace(tzinfo=UTC)


def login_budget() -> Budget:
    return Budget(50, DAY, free=10)


class Code:
    """The model of a registration: its code, until when it lasts, its tries."""

    def __init__(self, code: str | None, until: datetime) -> None:
        self.code, self.until, self.used, self.tries = code, until, False, Budget(5, DAY)


class Held:
    """The model of a session: who holds its cookie gets in while it is neither ended nor idle nor twelve hours old."""

    def __init__(self, cookie: str, at: datetime, idle: timedelta, temporary: str | None, started: datetime) -> None:
        self.cookie, self.idle, self.temporary, self.started = cookie, idle, temporary, started
        self.seen, self.ended = at, False

    def must_be_open(self, at: datetime) -> bool:
        """That somebody was seen is written once a minute at most: the last minute may be missing."""
        return not self.ended and at < min(self.seen + self.idle - MINUTE, self.started + 12 * HOUR)

    def must_be_closed(self, at: datetime) -> bool:
        return self.ended or at >= min(self.seen + self.idle, self.started + 12 * HOUR)


class Change:
    """The model of a new address that waits for its code: None where nobody was told it, since another has the address.

    Of a change that was made, or for which another came, the code is worth nothing.
    """

    def __init__(self, email: str, code: str | None, until: datetime) -> None:
        self.email, self.code, self.until, self.tries = email, code, until, Budget(5, DAY)


class Asked:
    """The model of a challenge: it serves once, within five minutes, and to add a passkey in its own session only."""

    def __init__(self, options: dict[str, Any], at: datetime, session: Held | None = None) -> None:
        self.options, self.until, self.session, self.used = options, at + rules.CHALLENGE_LASTS, session, False


class Key:
    """The model of a passkey: the device that holds it, and its id where it is the customer's."""

    def __init__(self, device: Authenticator) -> None:
        self.device = device
        self.passkey_id: str | None = None


def empty(*names: str) -> None:
    """Forget what is in the tables of those names, where none is given in all."""
    for name, table in dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-2"].tables.items():
        if name in names or not names:
            table.items.clear()


def registers_directly(email: str, customer_id: str) -> None:
    """Somebody else becomes a customer, whose password nobody here knows."""
    at, log_in = customer_key(customer_id), login_key(email)
    store.transact(
        store.Put(CustomerItem(pk=at.pk, sk=at.sk, email=email, registered_at=clock.now())),
        store.Put(
            LoginItem(
                pk=log_in.pk, sk=log_in.sk, customer_id=customer_id, password_hash=passwords._nobodys_hash(),
                date_of_birth=date(1985, 5, 5),
            )
        ),
    )  # fmt: skip


class Identity(RuleBasedStateMachine):
    """The tenant at several browsers, a stranger, and the clock; `now` is moved by `time_passes` alone."""

    def __init__(self) -> None:
        super().__init__()
        self.traveller = time_machine.travel(NOON, tick=False)
        self.clock = self.traveller.start()
        empty()
        own = add_tenancy("LH10001", "P10001")
        second = add_tenancy("LH30003", "P10001")
        other = add_tenancy("LH40004", "P40004", email=NEIGHBOUR)
        registers_directly(NEIGHBOUR, other.person_id)
        self.own_tenancies = [own.tenancy_id, second.tenancy_id]
        self.other_tenancy = other.tenancy_id
        self.browsers = {name: Browser() for name in BROWSERS}
        self.held: dict[str, Held | None] = dict.fromkeys(BROWSERS)
        self.over: list[str] = []
        self.email, self.former, self.taken = EMAIL, [NEIGHBOUR], [NEIGHBOUR]
        self.devices: dict[str, tuple[str, datetime]] = {}
        self.change: Change | None = None
        self.stale_codes: list[str] = []
        self.asked_to_add: list[Asked] = []
        self.asked_to_sign: list[Asked] = []
        self.keys: list[Key] = []
        self.password: str | None = None
        self.password_set_at = NOON
        self.codes: list[Code] = []
        self.registrations: list[str] = []
        self.temporary: tuple[str, datetime] | None = None
        self.temporary_used = False
        self.old_temporary: list[str] = []
        self.budgets: dict[str, Budget] = {}

    def teardown(self) -> None:
        self.traveller.stop()

    @property
    def now(self) -> datetime:
        return clock.now()

    def budget(self, name: str, *limit: Any) -> Budget:
        return self.budgets.setdefault(name, Budget(*limit) if limit else login_budget())

    def refused(self, reply: Reply, wait: timedelta) -> None:
        """429, naming exactly the wait: an hour at the most, or to the end of the day's budget."""
        assert (reply.status, reply.json["type"]) == (429, "/problems/tries-spent"), reply
        assert int(reply.headers["retry-after"]) == max(1, wait.total_seconds())

    def says(self, reply: Reply, status: int, problem: str = "") -> None:
        assert reply.status == status, reply
        assert not problem or reply.json["type"] == f"/problems/{problem}", reply

    def newly_mailed(self, kind: str) -> list[identity.Recipient]:
        """The recipients of the mails of a kind that were asked for since this was last looked at."""
        found = [identity.recipient(m.to, m.kind, self.now) for m in store.query(MailItem, MAIL_PK, self.now)
                 if m.kind == kind]  # fmt: skip
        empty("outbox")
        return [f for f in found if f]

    def may_mail(self, email: str = EMAIL) -> bool:
        if self.budget(f"mails an hour {email}", 3, HOUR).spend(self.now) is not None:
            return False
        return self.budget(f"mails a day {email}", 10, DAY).spend(self.now) is None

    def tries_of(self, browser: Browser) -> Budget:
        """The tries that a browser has: its own where it logged in with today's address before, else the address's."""
        device = browser.cookies.get("__Host-device", "")
        return self.budget(f"device {device}" if self.knows(device) else f"login {self.email}")

    def knows(self, device: str) -> bool:
        """Whether it logged in with today's address by today's password, within 180 days."""
        email, since = self.devices.get(device, ("", self.now))
        return email == self.email and self.password_set_at <= since and self.now - since < rules.DEVICE_LASTS

    def open(
        self, browser: str, idle: timedelta, temporary: str | None = None, started: datetime | None = None
    ) -> None:
        if current := self.held[browser]:
            self.over.append(current.cookie)
        cookie = self.browsers[browser].cookies["__Host-session"]
        assert cookie not in self.over
        assert cookie not in {h.cookie for h in self.held.values() if h}
        self.held[browser] = Held(cookie, self.now, idle, temporary, started or self.now)
        if device := self.browsers[browser].cookies.get("__Host-device"):
            self.devices.setdefault(device, (self.email, self.now))

    # --- time ---------------------------------------------------------------------------------------------------

    @rule(passing=st.sampled_from(PASSING))
    def time_passes(self, passing: timedelta) -> None:
        self.clock.shift(passing)

    # --- registering --------------------------------------------------------------------------------------------

    @initialize(already=st.sampled_from(["nobody", "a customer", "a customer", "has a passkey", "waits for a code"]))
    def often_a_customer_already(self, already: str) -> None:
        if already == "nobody":
            return
        self.registers()
        self.verifies(browser="home", which=0, right=True, password=CHOSEN[0])
        if already == "has a passkey":
            self.begins_to_add_a_passkey(browser="home", logged_in=False, right=True)
            self.adds_a_passkey(browser="home", which=0)
        if already == "waits for a code":
            self.asks_for_another_address(browser="home", logged_in=False, right=True, email=NEW[0])

    @rule()
    def registers(self) -> None:
        reply = self.browsers["home"].call("register", "POST", "/api/register", FACTS)
        reference = self.budget("reference", 5, DAY)
        if (wait := reference.spend(self.now)) is not None:
            return self.refused(reply, wait)
        reference.give_back()
        if self.password is not None:
            return self.says(reply, 409, "already-registered")
        if (wait := self.budget("codes", 5, DAY).spend(self.now)) is not None:
            return self.refused(reply, wait)
        if not self.may_mail():
            return self.refused(reply, HOUR)
        self.says(reply, 202)
        until = datetime.fromisoformat(reply.json["code_expires_at"])
        assert HOUR <= until - self.now <= DAY
        ((_, code),) = self.newly_mailed("code")
        self.registrations.append(reply.json["registration_id"])
        self.codes.append(Code(code, until))
        return None

    @rule(wrong=st.sampled_from([{"email": "amara2@example.com"}, {"mobile": "07700 900124"},
                                 {"date_of_birth": "1990-03-28"}]))  # fmt: skip
    def mistypes_a_fact(self, wrong: dict[str, str]) -> None:
        reply = self.browsers["phone"].call("register", "POST", "/api/register", FACTS | wrong)
        if (wait := self.budget("reference", 5, DAY).spend(self.now)) is not None:
            return self.refused(reply, wait)
        return self.says(reply, 422, "details-not-matched")

    @precondition(lambda self: self.codes)
    @rule(which=st.integers(0, 20))
    def asks_for_the_code_again(self, which: int) -> None:
        which %= len(self.codes)
        code = self.codes[which]
        body = {"registration_id": self.registrations[which]}
        self.says(self.browsers["home"].call("register", "POST", "/api/register/resend", body), 202)
        mailed = [to.secret for to in self.newly_mailed("code")]
        if code.used or self.now >= code.until or not self.may_mail():
            assert not mailed
        else:
            assert len(mailed) == 1
            assert code.code in (None, mailed[0]), "a resend mails the same code"
            code.code = mailed[0]

    @precondition(lambda self: self.codes)
    @rule(browser=st.sampled_from(BROWSERS), which=st.integers(0, 20), right=st.booleans(),
          password=st.sampled_from([*CHOSEN, "short", "amara okafor 1990"]))  # fmt: skip
    def verifies(self, browser: str, which: int, right: bool, password: str) -> None:
        which %= len(self.codes)
        code = self.codes[which]
        right = right and code.code is not None
        body = {
            "registration_id": self.registrations[which], "password": password,
            "code": code.code if right else "2222-2222",
        }  # fmt: skip
        reply = self.browsers[browser].call("verify", "POST", "/api/verify", body)
        if password == "short":
            return self.says(reply, 422, "bad-input")
        if (wait := code.tries.spend(self.now)) is not None:
            return self.refused(reply, wait)
        again = code.used and password == self.password and self.email == EMAIL
        if not right or self.now >= code.until or (code.used and not again):
            return self.says(reply, 422, "code-not-accepted")
        if again:
            code.tries.give_back()
            return self.says(reply, 409, "already-registered")
        if password not in CHOSEN:
            code.tries.give_back()
            return self.says(reply, 422, "bad-input")
        if self.password is not None:
            return self.says(reply, 409, "already-registered")
        self.says(reply, 201)
        code.used, self.password, self.password_set_at = True, password, self.now
        self.open(browser, 15 * MINUTE)
        return None

    # --- logging in ---------------------------------------------------------------------------------------------

    @rule(browser=st.sampled_from(BROWSERS), what=st.sampled_from(["right", "right", "wrong", "temporary", "old"]),
          shared=st.booleans(), as_stranger=st.booleans())  # fmt: skip
    def logs_in(self, browser: str, what: str, shared: bool, as_stranger: bool) -> None:
        if as_stranger:
            # Somebody else's computer: no device of ours is known there.
            self.browsers[browser].cookies.pop("__Host-device", None)
        typed = {
            "right": self.password, "wrong": WRONG,
            "temporary": self.temporary[0] if self.temporary else None,
            "old": self.old_temporary[-1] if self.old_temporary else None,
        }[what] or WRONG  # fmt: skip
        self.types_the_password(browser, typed, shared)

    def types_the_password(self, browser: str, typed: str, shared: bool = False) -> None:
        at = self.browsers[browser]
        device, tries = at.cookies.get("__Host-device"), self.tries_of(at)
        body = {"email": self.email, "password": typed, "shared_computer": shared}
        reply = at.call("login", "POST", "/api/login", body)
        wait = tries.spend(self.now)
        is_right = self.password is not None and typed == self.password
        is_temporary = (
            self.temporary is not None
            and typed == self.temporary[0]
            and self.now < self.temporary[1]
            and not self.temporary_used
        )
        if wait is not None and not is_temporary:
            return self.refused(reply, wait)
        if not is_right and not is_temporary:
            return self.says(reply, 401, "login-failed")
        if wait is None:
            tries.give_back()
        else:
            tries.end_waits()
        self.says(reply, 200)
        assert reply.json["password_change_required"] is (not is_right)
        if not is_right:
            self.temporary_used = True
            self.old_temporary.append(typed)
        renewed = at.cookies.get("__Host-device") != device
        assert renewed is (is_right and not shared), "a device is remembered for a password, on one's own computer"
        self.open(browser, (5 if shared else 15) * MINUTE, None if is_right else typed)
        return None

    @precondition(lambda self: self.password)
    @rule(browser=st.sampled_from(BROWSERS))
    def waits_as_told_and_gets_in(self, browser: str) -> None:
        """Whoever holds the password and waits as long as the answer says is let in, at the second waiting at most."""
        for _ in range(3):
            budget = self.tries_of(self.browsers[browser])
            body = {"email": self.email, "password": self.password}
            reply = self.browsers[browser].call("login", "POST", "/api/login", body)
            if (wait := budget.spend(self.now)) is None:
                break
            self.refused(reply, wait)
            self.clock.shift(wait)
        budget.give_back()
        self.says(reply, 200)
        self.open(browser, 15 * MINUTE)

    @rule(times=st.integers(1, 12), known=st.booleans())
    def a_stranger_guesses(self, times: int, known: bool) -> None:
        """The owner's address and one that nobody registered are counted and refused alike."""
        email = self.email if known else STRANGER
        tries = self.budget(f"login {email}")
        for _ in range(times):
            body = {"email": email, "password": WRONG}
            reply = Browser().call("login", "POST", "/api/login", body)
            if (wait := tries.spend(self.now)) is not None:
                self.refused(reply, wait)
            else:
                self.says(reply, 401, "login-failed")

    @precondition(lambda self: self.password)
    @rule(which=st.integers(0, 20))
    def an_address_given_up_opens_nothing(self, which: int) -> None:
        """Nor does another's: the right password is right beside today's address alone."""
        email = self.former[which % len(self.former)]
        if email == self.email:
            return None
        tries, body = self.budget(f"login {email}"), {"email": email, "password": self.password}
        reply = Browser().call("login", "POST", "/api/login", body)
        if (wait := tries.spend(self.now)) is not None:
            return self.refused(reply, wait)
        return self.says(reply, 401, "login-failed")

    # --- passkeys -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.password)
    @rule(browser=st.sampled_from(BROWSERS), logged_in=MOSTLY, right=MOSTLY, and_adds=st.booleans())
    def begins_to_add_a_passkey(self, browser: str, logged_in: bool, right: bool, and_adds: bool = False) -> None:
        if logged_in:
            self.is_in(browser)
        held = self.held[browser]
        body = {"current_password": self.password if right else WRONG}
        route = ("passkeys", "/api/passkeys/options")
        if (entered := self.enters(browser, "POST", route, body, temporary_may=False)) and self.proves(entered, right):
            if len([k for k in self.keys if k.passkey_id]) == rules.PASSKEYS_MOST:
                return self.says(entered[0], 409, "passkeys-full")
            self.says(entered[0], 200)
            self.asked_to_add.append(Asked(entered[0].json, self.now, held))
            if and_adds:
                self.adds_a_passkey(browser=browser, which=0)
        return None

    @precondition(lambda self: self.asked_to_add)
    @rule(browser=st.sampled_from(BROWSERS), which=st.integers(0, 3))
    def adds_a_passkey(self, browser: str, which: int) -> None:
        """By what the device made of one of the last challenges: in their own session, in time, and once."""
        asked, held = self.asked_to_add[-1 - which % len(self.asked_to_add)], self.held[browser]
        key = Key(Authenticator())
        body = key.device.make(asked.options)
        entered = self.enters(browser, "POST", ("passkeys", "/api/passkeys"), body, temporary_may=False)
        if not entered:
            return None
        if asked.used or asked.session is not held or self.now >= asked.until:
            return self.says(entered[0], 422, "passkey-not-added")
        if len([k for k in self.keys if k.passkey_id]) == rules.PASSKEYS_MOST:
            return self.says(entered[0], 409, "passkeys-full")
        self.says(entered[0], 201)
        asked.used, key.passkey_id = True, entered[0].json["passkey_id"]
        self.keys.append(key)
        return None

    @precondition(lambda self: self.keys)
    @rule(browser=st.sampled_from(BROWSERS), shared=st.booleans(), which=st.integers(0, 20),
          how=st.sampled_from(["right", "right", "right", "an old challenge", "another device"]))  # fmt: skip
    def logs_in_with_a_passkey(self, browser: str, shared: bool, which: int, how: str) -> None:
        """Whoever holds one gets in at once, however often somebody guessed at the password; nobody else does."""
        key, at = self.keys[which % len(self.keys)], self.browsers[browser]
        if how != "an old challenge" or not self.asked_to_sign:
            options = at.call("passkeys", "POST", "/api/login/passkey/options")
            self.says(options, 200)
            self.asked_to_sign.append(Asked(options.json, self.now))
        asked = self.asked_to_sign[-1 if how != "an old challenge" else which % len(self.asked_to_sign)]
        wrong = {"key": Authenticator().key} if how == "another device" else {}
        device = at.cookies.get("__Host-device")
        body = key.device.sign(asked.options, **wrong) | {"shared_computer": shared}
        reply = at.call("passkeys", "POST", "/api/login/passkey", body)
        if not key.passkey_id or wrong or asked.used or self.now >= asked.until:
            return self.says(reply, 401, "passkey-not-accepted")
        self.says(reply, 200)
        asked.used = True
        assert reply.json["password_change_required"] is False
        assert (at.cookies.get("__Host-device") != device) is not shared
        self.open(browser, (5 if shared else 15) * MINUTE)
        return None

    @precondition(lambda self: self.keys)
    @rule(
        browser=st.sampled_from(BROWSERS),
        logged_in=MOSTLY,
        which=st.integers(0, 20),
        right=MOSTLY,
    )
    def removes_a_passkey(self, browser: str, logged_in: bool, which: int, right: bool) -> None:
        if logged_in:
            self.is_in(browser)
        key = self.keys[which % len(self.keys)]
        body = {"current_password": self.password if right else WRONG}
        route = ("passkeys", f"/api/passkeys/{key.passkey_id or ids.new_id(self.now)}")
        entered = self.enters(browser, "DELETE", route, body, temporary_may=False)
        if not entered:
            return None
        if not key.passkey_id:
            return self.says(entered[0], 404)
        if self.proves(entered, right):
            self.says(entered[0], 204)
            key.passkey_id = None
        return None

    # --- what a session lets its holder do ------------------------------------------------------------------------

    def is_in(self, browser: str) -> None:
        """Log in there, where nobody is and the right password may be judged, so that more is tried than being out."""
        held = self.held[browser]
        if self.password and (held is None or held.must_be_closed(self.now)):
            self.types_the_password(browser, self.password)

    def enters(self, browser: str, method: str, route: tuple[str, str], body: Any, *, temporary_may: bool) -> Any:
        """Call a route; None where the session is rightly none, else the answer and the session."""
        held = self.held[browser]
        reply = self.browsers[browser].call(route[0], method, route[1], body)
        if held is None or held.must_be_closed(self.now):
            return self.says(reply, 401, "not-logged-in")
        if reply.status == 401:
            assert not held.must_be_open(self.now), reply
            return None
        if held.temporary and not temporary_may:
            return self.says(reply, 403, "password-change-required")
        held.seen = self.now
        return reply, held

    def proves(self, entered: tuple[Reply, Held], right: bool) -> bool:
        """Whether the password that was asked for again was judged and right, by the tries of whoever is in there."""
        reply, held = entered
        tries = self.budget(f"change {held.cookie}" if held.temporary else "change")
        if (wait := tries.spend(self.now)) is not None:
            self.refused(reply, wait)
        elif not right:
            self.says(reply, 422, "bad-input")
            assert reply.json["errors"][0]["field"] == "current_password"
        else:
            tries.give_back()
            return True
        return False

    @rule(browser=st.sampled_from(BROWSERS), logged_in=MOSTLY)
    def looks(self, browser: str, logged_in: bool) -> None:
        if logged_in:
            self.is_in(browser)
        if entered := self.enters(browser, "GET", ("login", "/api/session"), None, temporary_may=False):
            self.says(entered[0], 200)
            assert {t["tenancy_id"] for t in entered[0].json["customer"]["tenancies"]} == set(self.own_tenancies)

    @rule(browser=st.sampled_from(BROWSERS), logged_in=MOSTLY, which=st.integers(0, 2))
    def chooses_a_tenancy(self, browser: str, logged_in: bool, which: int) -> None:
        if logged_in:
            self.is_in(browser)
        tenancy = [*self.own_tenancies, self.other_tenancy][which]
        body = {"tenancy_id": tenancy}
        if entered := self.enters(browser, "PUT", ("login", "/api/session"), body, temporary_may=False):
            reply, held = entered
            if tenancy == self.other_tenancy:
                return self.says(reply, 422, "bad-input")
            self.says(reply, 200)
            assert reply.json["tenancy_id"] == tenancy
            self.open(browser, held.idle, None, held.started)
        return None

    @rule(browser=st.sampled_from(BROWSERS))
    def logs_off(self, browser: str) -> None:
        """Whatever the session is, or was."""
        self.says(self.browsers[browser].call("login", "POST", "/api/logout"), 204)
        assert "__Host-session" not in self.browsers[browser].cookies
        if held := self.held[browser]:
            self.over.append(held.cookie)
            self.held[browser] = None

    @rule(browser=st.sampled_from(BROWSERS), logged_in=MOSTLY, right=MOSTLY,
          password=st.sampled_from([*CHOSEN, "short", "curlew harrowby"]))  # fmt: skip
    def changes_the_password(self, browser: str, logged_in: bool, right: bool, password: str) -> None:
        if logged_in:
            self.is_in(browser)
        held = self.held[browser]
        current = (held.temporary if held else None) or self.password or WRONG
        body = {"current_password": current if right else WRONG, "new_password": password}
        device = self.browsers[browser].cookies.get("__Host-device", "")
        entered = self.enters(browser, "PUT", ("reset", "/api/password"), body, temporary_may=True)
        if not entered:
            return None
        reply, held = entered
        if password == "short":
            return self.says(reply, 422, "bad-input")
        if not self.proves(entered, right):
            return None
        if password not in CHOSEN:
            return self.says(reply, 422, "bad-input")
        self.says(reply, 204)
        renewed = self.browsers[browser].cookies.get("__Host-device", "") != device
        assert renewed is self.knows(device), "a browser that was known is known again"
        self.ends_all_sessions()
        self.password, self.password_set_at = password, self.now
        if self.change and self.change.code:
            self.stale_codes.append(self.change.code)
        self.change = None
        self.open(browser, held.idle)
        return None

    def ends_all_sessions(self) -> None:
        """And with them whatever temporary password waits."""
        for name, other in self.held.items():
            if other:
                other.ended = True
                self.over.append(other.cookie)
                self.held[name] = None
        if self.temporary and not self.temporary_used:
            self.old_temporary.append(self.temporary[0])
        self.temporary = None

    # --- another address to log in with -----------------------------------------------------------------------------

    @precondition(lambda self: self.password)
    @rule(browser=st.sampled_from(BROWSERS), logged_in=MOSTLY, right=MOSTLY,
          email=st.sampled_from([*NEW, EMAIL, NEIGHBOUR]), and_confirms=st.booleans())  # fmt: skip
    def asks_for_another_address(
        self, browser: str, logged_in: bool, right: bool, email: str, and_confirms: bool = False
    ) -> None:
        if logged_in:
            self.is_in(browser)
        body = {"email": email, "current_password": self.password if right else WRONG}
        entered = self.enters(browser, "POST", ("reset", "/api/email"), body, temporary_may=False)
        if not entered or not self.proves(entered, right):
            return None
        if email == self.email:
            self.says(entered[0], 422, "bad-input")
            assert entered[0].json["errors"][0]["field"] == "email"
            return None
        for asked in self.budget("addresses an hour", 3, HOUR), self.budget("addresses a day", 10, DAY):
            if (wait := asked.spend(self.now)) is not None:
                return self.refused(entered[0], wait)
        self.says(entered[0], 202)
        until = datetime.fromisoformat(entered[0].json["code_expires_at"])
        assert HOUR <= until - self.now <= DAY or (self.change and self.change.until == until)
        self.is_mailed_a_code(email, until)
        if and_confirms and self.change:
            self.confirms_the_address(browser=browser, logged_in=False, what="right")
        return None

    def is_mailed_a_code(self, email: str, until: datetime) -> None:
        """The new address alone gets one; where another has that, they are told, and nobody gets the code."""
        mailed, told = self.mailed_for_a_change()
        if not self.may_mail(f"new address {email}"):
            assert not mailed
            assert not told
            return
        again = self.change if self.change and self.change.email == email and self.now < self.change.until else None
        if email in self.taken:
            assert (mailed, [to.email for to in told]) == ([], [email])
        else:
            assert (len(mailed), told) == (1, [])
            assert mailed[0].email == email
        code = mailed[0].secret if mailed else None
        if again:
            assert again.until == until
            assert again.code in (None, code) or not code, "asked again the same code is mailed with its first end"
            again.code = again.code or code
            return
        if self.change and self.change.code:
            self.stale_codes.append(self.change.code)
        assert code is None or code not in self.stale_codes
        self.change = Change(email, code, until)

    def mailed_for_a_change(self) -> tuple[list[identity.Recipient], list[identity.Recipient]]:
        found = [(m.kind, identity.recipient(m.to, m.kind, self.now))
                 for m in store.query(MailItem, MAIL_PK, self.now)]  # fmt: skip
        empty("outbox")
        return [to for kind, to in found if to and kind == "email_code"], [
            to for kind, to in found if to and kind == "email_taken"
        ]

    @precondition(lambda self: self.change or self.stale_codes)
    @rule(
        browser=st.sampled_from(BROWSERS),
        logged_in=MOSTLY,
        what=st.sampled_from(["right", "right", "right", "wrong", "stale"]),
    )
    def confirms_the_address(self, browser: str, logged_in: bool, what: str) -> None:
        if logged_in:
            self.is_in(browser)
        change = self.change
        right = what == "right" and change is not None and change.code is not None
        typed = change.code if right else self.stale_codes[-1] if what == "stale" and self.stale_codes else "2222-2222"
        empty("outbox")
        device = self.browsers[browser].cookies.get("__Host-device", "")
        entered = self.enters(browser, "POST", ("reset", "/api/email/confirm"), {"code": typed}, temporary_may=False)
        if not entered:
            return None
        reply, held = entered
        if change is None or self.now >= change.until:
            return self.says(reply, 422, "code-not-accepted")
        if (wait := change.tries.spend(self.now)) is not None:
            return self.refused(reply, wait)
        if not right:
            return self.says(reply, 422, "code-not-accepted")
        if change.email in self.taken:
            return self.says(reply, 409, "email-in-use")
        self.says(reply, 204)
        whom = {to.email for to in self.newly_mailed("email_changed")}
        assert whom == {self.email, change.email, EMAIL}, "the old address, the new one and the record's are told"
        renewed = self.browsers[browser].cookies.get("__Host-device", "") != device
        assert renewed is self.knows(device), "a browser that was known is known again"
        self.ends_all_sessions()
        self.former.append(self.email)
        self.stale_codes.append(typed)
        self.email, self.change = change.email, None
        self.open(browser, held.idle, None, held.started)
        return None

    @precondition(lambda self: self.change and self.change.email not in self.taken)
    @rule(sooner=st.sampled_from([False, False, True]))
    def somebody_else_registers(self, sooner: bool) -> None:
        """With the address that the customer is about to take."""
        if sooner:
            registers_directly(self.change.email, ids.new_id(self.now))
            self.taken.append(self.change.email)

    # --- forgetting -------------------------------------------------------------------------------------------------

    @rule(right=MOSTLY)
    def asks_for_a_temporary_password(self, right: bool) -> None:
        body = {"email": self.email, "date_of_birth": "1990-03-27" if right else "1990-03-28"}
        self.says(Browser().call("reset", "POST", "/api/reset", body), 202)
        mailed = self.newly_mailed("temporary_password")
        if not right or self.password is None or not self.may_mail(self.email):
            assert not mailed
            return
        ((email, secret),) = mailed
        assert email == self.email
        assert secret
        if self.temporary and not self.temporary_used and self.now < self.temporary[1]:
            assert secret == self.temporary[0], "asked again within its hour it is the same"
        else:
            assert secret not in self.old_temporary
            if self.temporary:
                self.old_temporary.append(self.temporary[0])
            self.temporary, self.temporary_used = (secret, self.now + HOUR), False


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hash that costs next to nothing: this test makes thousands, and proves nothing of their cost.

    Nor of a network address's limits, which are as good as taken away.
    """
    monkeypatch.setenv("LIMITS_FACTOR", "100000")
    monkeypatch.setattr(tries, "count_call", lambda address, at: None)
    monkeypatch.setattr(aws.secret, "cache_clear", lambda: None, raising=False)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys_hash.cache_clear()
    yield
    passwords._nobodys_hash.cache_clear()


def walked(examples: int, steps: int, machine: type[Identity] = Identity) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_nobody_gets_in_without_what_they_should_hold_and_nobody_who_holds_it_is_kept_out(
    cloud: None, cheap_hashes: None
) -> None:
    walked(100, 30)


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_the_same_at_length(cloud: None, cheap_hashes: None, part: int) -> None:
    """A thousand walks of fifty steps, in parts that may be walked side by side, each from a seed of its own."""
    walked(250, 50, seed(part)(type("Identity", (Identity,), {})))
