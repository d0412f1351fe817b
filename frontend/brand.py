"""The landlord's brand file: read, checked, and handed to the templates and the stylesheet."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Every key that a brand file must carry, by section. A missing one stops the build with its name.
REQUIRED: dict[str, tuple[str, ...]] = {
    "landlord": ("name", "short_name", "town", "portal_name", "logo"),
    "contact": (
        "team",
        "phone",
        "opening_hours",
        "emergency_phone",
        "emergency_hours",
        "reply_email",
        "address",
    ),
    "email": ("sender_name", "sender_address"),
    "links": ("website", "privacy", "lettings", "complaints", "ombudsman"),
    "payments": ("minimum_pence", "maximum_pence"),
    "arrangements": ("answer_within_working_days",),
    "colours": (
        "accent",
        "accent_dark",
        "accent_tint",
        "text",
        "secondary_text",
        "page",
        "border",
        "link_visited",
        "error",
        "error_tint",
        "success",
        "success_tint",
        "warning_tint",
        "focus",
    ),
}

#: Foreground and background pairs that meet on a page. WCAG 2.2 success criterion 1.4.3 asks 4.5 to 1 for text.
TEXT_PAIRS: tuple[tuple[str, str], ...] = (
    ("text", "page"),
    ("text", "accent_tint"),
    ("text", "error_tint"),
    ("text", "success_tint"),
    ("text", "warning_tint"),
    ("text", "focus"),
    ("secondary_text", "page"),
    ("secondary_text", "accent_tint"),
    ("accent", "page"),
    ("accent", "accent_tint"),
    ("accent", "warning_tint"),
    ("accent", "error_tint"),
    ("accent", "success_tint"),
    ("accent_dark", "page"),
    ("accent_dark", "accent_tint"),
    ("page", "accent"),
    ("page", "accent_dark"),
    ("link_visited", "page"),
    ("error", "page"),
    ("error", "error_tint"),
    ("page", "error"),
    ("success", "page"),
    ("success", "success_tint"),
)

#: The least contrast of a pair in `TEXT_PAIRS`.
LEAST_CONTRAST = 4.5

#: The largest amount that Stripe takes in one payment, in pence (https://docs.stripe.com/currencies).
MOST_PENCE = 99_999_999

#: A longer wait for an answer is none.
MOST_DAYS = 30

HEX_COLOUR = re.compile(r"^#[0-9a-f]{6}$")


class BrandError(Exception):
    """The brand file cannot be used; the message names the key and what to change."""


@dataclass(frozen=True)
class Brand:
    """One landlord's names, numbers, links, colours and limits.

    Attributes:
        values: the sections of the file as they stand in it.
        folder: where the file lies; the logo's path is relative to it.
    """

    values: dict[str, dict[str, Any]]
    folder: Path

    @property
    def logo(self) -> Path:
        """The logo's file."""
        return self.folder / str(self.values["landlord"]["logo"])

    @property
    def colours(self) -> dict[str, str]:
        """Colour names and their `#rrggbb` values."""
        return dict(self.values["colours"])


def contrast(one: str, other: str) -> float:
    """The contrast of two `#rrggbb` colours, between 1 and 21.

    Source: WCAG 2.2, "contrast ratio" and "relative luminance".
    """
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def read_brand(file: Path) -> Brand:
    """Read and check a brand file.

    Raises:
        BrandError: the file is absent, is not TOML, lacks a key, names a logo that is not there,
            or holds a pair of colours that people could not read.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as absent:
        raise BrandError(f"There is no brand file at {file}.") from absent
    except tomllib.TOMLDecodeError as unreadable:
        raise BrandError(f"{file} is not TOML: {unreadable}.") from unreadable
    for section, keys in REQUIRED.items():
        for key in keys:
            if not values.get(section, {}).get(key):
                raise BrandError(f"{file} lacks {key!r} in [{section}].")
    _check_numbers(values, file)
    brand = Brand(values, file.parent)
    if not brand.logo.is_file():
        raise BrandError(f"{file} names the logo {brand.logo.name!r}, which is not beside it.")
    _check_colours(brand.colours)
    return brand


def _check_numbers(values: dict[str, dict[str, Any]], file: Path) -> None:
    """Raise BrandError unless the limits of a payment are whole pence, and the days of an answer a whole number."""
    least, most = (values["payments"][name] for name in ("minimum_pence", "maximum_pence"))
    if type(least) is not int or type(most) is not int or not 1 <= least <= most <= MOST_PENCE:
        raise BrandError(
            f"{file}: [payments] needs whole pence, the minimum 1 or more, the maximum {MOST_PENCE} or less."
        )
    days = values["arrangements"]["answer_within_working_days"]
    if type(days) is not int or not 1 <= days <= MOST_DAYS:
        raise BrandError(f"{file}: answer_within_working_days is a whole number from 1 to {MOST_DAYS}.")


def _check_colours(colours: dict[str, str]) -> None:
    for name, value in colours.items():
        if not HEX_COLOUR.match(value):
            raise BrandError(f"Colour {name!r} is {value!r}; write it as #rrggbb in lower case.")
    for front, back in TEXT_PAIRS:
        ratio = contrast(colours[front], colours[back])
        if ratio < LEAST_CONTRAST:
            raise BrandError(f"{front} on {back} has a contrast of {ratio:.2f}; people need {LEAST_CONTRAST} or more.")


def _luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
