"""T7: however an account is attacked, its owner gets in from a browser that was there before."""

import random
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

from portal.identity import passwords
from tests.integration import test_threats
from tests.integration.conftest import Browser
from tests.integration.test_identity import PASSWORD, registered

LOGIN = {"email": "amara@example.com", "password": PASSWORD}


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash that costs next to nothing: what is counted here is not its cost."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@test_threats.sizes(20, 1_000)
def test_t7_the_owner_gets_in_during_every_attack(
    browser: Browser, own_tenancy: Any, noon: Any, cheap_hashes: None, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Each attack a day of its own: wrong passwords from strange browsers, some with a made-up device cookie."""
    monkeypatch.setenv("LIMITS_FACTOR", "100000")  # an attacker has as many addresses as it likes
    registered(browser)
    browser.call("login", "POST", "/api/logout")
    seeded = random.Random(7)
    for attack in range(size):
        noon.shift(timedelta(days=1, minutes=seeded.randrange(60)))
        for _ in range(seeded.randrange(8, 14)):
            stranger = Browser(f"198.51.100.{seeded.randrange(250)}")
            if seeded.random() < 0.2:
                stranger.cookies["__Host-device"] = f"{'0' * 26}.{seeded.randrange(10**9)}"
            guess = stranger.call("login", "POST", "/api/login", LOGIN | {"password": f"guess {attack} and more"})
            assert guess.status in {401, 429}
        assert browser.call("login", "POST", "/api/login", LOGIN).status == 200, attack
        if attack % 100 == 99:  # a device is known for 180 days
            browser.call("login", "POST", "/api/logout")
