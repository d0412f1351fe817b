"""The figures that docs/security.md reckons with are those in the code (threats T1, T3, T5 and T7)."""

from argon2 import extract_parameters

from portal.identity import passwords, rules, secrets, tries


def test_t1_a_code_is_guessed_on_one_day_in_thirty_thousand_million() -> None:
    guesses = tries.CODE.most * tries.CODES_OF_PERSON.most
    assert guesses == 25
    assert guesses / len(rules.ALPHABET) ** rules.CODE_CHARACTERS < 3e-11


def test_t3_a_date_of_birth_has_five_guesses_a_day_for_a_reference() -> None:
    assert (tries.REFERENCE.most, tries.REFERENCE.lasts.days) == (5, 1)


def test_t5_a_stolen_table_is_slow_to_crack_and_holds_no_token() -> None:
    used = extract_parameters(passwords.hashed("copper lantern meadow"))
    assert (used.type.name, used.memory_cost, used.time_cost, used.parallelism) == ("ID", 19_456, 2, 1)
    assert (used.hash_len, used.salt_len) == (32, 16)
    token = secrets.new_token()
    assert len(token) >= 43, "256 bits in base64"
    assert token not in secrets.token_hash(token)
    assert len(secrets.token_hash(token)) == 64


def test_t7_an_account_has_ten_tries_and_then_waits_and_fifty_a_day_at_the_most() -> None:
    assert (tries.LOGIN.free, tries.LOGIN.most, tries.LOGIN.lasts.days) == (10, 50, 1)
