"""Sets a document as PDF: run as a process of its own, `python -m portal.typesetting`, JSON in, PDF out.

The compiler keeps what it made for its next ten runs: in the function's own process a few long statements would fill
its memory. Here it ends with the document, and so would whatever went wrong in it. It imports nothing of ours.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

_TEMPLATE = Path(__file__).with_name("document.typ")


def typeset(said: Mapping[str, Any]) -> bytes:
    """The PDF of what is `said`, whose text is data to the template and never markup.

    Where it has a letter that the fonts lack, which PDF/UA forbids, the file is tagged all the same, makes no such
    claim, and says that some letters are missing.
    """
    try:
        return _made(said, for_screen_readers=True)
    except typst.TypstError:
        return _made(said, for_screen_readers=False)


def _made(said: Mapping[str, Any], *, for_screen_readers: bool) -> bytes:
    document: bytes = typst.compile(
        _TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"said": json.dumps({**said, "letters_missing": not for_screen_readers})},
        pdf_standards="ua-1" if for_screen_readers else "1.7",
        ignore_system_fonts=True,
    )
    return document


if __name__ == "__main__":
    sys.stdout.buffer.write(typeset(json.load(sys.stdin)))
