"""Every failure has its words."""

import importlib
import pkgutil
import re

import portal
from portal.failures import Failure
from portal.http.problems import PROBLEMS
from tests.integration.conftest import ROOT


def _all_failures() -> set[type[Failure]]:
    for module in pkgutil.walk_packages(portal.__path__, "portal."):
        importlib.import_module(module.name)
    from tests.integration.conftest import function

    for name in sorted(p.parent.name for p in (ROOT / "functions").glob("*/app.py")):
        function(name)
    found, waiting = set(), [Failure]
    while waiting:
        waiting += (subclasses := waiting.pop().__subclasses__())
        found |= set(subclasses)
    return found


def test_every_failure_has_words_and_every_word_a_failure() -> None:
    assert {failure.__name__ for failure in _all_failures()} == set(PROBLEMS)


def test_no_word_is_one_that_we_do_not_say() -> None:
    for problem in PROBLEMS.values():
        assert not re.search(r"\b(invalid|error occurred|please|simply|failed)\b", problem.title + problem.detail, re.I)
        assert problem.detail.endswith((".", "errors."))
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.slug)
    assert len({p.slug for p in PROBLEMS.values()}) == len(PROBLEMS)
