"""Checks a landlord's catalogue before it is built in: `python -m portal.repairs.checking FILE` says its faults."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from portal.repairs import hazards
from portal.repairs.catalogue import Catalogue, CatalogueFault, read


def check(text: bytes) -> Catalogue:
    """The catalogue that `text` (JSON) holds, also held against the law's data; raises CatalogueFault."""
    found = read(text)
    if unknown := sorted(set(_hazards(found)) - {kind.kind for kind in hazards.law().kinds}):
        raise CatalogueFault(f"catalogue: the hazards {', '.join(unknown)} are none of hazards.json")
    return found


def _hazards(found: Catalogue) -> Iterator[str]:
    yield from (leaf.hazard for leaf in found.items if leaf.hazard)
    yield from (answer.hazard for question in found.questions for answer in question.answers if answer.hazard)


def main(arguments: Sequence[str]) -> int:
    """Say what is wrong with the file, or how much is in it; the exit code."""
    if len(arguments) != 1:
        print("Say which file: python -m portal.repairs.checking FILE")
        return 2
    try:
        found = check(Path(arguments[0]).read_bytes())
    except (CatalogueFault, OSError) as fault:
        print(fault)
        return 1
    print(f"{arguments[0]}: {len(found.items)} things can be reported, {len(found.questions)} questions are asked.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
