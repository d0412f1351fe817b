"""The landlord's brand: the one file in which every name, number, link and limit of the landlord's stands."""

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


@cache
def landlord() -> Mapping[str, Any]:
    """The brand file that the layer was built with, as it is: see brand/demo.toml for what is in it."""
    return tomllib.loads(Path(os.environ.get("BRAND_FILE") or Path(__file__).parent / "brand.toml").read_text("utf-8"))
