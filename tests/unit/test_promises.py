"""docs/promises.md names tests and routes that exist."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "promises.md").read_text("utf-8").splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_every_promise_names_a_test_a_page_and_a_route_that_exist() -> None:
    tests = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        tests |= set(re.findall(r"def (test_\w+)", file.read_text("utf-8")))
    document = json.loads((ROOT / "functions" / "reference" / "openapi.json").read_text("utf-8"))
    routes = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert [int(row[0]) for row in ROWS] == list(range(1, 27))
    for _, _, page, route, test in ROWS:
        assert test.strip("`") in tests, test
        assert not route or route.strip("`") in routes, route
        folder = page.strip("`").strip("/")
        sources = ROOT / "frontend" / "templates" / "pages"
        assert (sources / f"{folder}.html").exists() or (sources / folder / "index.html").exists(), page
