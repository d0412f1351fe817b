"""What each page weighs over the wire: `python -m frontend.weights [build/site]`."""

from __future__ import annotations

import gzip
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import brotli

ASSET = re.compile(r'(?:src|href)="(/assets/[^"]+)"')


@dataclass(frozen=True)
class Weight:
    """Bytes that a browser fetches for one page on a first visit.

    Attributes:
        page: the page's address.
        html: the page itself, brotli.
        styles: the stylesheet, brotli.
        scripts: its modules, brotli.
        images: the logo, brotli.
        gzip: all of it where only gzip is spoken.
    """

    page: str
    html: int
    styles: int
    scripts: int
    images: int
    gzip: int

    @property
    def first_visit(self) -> int:
        """All of it, brotli: what somebody new to the site fetches."""
        return self.html + self.styles + self.scripts + self.images


def weigh(site: Path) -> list[Weight]:
    """Weigh every page of a built site, in the order of their addresses."""
    return [_weigh_page(site, file) for file in sorted(site.rglob("*.html"))]


def weights_table(weights: list[Weight]) -> str:
    """The weights as a Markdown table, in kilobytes of 1,000 bytes."""
    lines = [
        "| page | html | styles | script | image | first visit, brotli | gzip |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| `{w.page}` | {_kilobytes(w.html)} | {_kilobytes(w.styles)} | {_kilobytes(w.scripts)} "
        f"| {_kilobytes(w.images)} | {_kilobytes(w.first_visit)} | {_kilobytes(w.gzip)} |"
        for w in weights
    ]
    return "\n".join(lines)


def _weigh_page(site: Path, file: Path) -> Weight:
    text = file.read_bytes()
    named = sorted(set(ASSET.findall(text.decode("utf-8"))))
    assets = {address: (site / address.lstrip("/")).read_bytes() for address in named}
    sizes = {address: len(brotli.compress(content)) for address, content in assets.items()}
    relative = file.relative_to(site).as_posix()
    return Weight(
        page="/" + relative.removesuffix("index.html"),
        html=len(brotli.compress(text)),
        styles=sum(size for address, size in sizes.items() if address.endswith(".css")),
        scripts=sum(size for address, size in sizes.items() if address.endswith(".js")),
        images=sum(size for address, size in sizes.items() if not address.endswith((".css", ".js"))),
        gzip=len(gzip.compress(text)) + sum(len(gzip.compress(content)) for content in assets.values()),
    )


def _kilobytes(size: int) -> str:
    return f"{size / 1000:.1f}"


if __name__ == "__main__":
    print(weights_table(weigh(Path(sys.argv[1] if len(sys.argv) > 1 else "build/site"))))
