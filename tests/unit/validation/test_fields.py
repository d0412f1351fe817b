"""Field types and strict reading, without a function around them."""

import contextlib
import json
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.failures import BadInput, Failure
from portal.validation import fields
from portal.validation.fields import DateOfBirth, Email, Mobile, NewPassword, TenancyReference
from portal.validation.reading import NotJson, Request, TooLarge, UnreadableBody, Wrong, read_body


class Everything(Request):
    email: Email
    mobile: Mobile
    tenancy_reference: TenancyReference
    date_of_birth: DateOfBirth
    password: NewPassword


GOOD = {
    "email": "name@example.com",
    "mobile": "07700 900123",
    "tenancy_reference": "LH 10001",
    "date_of_birth": "1990-03-27",
    "password": "copper lantern meadow",
}


def read(**changes: Any) -> Everything:
    return read_body(Everything, json.dumps(GOOD | changes).encode())


def refused(**changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(BadInput) as caught:
        read(**changes)
    return [tuple(error) for error in caught.value.errors]  # type: ignore[misc]


@pytest.mark.parametrize(
    "text", ["07700 900123", "+44 7700 900 123", "+447700900123", "(07700) 900-123", "0044 7700 900123", "07700900123"]
)
def test_a_mobile_number_is_one_however_it_is_written(text: str) -> None:
    assert read(mobile=text).mobile == "+447700900123"


@pytest.mark.parametrize(
    "text", ["0300 123 4567", "7700", "+1 202 555 0100", "07700 9001234567", "0X700 900123", "٠٧٧٠٠٩٠٠١٢"]
)
def test_what_is_no_mobile_number_is_refused(text: str) -> None:
    assert refused(mobile=text) == [("mobile", "Enter a UK mobile number, like 07700 900123 or +44 7700 900123")]


@pytest.mark.parametrize("text", ["lh10001", " LH 10001 ", "l h 1 0 0 0 1", "LH\u00a010001"])
def test_a_reference_is_read_without_spaces_and_in_capitals(text: str) -> None:
    assert read(tenancy_reference=text).tenancy_reference == "LH10001"


def test_only_ascii_letters_of_an_address_are_lower_cased() -> None:
    assert read(email=" Name@EXAMPLE.com ").email == "name@example.com"
    assert fields.canonical_email("ÉVE@example.com") == "Éve@example.com"


def test_no_other_letter_becomes_an_ascii_one() -> None:
    """The whole of Unicode: nothing that folds or normalises to an ASCII letter is taken for it (threat T22)."""
    tried = 0
    for point in range(0x80, 0x110000):
        letter = chr(point)
        if 0xD800 <= point < 0xE000:
            continue
        folded = unicodedata.normalize("NFKC", letter).casefold()
        if folded.isascii() and folded.isalpha():
            tried += 1
            try:
                assert fields.canonical_email(f"{letter}dam@example.com") != f"{folded}dam@example.com"
            except Wrong:
                continue
    assert tried > 500


@pytest.mark.parametrize(
    "text", ["", " ", "name", "name@", "@example.com", "name@example", "a b@example.com", "a@b@c.com", "name@ex..com",
             "<name@example.com>", "name@example.com\nBcc: x@example.com", "n\x00@example.com", "x" * 250 + "@e.com"]
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    ((field, message),) = refused(email=text)
    assert field == "email"
    assert "mail address" in message


@pytest.mark.parametrize(
    "born",
    ["1990-02-30", "1990-13-01", "27/03/1990", "1990-3-27", "1990-03-27T00:00:00", "0", "", "١٩٩٠-٠٣-٢٧", "2126-01-01",
             "1800-01-01", 0, 19900327, True, None, [], {}]
)  # fmt: skip
def test_a_date_of_birth_is_a_real_day_in_the_past(born: Any) -> None:
    ((field, message),) = refused(date_of_birth=born)
    assert field == "date_of_birth"
    assert message.startswith(("Date of birth must be", "Enter your date of birth"))


def test_a_password_is_normalised_and_not_trimmed() -> None:
    assert read(password=" ﬁve fine words ").password == " five fine words "
    assert read(password="e\u0301 e\u0301 e\u0301").password == "é é é"


def test_all_errors_are_named_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        read_body(Everything, b'{"email": 1, "role": "admin"}')
    names = [error.field for error in caught.value.errors]
    assert sorted(names) == ["date_of_birth", "email", "mobile", "password", "role", "tenancy_reference"]


@pytest.mark.parametrize(
    ("raw", "failure"),
    [
        (b"", UnreadableBody), (b"null", UnreadableBody), (b"[]", UnreadableBody), (b'"x"', UnreadableBody),
        (b"{", UnreadableBody), (b"[" * 20_00, UnreadableBody), (b'{"a":' * 2_000, UnreadableBody),
        (b'{"a":1,"a":2}', UnreadableBody), (b'{"a":NaN}', UnreadableBody), (b'{"a":1e999}', BadInput),
        (b'{"a":' + b"9" * 5_000 + b"}", UnreadableBody), (b"\xff\xfe", UnreadableBody),
        (b"\xef\xbb\xbf{}", BadInput),
        (b'{"email":"\\ud800"}', BadInput), (b" " * 16_385, TooLarge), (b'{"__proto__":{}}', BadInput),
    ],
)  # fmt: skip
def test_odd_bodies_are_refused_and_never_fail_otherwise(raw: bytes, failure: type[Failure]) -> None:
    with pytest.raises(failure):
        read_body(Everything, raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the first number read loads phonenumbers
@given(st.dictionaries(st.sampled_from([*GOOD, "role"]), JSON))
def test_whatever_json_comes_is_read_or_refused(body: dict[str, Any]) -> None:
    with contextlib.suppress(BadInput, UnreadableBody, TooLarge):
        assert read_body(Everything, json.dumps(body).encode()).password


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_refused(raw: bytes) -> None:
    with pytest.raises((BadInput, UnreadableBody)):
        read_body(Everything, raw)


def test_not_json_has_words() -> None:
    from portal.http.problems import problem_document

    assert problem_document(NotJson())[1]["status"] == 415
