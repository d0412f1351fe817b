"""The site, built once for the tests that look at it; and once more for a second landlord."""

from pathlib import Path

import pytest

from frontend.build import build

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site built with the demo landlord's brand."""
    out = tmp_path_factory.mktemp("site") / "site"
    build(ROOT / "brand" / "demo.toml", out)
    return out
