"""What docs/security.md names exists, and every requirement that it is to answer is answered once."""

import re
from collections import Counter
from pathlib import Path

import pytest

from infra.templates import read_template

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/security.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`((?:tests|layers|functions|infra|docs|requirements|template\.yaml)[^`]*)`", TEXT)))
ANSWERED = re.findall(r"^\| (\d+\.\d+\.\d+) \|", TEXT, flags=re.MULTILINE)

# ASVS 5.0, levels 1 and 2 (of chapter 5 all), of the chapters in issue 5: chapter and section, then the numbers in it.
ASKED = {
    "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 4, "3.7": 2, "4.1": 3, "4.2": 1,
    "5.1": 1, "5.2": 6, "5.3": 3, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "7.1": 2, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "14.1": 2, "14.2": 4, "14.3": 3, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip


@pytest.mark.parametrize("named", NAMED)
def test_what_is_said_to_show_it_exists(named: str) -> None:
    path, _, name = named.partition("::")
    assert (ROOT / path).exists()
    if name:
        source = (ROOT / path).read_text("utf-8")
        assert re.search(rf"^\s*(?:def|class) {re.escape(name)}\b", source, flags=re.MULTILINE)


def test_each_requirement_is_answered_once_and_none_other() -> None:
    asked = [f"{section}.{n}" for section, last in ASKED.items() for n in range(1, last + 1)]
    assert Counter(ANSWERED) == Counter(asked)


THREATS = re.findall(
    r"^\| ([TF]\d+) \| [^|]+ \| `([^`:]+)::(\w+)` \| ([\d,]+) \| ([\d,]+) \|$", TEXT, flags=re.MULTILINE
)


def test_each_threat_and_fault_has_a_test_that_shows_its_figure() -> None:
    asked = {f"T{n}" for n in [*range(1, 16), *range(17, 26), 27, 28]} | {f"F{n}" for n in [*range(1, 12), 26]}
    assert {threat for threat, *_ in THREATS} == asked
    assert len(THREATS) == len(re.findall(r"^\| [TF]\d+ \|", TEXT, flags=re.MULTILINE)), "each row can be read"


@pytest.mark.parametrize(("path", "name", "short", "long"), [t[1:] for t in THREATS if t[3] != t[4]])
def test_a_size_that_is_told_is_the_one_that_is_run(path: str, name: str, short: str, long: str) -> None:
    source = (ROOT / path).read_text("utf-8")
    before = source[: source.index(f"def {name}")]
    decorators = before[before.rindex("\n\n\n") :]
    if "step" in decorators:  # every so many of all of them
        step = int(re.findall(r"\[(\d+), pytest.param\(1,", decorators)[0])
        assert int(long.replace(",", "")) // step == int(short.replace(",", ""))
        return
    sizes = [int(n.replace("_", "")) for n in re.findall(r"\b\d[\d_]*\b", decorators)]
    assert {int(n.replace(",", "")) for n in (short, long)} <= set(sizes)


def test_every_table_has_a_level() -> None:
    resources = read_template(ROOT / "template.yaml")["Resources"]
    tables = {n.removesuffix("Table").lower() for n, r in resources.items() if r["Type"] == "AWS::DynamoDB::Table"}
    told = re.findall(r"^\| (?:key|personal|operation|public) \| [^|]+ \| ([^|]+) \|$", TEXT, flags=re.MULTILINE)
    assert len(told) == 4
    assert set(re.findall(r"`(\w+)`", " ".join(told))) == tables


def test_each_answer_is_met_or_decided_and_none_waits() -> None:
    states = re.findall(r"^\| \d+\.\d+\.\d+ \| [^|]+ \| (\w+)", TEXT, flags=re.MULTILINE)
    assert len(states) == len(ANSWERED)
    assert set(states) == {"met", "decided"}
