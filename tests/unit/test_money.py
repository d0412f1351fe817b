"""No float touches money, and no card number reaches us: held by the source itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PORTAL = ROOT / "layers/portal/portal"
PACKAGES = ("payments", "schedules", "rent", "exchange")
FUNCTIONS = ("pay", "balance", "sandbox", "reconciler", "collector", "exporter")
MONEY = sorted(
    [
        *(file for package in PACKAGES for file in (PORTAL / package).rglob("*.py")),
        *(ROOT / f"functions/{name}/app.py" for name in FUNCTIONS),
    ]
)


def floats(source: str) -> Iterator[str]:
    """What in the source makes a float: a literal, `float`, a true division, an average, a rounding to decimals."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{line}: {node.value}"
        if isinstance(node, ast.Name) and node.id == "float":
            yield f"{line}: float"
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"{line}: /"
        if isinstance(node, ast.Attribute) and node.attr in {"mean", "fmean", "truediv", "fsum"}:
            yield f"{line}: {node.attr}"


@pytest.mark.parametrize("file", MONEY, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_float_touches_money(file: Path) -> None:
    assert list(floats(file.read_text("utf-8"))) == []


@pytest.mark.parametrize("source", ["a = 0.5", "float(a)", "a / b", "a /= 2", "1e2", "statistics.mean(a)", "x: float"])
def test_a_float_would_be_seen(source: str) -> None:
    assert list(floats(source))


def test_t20_no_page_and_no_request_has_a_field_for_a_card() -> None:
    pages = [*(ROOT / "frontend/templates").rglob("*.html"), *(ROOT / "frontend/scripts").rglob("*.js")]
    assert len(pages) > 20
    for page in pages:
        assert not re.search(
            r"autocomplete=\W?cc-|card_?number|\bcvc\b|\bcvv\b|<iframe", page.read_text("utf-8"), re.I
        ), page
    taken = (ROOT / "functions/pay/app.py").read_text("utf-8")
    (fields,) = re.findall(r"class PayRequest\(Request\):\n.*?\n\n    (.*?)\n\n\n", taken, re.DOTALL)
    assert re.findall(r"(\w+):", fields) == ["rent_account_id", "amount_pence"]
