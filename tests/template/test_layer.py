"""The layer as it is built: complete, trimmed, byte-compiled, and enough by itself."""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from infra.templates import read_template
from tests.integration.authenticator import Authenticator, base64url

# One process builds it, once.
pytestmark = pytest.mark.xdist_group("layer")

ROOT = Path(__file__).parents[2]
UNPACKED_LIMIT_BYTES = 64 * 1024 * 1024


def _trim() -> Any:
    spec = importlib.util.spec_from_file_location("layer_trim", ROOT / "layers/portal/trim.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TRIM = _trim()


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda mounts at /opt."""
    artifacts = tmp_path_factory.mktemp("layer")
    subprocess.run(
        ["make", "-s", "-f", "layers/portal/Makefile", "build-PortalLayer", f"ARTIFACTS_DIR={artifacts}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return artifacts


def layers_of(function: str) -> list[str]:
    """The folders of the layers that a function is given, in the order in which Lambda lays them over each other."""
    resources = read_template(ROOT / "template.yaml")["Resources"]
    given = resources[f"{function.capitalize()}Function"]["Properties"].get("Layers", [])
    return ["portal", *(layer["Ref"].removesuffix("Layer").lower() for layer in given)]


@pytest.fixture(scope="module")
def own_layer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds a layer that one function alone has."""

    @cache
    def built(name: str) -> Path:
        artifacts = tmp_path_factory.mktemp(name)
        target = f"build-{name.capitalize()}Layer"
        subprocess.run(
            ["make", "-s", "-f", f"layers/{name}/Makefile", target, f"ARTIFACTS_DIR={artifacts}"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        return artifacts

    return built


def run(layer: Path, code: str, *arguments: str, **environment: str) -> Any:
    """What `code` prints as JSON, in a Python that finds the layer and nothing else of ours."""
    done = subprocess.run(
        [sys._base_executable, "-S", "-c", code, *arguments],  # type: ignore[attr-defined]
        env={
            "PYTHONPATH": str(layer / "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_DEFAULT_REGION": "eu-west-2",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            **environment,
        },
        cwd=layer,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_operation_in_use_is_there_and_no_other(layer: Path) -> None:
    found = run(
        layer,
        "import botocore.session, json\n"
        "models = {}\n"
        f"for name in {sorted(TRIM.IN_USE)}:\n"
        "    models[name] = botocore.session.get_session().create_client(name).meta.service_model\n"
        "print(json.dumps({name: sorted(model.operation_names) for name, model in models.items()}))",
    )
    assert found == {service: sorted(operations) for service, operations in TRIM.IN_USE.items()}


@pytest.mark.parametrize(
    ("service", "host"),
    [
        ("dynamodb", "dynamodb.eu-west-2.amazonaws.com"),
        ("s3", "s3.eu-west-2.amazonaws.com"),
        ("secretsmanager", "secretsmanager.eu-west-2.amazonaws.com"),
        ("sesv2", "email.eu-west-2.amazonaws.com"),
    ],
)
def test_a_trimmed_client_still_finds_its_service(layer: Path, service: str, host: str) -> None:
    found = run(
        layer,
        "import botocore.session, json; "
        f"print(json.dumps(botocore.session.get_session().create_client({service!r}).meta.endpoint_url))",
    )
    assert found == f"https://{host}"


def test_every_operation_in_use_can_be_called_with_the_trimmed_data(layer: Path) -> None:
    """To the point where bytes would leave the machine, with what each operation requires, and back."""
    called = run(layer, _CALL_EVERYTHING, json.dumps(sorted(TRIM.IN_USE)))
    assert called == {service: sorted(operations) for service, operations in TRIM.IN_USE.items()}


_CALL_EVERYTHING = """
import json
import sys
import botocore.session
from botocore import xform_name
from botocore.awsrequest import AWSResponse

class Raw:
    def __init__(self, body): self.body = body
    def stream(self, **_): yield self.body
    def read(self, *_): return b""

def value(shape):
    if shape.type_name == "structure":
        return {name: value(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [value(shape.member)]
    if shape.type_name == "map":
        return {"key": value(shape.value)}
    if shape.type_name == "blob":
        return b"x"
    return {"integer": 1, "long": 1, "boolean": True, "double": 1.0, "float": 1.0}.get(shape.type_name, "xxxx")

called = {}
session = botocore.session.get_session()
for service in json.loads(sys.argv[1]):
    client = session.create_client(service)
    body = b"" if service == "s3" else b"{}"
    client.meta.events.register("before-send", lambda body=body, **_: AWSResponse("http://x", 200, {}, Raw(body)))
    for name in client.meta.service_model.operation_names:
        shape = client.meta.service_model.operation_model(name).input_shape
        getattr(client, xform_name(name))(**value(shape))
        called.setdefault(service, []).append(name)
print(json.dumps({service: sorted(names) for service, names in called.items()}))
"""


def test_a_service_nobody_calls_is_not_shipped(layer: Path) -> None:
    shipped = {entry.name for entry in (layer / "python/botocore/data").iterdir() if entry.is_dir()}
    assert shipped == set(TRIM.IN_USE)


def test_the_code_makes_clients_only_of_services_in_use() -> None:
    named = {
        service
        for folder in ("layers/portal/portal", "functions")
        for file in (ROOT / folder).rglob("*.py")
        for service in re.findall(r"\bclient\(\"([a-z0-9-]+)\"", file.read_text())
    }
    assert named <= set(TRIM.IN_USE)


def test_every_function_imports_with_the_layer_alone(layer: Path) -> None:
    names = sorted(file.parent.name for file in (ROOT / "functions").glob("*/app.py"))
    settings = (ROOT / "tests/conftest.py").read_text()
    variables = {name: "x" for name in re.findall(r'"([A-Z_]+)":', settings) if not name.startswith(("AWS", "LIMITS"))}
    found = run(
        layer,
        "import importlib.util, json, sys\n"
        f"for name in {names}:\n"
        f"    spec = importlib.util.spec_from_file_location(name, {str(ROOT)!r} + f'/functions/{{name}}/app.py')\n"
        "    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); module.handler\n"
        "absent = ('boto3', 'pytest', 'moto', 'aws_xray_sdk', 'cryptography')\n"
        "print(json.dumps([m for m in absent if m in sys.modules]))",
        **{**variables, "POWERTOOLS_LOG_LEVEL": "INFO", "LIMITS_FACTOR": "1", "SITE_ORIGIN": "http://localhost:8000"},
    )
    assert found == []


def test_a_passkey_is_judged_with_the_layers_of_its_function_and_without_pyopenssl_under_botocore(
    layer: Path, own_layer: Callable[[str], Path]
) -> None:
    assert layers_of("passkeys") == ["portal", "passkeys"]
    device = Authenticator()
    asked = {"challenge_id": "", "challenge": "A" * 43, "relying_party_id": "portal.example", "user_handle": "x"}
    made = device.make(asked, origin="https://portal.example")
    found = run(
        layer,
        "import json, sys\n"
        "import botocore.httpsession\n"
        "early = 'OpenSSL' in sys.modules\n"
        "from portal.identity import ceremonies\n"
        f"made = ceremonies.made({asked['challenge']!r}, {made['client_data']!r}, {made['attestation']!r})\n"
        "print(json.dumps([early, made.credential_id, 'urllib3.contrib.pyopenssl' in sys.modules]))",
        PYTHONPATH=f"{layer}/python:{own_layer('passkeys')}/python",
        SITE_ORIGIN="https://portal.example",
    )
    assert found == [False, base64url(device.credential_id), False]


def test_what_waits_can_be_sealed_and_opened_with_the_layer_alone(layer: Path) -> None:
    found = run(
        layer,
        "import json\n"
        "from datetime import date\n"
        "from portal import aws\n"
        "aws.secret = lambda arn, version=None: ('x' * 64, version or 'v1')\n"
        "from portal.identity import sealing\n"
        "from portal.identity.rules import Facts\n"
        "facts = Facts('a@example.com', '+447700900123', 'LH1', date(1990, 3, 27))\n"
        "box = sealing.sealed('v1', facts, 't', 'i')\n"
        "print(json.dumps(sealing.opened('v1', box, 't', 'i') == facts))",
        WAITING_SECRET_ARN="x",
    )
    assert found is True


def test_bytecode_is_trusted_whatever_the_time_of_the_source(layer: Path) -> None:
    own = list((layer / "python/portal").rglob("*.py"))
    assert own
    for source in own:
        compiled = Path(importlib.util.cache_from_source(str(source)))
        # PEP 552: flag 1 says that a hash is held, flag 2 that it is checked.
        assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00", source
    dependencies = [file for file in (layer / "python").rglob("*.py") if "portal" not in file.parts]
    assert dependencies == []


def test_the_trimmed_holidays_are_the_holidays(layer: Path) -> None:
    code = (
        "import holidays, json; "
        "print(json.dumps({str(d): n for d, n in sorted(holidays.country_holidays("
        "'GB', subdiv='ENG', years=range(2020, 2036)).items())}))"
    )
    whole = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run(layer, code) == json.loads(whole.stdout)


def test_the_layer_counts_in_london_where_the_system_knows_no_time_zones(layer: Path) -> None:
    found = run(
        layer,
        "import json, zoneinfo; from datetime import datetime; zoneinfo.reset_tzpath(()); "
        "print(json.dumps(datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/London')).isoformat()))",
    )
    assert found == "2026-07-01T00:00:00+01:00"


def test_the_layer_is_small_and_holds_no_tests(layer: Path) -> None:
    files = [file for file in layer.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < UNPACKED_LIMIT_BYTES
    assert not [file for file in files if "tests" in file.parts or file.suffix == ".pyi"]


def test_a_statement_is_set_by_the_two_layers_and_nothing_else(layer: Path, tmp_path: Path) -> None:
    subprocess.run(
        ["make", "-s", "-f", "layers/statements/Makefile", "build-StatementsLayer", f"ARTIFACTS_DIR={tmp_path}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    both = f"{layer / 'python'}:{tmp_path / 'python'}"
    found = run(
        layer,
        "import json, sys; from datetime import UTC, date, datetime\n"
        "from portal.brand import landlord; from portal.rent import service, statements\n"
        "made = service.Statement('RA1', 'Rent', date(2026, 1, 1), date(2026, 2, 1), 0, [], 0, datetime.now(UTC))\n"
        "document = statements.as_pdf(made, ['Ms A'], 'LH1', landlord())\n"
        "print(json.dumps([document[:5].decode(), 'typst' in sys.modules]))",
        PYTHONPATH=both,
        **{f"{name}_TABLE": name.lower() for name in ("TENANCIES", "IDENTITY", "RENT", "REPAIRS", "OUTBOX")},
    )
    assert found == ["%PDF-", False]


def test_an_operation_that_a_service_does_not_have_stops_the_build() -> None:
    model = {"operations": {"GetItem": {"input": {"shape": "In"}}}, "shapes": {"In": {"type": "structure"}}}
    with pytest.raises(KeyError):
        TRIM.trimmed_model(model, frozenset({"GetItems"}))


def test_a_trimmed_model_keeps_members_named_like_documentation() -> None:
    model = {
        "operations": {"Get": {"input": {"shape": "In"}, "documentation": "words"}},
        "shapes": {
            "In": {"type": "structure", "members": {"documentation": {"shape": "Text", "documentation": "words"}}},
            "Text": {"type": "string", "documentation": "words"},
            "Unreached": {"type": "string"},
        },
    }
    assert TRIM.trimmed_model(model, frozenset({"Get"})) == {
        "operations": {"Get": {"input": {"shape": "In"}}},
        "shapes": {
            "In": {"type": "structure", "members": {"documentation": {"shape": "Text"}}},
            "Text": {"type": "string"},
        },
    }
