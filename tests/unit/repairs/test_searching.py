"""Finding a leaf by a tenant's own words."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.repairs import catalogue as module
from portal.repairs.catalogue import Leaf, catalogue, read
from portal.repairs.searching import MOST, Finder, finder

LEAVES = {leaf.item_id: leaf for leaf in catalogue().items}


def _found(words: str) -> list[str]:
    return [leaf.item_id for leaf in finder().search(words)]


def _name(leaf: Leaf) -> str:
    return f"{leaf.place} {leaf.object} {leaf.problem}"


def test_every_leaf_is_found_by_its_own_words() -> None:
    for leaf in LEAVES.values():
        assert leaf.item_id in _found(_name(leaf))[:2], leaf
        assert leaf.item_id in _found(f"{leaf.object} {leaf.problem}")[:5], leaf


@pytest.mark.parametrize("slip", ["swapped", "left out", "doubled"])
def test_every_leaf_is_found_by_a_misspelling(slip: str) -> None:
    for leaf in LEAVES.values():
        word = max(f"{leaf.object} {leaf.problem}".split(), key=len)
        wrong = {
            "swapped": word[:2] + word[3] + word[2] + word[4:],
            "left out": word[:3] + word[4:],
            "doubled": word[:3] + word[2] + word[3:],
        }[slip]
        assert leaf.item_id in _found(_name(leaf).replace(word, wrong))[:5], (leaf.item_id, wrong)


@pytest.mark.parametrize(
    ("words", "item_id"),
    [
        ("telly", "tv-aerial"),
        ("loo blocked", "toilet-blocked"),
        ("no hot water", "hot-water-none"),
        ("no heating", "heating-none"),
        ("tap dripping", "kitchen-tap-drips"),
        ("taap driping", "kitchen-tap-drips"),
        ("mold", "mould"),
        ("black spots on the wall", "mould"),
        ("I can smell gas", "gas-smell"),
        ("lekcy off", "electric-none"),
        ("toilet won't flush", "toilet-does-not-flush"),
        ("TOILET WON’T FLUSH!", "toilet-does-not-flush"),
        ("fuse box keeps tripping", "electric-trips"),
        ("water coming through ceiling", "ceiling-water"),
        ("co alarm", "carbon-monoxide-alarm-sounding"),
        ("condensation", "condensation"),
        ("lift", "communal-lift"),
    ],
)
def test_what_a_tenant_would_type_finds_it_first(words: str, item_id: str) -> None:
    assert _found(words)[0] == item_id


def test_boiler_finds_the_boilers_leaves_first() -> None:
    assert all(item_id.startswith("boiler") for item_id in _found("boiler")[:5])


@pytest.mark.parametrize("words", ["xyzzy", "the", "?!", "  ", "…"])
def test_words_that_mean_nothing_find_nothing(words: str) -> None:
    assert _found(words) == []


def test_a_search_answers_few() -> None:
    assert 0 < len(_found("leaks broken")) <= MOST


def test_the_words_of_a_landlords_own_catalogue_are_those_that_count() -> None:
    text = Path(module.__file__).with_name("catalogue.json").read_text().replace("Television aerial", "Wibble")
    assert next(leaf.item_id for leaf in Finder(read(text.encode())).search("wible")) == "tv-aerial"


def test_a_search_with_misspellings_costs_less_than_reading_the_catalogue_ten_times() -> None:
    text = Path(module.__file__).with_name("catalogue.json").read_bytes()

    def fastest(act: Callable[[], object]) -> float:
        taken = []
        for _ in range(7):
            start = time.perf_counter()
            act()
            taken.append(time.perf_counter() - start)
        return min(taken)

    _found("warm up")
    assert fastest(lambda: _found("taap driping in kichen")) < 10 * fastest(lambda: read(text))
