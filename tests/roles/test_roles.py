"""Each function's role allows what the function called in the tests before this one, and nothing else.

Run after tests/integration: in one process (`pytest tests/integration tests/roles`), or with its calls left in the
folder of `RECORDED_CALLS`, as `make test` does.
"""

from typing import Any

import pytest

from infra.templates import read_template
from tests.integration.conftest import ROOT
from tests.recorder import Allowed, all_recorded

pytestmark = pytest.mark.roles

TEMPLATE = read_template(ROOT / "template.yaml")
FUNCTIONS = sorted(p.parent.name for p in (ROOT / "functions").glob("*/app.py"))
# What the platform does in the role's name, and no code of ours calls: logs, traces, streams, dead letters.
_PLATFORM = "Platform"


def _allowed(function: str) -> set[Allowed]:
    role = TEMPLATE["Resources"][f"{function.capitalize()}Role"]
    found = set()
    for policy in role["Properties"]["Policies"]:
        for declared in policy["PolicyDocument"]["Statement"]:
            statement = declared["Fn::If"][1] if "Fn::If" in declared else declared
            if statement["Sid"].startswith(_PLATFORM):
                continue
            for action in _listed(statement["Action"]):
                found |= {Allowed(function, action, name) for r in _listed(statement["Resource"]) for name in _names(r)}
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names(resource: Any) -> list[str]:
    match resource:
        case {"Fn::GetAtt": attribute}:
            return [attribute.split(".")[0] if isinstance(attribute, str) else attribute[0]]
        case {"Ref": name}:
            return [name]
        case {"Fn::Sub": str(text)}:
            if "identity/${MailIdentity}" in text:
                return ["MailIdentity"]
            bucket, _, key = text.removeprefix("${").partition("}")
            return [f"{bucket.removesuffix('.Arn')}/{key.split('/')[1]}"]
        case {"Fn::If": [_, _, real]}:
            return _names(real)
    raise AssertionError(f"a resource that this test cannot read: {resource}")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_allows_exactly_what_the_function_calls(function: str) -> None:
    called = {call for call in all_recorded() if call.function == function}
    allowed = _allowed(function)
    assert called or not allowed, "run tests/integration first"
    assert {"too few": sorted(called - allowed), "too many": sorted(allowed - called)} == {
        "too few": [],
        "too many": [],
    }
