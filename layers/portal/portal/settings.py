"""What the template tells the functions through their environment."""

import os


def setting(name: str) -> str:
    """The value of the environment variable `name`; raises KeyError where the template forgot it."""
    return os.environ[name]


def limits_factor() -> int:
    """By how much the limits per address are multiplied: 1 in production, more on a developer's own stack."""
    return int(os.environ.get("LIMITS_FACTOR", "1"))
