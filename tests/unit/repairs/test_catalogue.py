"""The catalogue: that what ships can be used, that a faulty one says where, and what answers do to a priority."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from portal.repairs import catalogue as module
from portal.repairs import rules
from portal.repairs.catalogue import CatalogueFault, catalogue, read

SHIPPED = json.loads(Path(module.__file__).with_name("catalogue.json").read_text())
LEAVES = {leaf.item_id: leaf for leaf in catalogue().items}


def _given(item_id: str, **answers: str) -> Any:
    return rules.answered(catalogue().questions_of(LEAVES[item_id]), answers)


def test_it_covers_a_home_and_its_building() -> None:
    assert len(LEAVES) >= 60
    assert {leaf.place for leaf in LEAVES.values()} == {
        "Kitchen", "Bathroom and toilet", "Heating and hot water", "Electrics", "Doors, windows and locks",
        "Walls, ceilings, floors and damp", "Stairs in your home", "Water supply", "Roof and gutters", "Drains",
        "Outside your home", "Shared areas of the building",
    }  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES.values(), ids=LEAVES)
def test_each_leaf_gives_a_priority_whatever_is_answered(leaf: module.Leaf) -> None:
    questions = catalogue().questions_of(leaf)
    for answers in itertools.product(*(q.answers for q in questions)):
        given = {q.question_id: a.answer_id for q, a in zip(questions, answers, strict=True)}
        assert rules.priority_of(leaf, rules.answered(questions, given)) in rules.PRIORITIES


@pytest.mark.parametrize(
    "item_id",
    ["gas-smell", "carbon-monoxide-alarm-sounding", "electric-bare-wires", "electric-water", "heating-none",
     "door-insecure", "water-burst"],
)  # fmt: skip
def test_what_must_not_wait_for_a_form_names_whom_to_ring(item_id: str) -> None:
    danger = LEAVES[item_id].danger
    assert danger
    assert danger.call in catalogue().numbers


def test_gas_is_rung_in_first() -> None:
    danger = LEAVES["gas-smell"].danger
    assert danger
    assert catalogue().number(danger).phone == "0800 111 999"


def test_no_schedule_of_rates_code_is_invented() -> None:
    assert {leaf.schedule_of_rates for leaf in LEAVES.values()} == {None}


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
    assert rules.priority_of(LEAVES[item_id], _given(item_id, **answers)) == priority


def test_an_answers_danger_comes_before_the_leafs_and_brings_its_hazard() -> None:
    leaf, given = LEAVES["ceiling-water"], _given("ceiling-water", near_electrics="yes", contain="no")
    danger = rules.danger_of(leaf, given)
    assert danger
    assert "fuse box" in danger.text
    assert rules.hazard_of(leaf, given) == "electrical"
    assert rules.hazard_of(leaf, ()) == "damp_mould"


def test_a_wrong_answer_and_a_question_that_is_not_asked_are_named() -> None:
    questions = catalogue().questions_of(LEAVES["heating-none"])
    errors = rules.wrong_answers(questions, {"vulnerable": "perhaps", "contain": "yes", "x": "y"})
    assert [e.field for e in errors] == ["answers.vulnerable", "answers"]


def _with(change: dict[str, Any], *, of: str = "items", at: int = 0) -> bytes:
    changed = json.loads(json.dumps(SHIPPED))
    changed[of][at] |= change
    return json.dumps(changed).encode()


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
        (_with({"answers": [{"answer_id": "yes", "text": "Yes"}]}, of="questions"), "fewer than two answers"),
    ],
)
def test_a_faulty_catalogue_says_what_is_wrong_and_where(text: bytes, says: str) -> None:
    with pytest.raises(CatalogueFault, match="catalogue") as fault:
        read(text)
    assert says in str(fault.value)
