"""What the docs copy from elsewhere is what stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.exchange.rules import EXPORT_COLUMNS, IMPORT_COLUMNS

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
STORES = sorted((ROOT / "layers/portal/portal").glob("*/store.py"))


def rows(text: str) -> list[list[str]]:
    """The cells of every line of a table."""
    lines = re.findall(r"^\|(.+)\|$", text, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")] for line in lines]


IN, OUT = (ROOT / "docs/exchange.md").read_text("utf-8").split("## Files out")


@pytest.mark.parametrize("file", IMPORT_COLUMNS)
def test_the_landlords_it_is_told_each_file_in_with_its_columns(file: str) -> None:
    (cells,) = [cells for cells in rows(IN) if cells[0] == f"`{file}`"]
    known = IMPORT_COLUMNS[file]
    assert cells[1] == ", ".join([*known.required, *(f"{column}?" for column in known.optional)])


@pytest.mark.parametrize("file", EXPORT_COLUMNS)
def test_the_landlords_it_is_told_each_file_out_with_its_columns(file: str) -> None:
    (cells,) = [cells for cells in rows(OUT) if cells[0] == f"`{file}.csv`"]
    assert cells[1] == ", ".join(EXPORT_COLUMNS[file])


@pytest.mark.parametrize("store", STORES, ids=[store.parent.name for store in STORES])
def test_the_architecture_lists_every_kind_of_item(store: Path) -> None:
    told = {tuple(cells[:2]) for cells in rows((ROOT / "docs/architecture.md").read_text("utf-8"))}
    head = store.read_text("utf-8").split('"""')[1]
    kept = {tuple(cells[:2]) for cells in rows(head)} - {("pk", "sk"), ("---", "---")}
    assert kept <= told


@pytest.mark.parametrize("page", DOCS, ids=[str(page.relative_to(ROOT)) for page in DOCS])
def test_a_link_within_the_docs_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_decision_is_listed_and_says_what_was_weighed() -> None:
    listed = (ROOT / "docs/decisions/README.md").read_text("utf-8")
    for decision in (ROOT / "docs/decisions").glob("0*.md"):
        assert f"({decision.name})" in listed
        text = decision.read_text("utf-8")
        for part in ("**Context.**", "**Decision.**", "**Alternatives weighed.**", "**Consequences.**"):
            assert part in text, f"{decision.name} lacks {part}"
