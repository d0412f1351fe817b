"""The list of outcomes, and how much of an address is kept."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.audit import rules
from portal.audit.rules import Outcome


@given(st.ip_addresses(v=4))
def test_of_an_ipv4_address_its_slash_24_is_kept(address: ipaddress.IPv4Address) -> None:
    kept = rules.truncated(str(address))
    assert kept == f"{str(address).rpartition('.')[0]}.0/24"


@given(st.ip_addresses(v=6))
def test_of_an_ipv6_address_or_its_slash_64_the_slash_48_is_kept(address: ipaddress.IPv6Address) -> None:
    whole, cut = str(address), str(ipaddress.ip_network((address, 64), strict=False))
    kept = ipaddress.ip_network(rules.truncated(whole))
    assert kept.prefixlen == 48
    assert address in kept
    assert rules.truncated(cut) == str(kept)


@pytest.mark.parametrize("text", ["unknown", "", "somebody", "203.0.113.7:443", "203.0.113"])
def test_what_is_no_address_is_unknown_and_not_kept(text: str) -> None:
    assert rules.truncated(text) == "unknown"


def test_an_outcome_and_its_reason_are_plain_words_and_make_one_metric_each() -> None:
    words = [word for outcome in Outcome for word in outcome.value]
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", word) for word in words)
    metrics = [outcome.metric for outcome in Outcome]
    assert len(set(metrics)) == len(metrics) == len(Outcome.__members__)
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", metric) for metric in metrics)


def test_ids_spread_evenly_over_the_shards() -> None:
    ids = [f"0000000000000000000000000{last}" for last in rules.SHARDS]
    assert sorted(map(rules.shard_of, ids)) == sorted([*range(rules.NUMBER_OF_SHARDS)] * 8)
