"""References, ids and the words of the exchange files."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from portal import ids
from portal.repairs import rules
from portal.repairs.catalogue import catalogue


def test_a_reference_can_be_read_out() -> None:
    references = {rules.new_reference() for _ in range(500)}
    assert all(re.fullmatch(r"R-[2-9A-HJKMNP-Z]{6}", r) for r in references)
    assert len(references) > 495


def test_an_imported_repairs_id_is_the_same_each_time_and_sorts_by_its_day() -> None:
    first, later = rules.imported_id("W9", date(2024, 5, 1)), rules.imported_id("W1", date(2024, 5, 2))
    assert first == rules.imported_id("W9", date(2024, 5, 1))
    assert ids.is_id(first)
    assert first < later


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("open", "open"), ("Completed", "completed"), ("complete", "completed"), ("In Progress", "in_progress"),
        ("on hold", "on_hold"), ("awaiting-materials", "awaiting_materials"), ("NO ACCESS", "no_access"),
        ("exploded", None), ("", None),
    ],
)  # fmt: skip
def test_a_status_of_the_landlords_file(text: str, word: str | None) -> None:
    assert rules.status_word(text) == word


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Accepted", "accepted"), ("operative on the way", "on_the_way"), ("COMPLETE", "completed"),
        ("Follow-on works", "follow_on"), ("inspected", "investigated"), ("exploded", None),
        # Only the tenant does these.
        ("reported", None), ("note added", None),
    ],
)  # fmt: skip
def test_an_event_of_the_landlords_file(text: str, word: str | None) -> None:
    assert rules.event_word(text) == word


def test_a_duty_is_warned_of_at_half_at_four_fifths_and_a_second_after_its_end() -> None:
    start = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert rules.stages(start, start + timedelta(hours=10)) == {
        "half": start + timedelta(hours=5),
        "most": start + timedelta(hours=8),
        "passed": start + timedelta(hours=10, seconds=1),
    }


@pytest.mark.parametrize(
    ("text", "word"),
    [("emergency", "emergency"), ("Urgent", "urgent"), ("1", "emergency"), ("Normal", "routine"), ("soon", None)],
)
def test_a_priority_of_the_landlords_file(text: str, word: str | None) -> None:
    assert rules.priority_word(text) == word


def test_a_description_of_work_is_one_line_of_230_characters_at_the_most() -> None:
    leaf = catalogue().items[0]
    assert rules.description_of_work(leaf, None) == "Kitchen, Tap: Drips"
    assert rules.description_of_work(leaf, "by\nthe  window") == "Kitchen, Tap: Drips. by the window"
    assert len(rules.description_of_work(leaf, "x" * 1000)) == 230
