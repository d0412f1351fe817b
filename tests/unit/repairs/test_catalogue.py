"""The catalogue: that what ships can be used, that a faulty one says where, and what answers do to a priority."""

import itertools
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from portal.repairs import catalogue as module
from portal.repairs import rules
from portal.repairs.catalogue import CatalogueFault, catalogue
from portal.repairs.checking import check, main
from portal.working_days import bank_holidays

SHIPPED = json.loads(Path(module.__file__).with_name("catalogue.json").read_text())
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LEAVES = {leaf.item_id: leaf for leaf in catalogue().items}


def _given(item_id: str, **answers: str) -> Any:
    return rules.answered(catalogue().questions_of(LEAVES[item_id]), answers)


def _priority(leaf: module.Leaf, answered: Any) -> str:
    return rules.triage(leaf, answered, is_winter=False).priority


def test_it_covers_a_home_and_its_building() -> None:
    assert len(LEAVES) >= 120
    assert {leaf.place for leaf in LEAVES.values()} == {
        "Kitchen", "Bathroom and toilet", "Heating and hot water", "Electrics", "Doors, windows and locks",
        "Walls, ceilings, floors and damp", "Stairs in your home", "Water supply", "Roof and gutters", "Drains",
        "Outside your home", "Garage, shed and parking", "Shared areas of the building",
    }  # fmt: skip


def test_no_leaf_is_a_dead_end_whatever_is_answered() -> None:
    for leaf in LEAVES.values():
        _is_no_dead_end(leaf)


def _is_no_dead_end(leaf: module.Leaf) -> None:
    known = catalogue()
    questions = known.questions_of(leaf)
    assert known.photos[leaf.photo]
    for answers in itertools.product(*(q.answers for q in questions)):
        given = {q.question_id: a.answer_id for q, a in zip(questions, answers, strict=True)}
        for is_winter in (False, True):
            priority, danger, _ = rules.triage(leaf, rules.answered(questions, given), is_winter=is_winter)
            due = rules.due_at(known.targets[priority], NOON, bank_holidays())
            assert NOON < due < NOON + timedelta(days=60)
            step = rules.next_step(
                "reported", priority, is_danger=bool(danger), is_tenants=leaf.responsibility == "tenant"
            )
            assert re.search("ring|cancel this here", step)
            if danger:
                assert danger.text
                assert danger.call in known.numbers


@pytest.mark.parametrize("status", rules.STATUSES)
def test_every_status_has_a_next_step(status: str) -> None:
    assert rules.next_step(status, "routine", is_danger=False, is_tenants=False).endswith(".")


def test_a_danger_that_is_finished_asks_nobody_to_ring() -> None:
    step = rules.next_step("completed", "emergency", is_danger=True, is_tenants=False)
    assert "ring now" not in step


DANGERS = [
    # gas
    ("gas-smell", {}, False, "gas"),
    # carbon monoxide
    ("carbon-monoxide-alarm-sounding", {}, False, "gas"),
    ("boiler-fumes", {}, False, "gas"),
    # live wires
    ("electric-bare-wires", {}, False, "landlord"),
    ("electric-burning", {}, False, "landlord"),
    ("electric-socket", {"sparks": "yes"}, False, "landlord"),
    ("electric-socket", {"sparks": "no"}, False, None),
    # water on electrics
    ("electric-water", {}, False, "landlord"),
    ("kitchen-sink-leak", {"near_electrics": "yes", "contain": "yes"}, False, "landlord"),
    ("kitchen-sink-leak", {"near_electrics": "no", "contain": "yes"}, False, None),
    # a major leak, a flood
    ("kitchen-sink-leak", {"near_electrics": "no", "contain": "no"}, False, "landlord"),
    ("water-burst", {}, False, "landlord"),
    # no heating or hot water: in winter, or with somebody vulnerable, or with nothing else to keep warm by
    ("heating-none", {"vulnerable": "no", "other_heating": "yes"}, False, None),
    ("heating-none", {"vulnerable": "no", "other_heating": "yes"}, True, "landlord"),
    ("heating-none", {"vulnerable": "yes", "other_heating": "yes"}, False, "landlord"),
    ("heating-none", {"vulnerable": "no", "other_heating": "no"}, False, "landlord"),
    ("hot-water-none", {"vulnerable": "no"}, False, None),
    ("hot-water-none", {"vulnerable": "no"}, True, "landlord"),
    ("hot-water-none", {"vulnerable": "yes"}, False, "landlord"),
    # cannot secure the home
    ("door-insecure", {}, False, "landlord"),
    ("lock-broken", {"secure": "no"}, False, "landlord"),
    ("lock-broken", {"secure": "yes"}, False, None),
    # total loss of power or water
    ("electric-none", {"neighbours_power": "yes"}, False, "power"),
    ("electric-none", {"neighbours_power": "no"}, False, "landlord"),
    ("water-none", {}, False, "landlord"),
    # what can wait
    ("kitchen-tap-drips", {}, True, None),
]


@pytest.mark.parametrize(("item_id", "answers", "is_winter", "call"), DANGERS)
def test_what_must_not_wait_for_a_form_names_whom_to_ring(
    item_id: str, answers: dict[str, str], is_winter: bool, call: str | None
) -> None:
    priority, danger, _ = rules.triage(LEAVES[item_id], _given(item_id, **answers), is_winter=is_winter)
    assert (danger.call if danger else None) == call
    if danger:
        assert priority == "emergency"


def test_the_numbers_are_those_of_the_country() -> None:
    numbers = {call: number.phone for call, number in catalogue().numbers.items()}
    assert numbers == {"gas": "0800 111 999", "power": "105", "fire": "999", "landlord": None}


@pytest.mark.parametrize(
    ("day", "is_winter"),
    [("2026-10-30", False), ("2026-10-31", True), ("2027-01-15", True), ("2027-04-30", True), ("2027-05-01", False)],
)
def test_the_cold_months_are_those_of_the_right_to_repair(day: str, is_winter: bool) -> None:
    assert catalogue().winter.has(date.fromisoformat(day)) is is_winter


def test_a_schedule_of_rates_code_has_a_source() -> None:
    codes = {leaf.schedule_of_rates for leaf in LEAVES.values()} - {None}
    assert all(re.fullmatch(r"N[0-9]{6}", code or "") for code in codes)
    assert "SoRConfig.json" in catalogue().sources["schedule_of_rates"]


@pytest.mark.parametrize(
    ("item_id", "answers", "priority"),
    [
        ("heating-none", {}, "urgent"),
        ("heating-none", {"vulnerable": "yes", "other_heating": "yes"}, "emergency"),
        ("heating-none", {"vulnerable": "no", "other_heating": "no"}, "emergency"),
        ("heating-none", {"vulnerable": "no", "other_heating": "yes"}, "urgent"),
        ("kitchen-sink-leak", {}, "emergency"),
        # An answer lowers nothing while another question is open.
        ("kitchen-sink-leak", {"contain": "yes"}, "emergency"),
        ("kitchen-sink-leak", {"contain": "yes", "near_electrics": "no"}, "urgent"),
        ("kitchen-sink-leak", {"contain": "yes", "near_electrics": "yes"}, "emergency"),
        ("toilet-does-not-flush", {"other_toilet": "yes"}, "urgent"),
        ("toilet-does-not-flush", {"other_toilet": "no"}, "emergency"),
        ("mould", {"mould_size": "small", "mould_health": "no"}, "routine"),
        ("mould", {"mould_size": "small", "mould_health": "yes"}, "urgent"),
        ("electric-socket", {"sparks": "yes"}, "emergency"),
        ("electric-socket", {"sparks": "no"}, "routine"),
        ("kitchen-tap-drips", {}, "routine"),
    ],
)
def test_answers_decide_the_priority(item_id: str, answers: dict[str, str], priority: str) -> None:
    assert _priority(LEAVES[item_id], _given(item_id, **answers)) == priority


def test_an_answers_danger_comes_before_the_leafs_and_brings_its_hazard() -> None:
    leaf, given = LEAVES["ceiling-water"], _given("ceiling-water", near_electrics="yes", contain="no")
    _, danger, hazard = rules.triage(leaf, given, is_winter=False)
    assert danger
    assert "fuse box" in danger.text
    assert hazard == "electrical"
    assert rules.triage(leaf, (), is_winter=False).hazard == "damp_mould"


def test_a_wrong_answer_and_a_question_that_is_not_asked_are_named() -> None:
    questions = catalogue().questions_of(LEAVES["heating-none"])
    errors = rules.wrong_answers(questions, {"vulnerable": "perhaps", "contain": "yes", "x": "y"})
    assert [e.field for e in errors] == ["answers.vulnerable", "answers"]


def _with(change: dict[str, Any], *, of: str = "items", at: int = 0) -> bytes:
    changed = json.loads(json.dumps(SHIPPED))
    changed[of][at] |= change
    return json.dumps(changed).encode()


def _part(**parts: Any) -> bytes:
    return json.dumps(SHIPPED | parts).encode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{", "catalogue:"),
        (_with({"priority": "soon"}), "priority"),
        (_with({"colour": "blue"}), "colour"),
        (_with({"item_id": "Tap Drips"}), "'Tap Drips' is not made of"),
        (_with({"item_id": SHIPPED["items"][1]["item_id"]}), "stands 2 times"),
        (_with({"ask": ["weather"]}), "asks 'weather', which is no question"),
        (_with({"danger": {"call": "mum", "text": "Ring her"}}), "says to call 'mum'"),
        (_with({"responsibility": "tenant"}), "is the tenant's own and has no advice"),
        (_with({"place": ""}), "empty name"),
        (_with({"trade": "magic"}), "for the trade 'magic'"),
        (_with({"photo": "selfie"}), "photo advice 'selfie'"),
        (_with({"hazard": "crowding"}), "the hazards crowding are none"),
        (_with({"question_id": "other"}, of="questions"), "question other is asked by nothing"),
        (_part(targets={"emergency": {"amount": 0, "unit": "hours"}}), "targets has no urgent"),
        (_part(targets={"emergency": {"amount": 0, "unit": "hours"}}), "emergency is not a positive amount"),
        (_part(winter={"from": "31 October", "to": "04-30"}), "'31 October', which is no day"),
        (_part(synonyms=[["loo"]]), "the synonyms loo are fewer"),
        (_part(items=[]), "items is empty"),
        (_part(sources={}), "does not say of which schedule"),
        (_with({"answers": [{"answer_id": "yes", "text": "Yes"}]}, of="questions"), "fewer than two answers"),
    ],
)
def test_a_faulty_catalogue_says_what_is_wrong_and_where(text: bytes, says: str) -> None:
    with pytest.raises(CatalogueFault, match="catalogue") as fault:
        check(text)
    assert says in str(fault.value)


def test_a_landlords_own_file_is_checked_before_it_is_built_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps(SHIPPED))
    assert main([str(own)]) == 0
    own.write_bytes(_with({"trade": "magic"}))
    assert main([str(own)]) == 1
    assert main([str(tmp_path / "none.json")]) == 1
    assert main([]) == 2
    assert "for the trade 'magic'" in capsys.readouterr().out
