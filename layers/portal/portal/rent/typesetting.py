"""Sets a statement as PDF in a process of its own: `python -m portal.rent.typesetting`, JSON in, PDF out.

The compiler keeps what it made for its next ten runs: in the function's own process a few long statements would fill
its memory. Here it ends with the statement, and so would whatever went wrong in it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TEMPLATE = Path(__file__).with_name("statement.typ")
_SECONDS = 20


def typeset(said: Mapping[str, Any]) -> bytes:
    """The PDF of what is `said`, whose text is data to the template and never markup.

    Where it has a letter that the fonts lack, which PDF/UA forbids, the file is tagged all the same, makes no such
    claim, and says that some letters are missing.

    Raises:
        subprocess.SubprocessError: the compiler failed, or took longer than anybody waits.
    """
    done = subprocess.run(  # noqa: S603  (our own interpreter and module; what is said goes in by standard input)
        [sys.executable, "-m", __name__],
        input=json.dumps(said).encode(),
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        timeout=_SECONDS,
    )
    return done.stdout


def _made(said: Mapping[str, Any], *, for_screen_readers: bool) -> bytes:
    import typst  # in this process alone

    document: bytes = typst.compile(
        _TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"statement": json.dumps({**said, "letters_missing": not for_screen_readers})},
        pdf_standards="ua-1" if for_screen_readers else "1.7",
        ignore_system_fonts=True,
    )
    return document


def _main() -> None:
    import typst

    said = json.load(sys.stdin)
    try:
        document = _made(said, for_screen_readers=True)
    except typst.TypstError:
        document = _made(said, for_screen_readers=False)
    sys.stdout.buffer.write(document)


if __name__ == "__main__":
    _main()
