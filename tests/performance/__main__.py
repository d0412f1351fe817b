"""`make performance`: prints the tables of docs/performance.md.

Import time: for each function a fresh process, as Lambda starts one (the built layer and the function's folder on
the path, bytecode present), to the point where it could take its first event. Shuffled with a bare interpreter and a
bare, untrimmed boto3 DynamoDB client in the same run; medians over the bare interpreter, as a ratio to boto3's.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import tests.conftest  # noqa: F401  (the environment that the stores read when they are imported)
from infra.templates import read_template
from tests.integration.test_round_trips import FLOORS, MEASURED

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("ROUNDS", "21"))
MOST = 1.2
_BOTO3 = "import boto3; boto3.client('dynamodb')"


def _built() -> Path:
    """The layer and the functions, built as for Lambda."""
    out = ROOT / "build" / "performance"
    shutil.rmtree(out, ignore_errors=True)
    layer = out / "layer"
    subprocess.run(
        ["make", "-s", "-f", "layers/portal/Makefile", "build-PortalLayer", f"ARTIFACTS_DIR={layer}"],
        cwd=ROOT, check=True,
    )  # fmt: skip
    for app in (ROOT / "functions").glob("*/app.py"):
        for name in _layers_of(app.parent.name):
            folder = name.removesuffix("Layer").lower()
            subprocess.run(
                ["make", "-s", "-f", f"layers/{folder}/Makefile", f"build-{name}", f"ARTIFACTS_DIR={out / name}"],
                cwd=ROOT, check=True,
            )  # fmt: skip
    shutil.copytree(ROOT / "functions", out / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "compileall", "-q", out / "functions"], check=True)
    return out


def _layers_of(function: str) -> list[str]:
    """The layers that the template gives a function beside the shared one."""
    resources = read_template(ROOT / "template.yaml")["Resources"]
    given = resources[f"{function.capitalize()}Function"]["Properties"].get("Layers", [])
    return [layer["Ref"] for layer in given]


def _milliseconds(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment)
    return (time.perf_counter() - started) * 1000


def imports() -> dict[str, float]:
    """The ratio of each function's start to that of a bare boto3 client; prints them beside their milliseconds."""
    out = _built()
    aws = {
        "AWS_DEFAULT_REGION": "eu-west-2", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "PATH": os.environ["PATH"],
        "POWERTOOLS_SERVICE_NAME": "portal", "POWERTOOLS_METRICS_NAMESPACE": "Portal", "PYTHONDONTWRITEBYTECODE": "1",
        "SITE_ORIGIN": "https://portal.example", "ORIGIN_SECRET": "x", "MAIL_FROM": "x@example.com",
        "EXCHANGE_BUCKET": "x", "KEYS_SECRET_ARN": "x", "SANDBOX_SECRET_ARN": "x", "WAITING_SECRET_ARN": "x",
        "PAYMENT_PROVIDER": "sandbox",
        **{f"{t}_TABLE": t.lower() for t in ("TENANCIES", "IDENTITY", "RENT", "REPAIRS", "OUTBOX", "AUDIT")},
    }  # fmt: skip
    # -S and an own path: the interpreter sees the layer and the function, and no package of this environment.
    starts: dict[str, tuple[list[str], dict[str, str]]] = {
        "bare": ([sys.executable, "-S", "-c", "pass"], aws),
        "boto3": ([sys.executable, "-c", _BOTO3], aws),
    }
    for app in sorted((out / "functions").glob("*/app.py")):
        layers = [out / "layer", *(out / name for name in _layers_of(app.parent.name))]
        path = os.pathsep.join([str(app.parent), *(str(layer / "python") for layer in layers)])
        starts[app.parent.name] = ([sys.executable, "-S", "-c", "import app"], aws | {"PYTHONPATH": path})
    taken: dict[str, list[float]] = {name: [] for name in starts}
    for number in range(ROUNDS + 1):
        for name in random.sample(list(starts), len(starts)):
            measured = _milliseconds(*starts[name])
            if number:  # the first round warms the disk's cache
                taken[name].append(measured)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    base = medians["boto3"] - medians["bare"]
    ratios = {name: (medians[name] - medians["bare"]) / base for name in starts if name != "bare"}
    print(f"\nFresh process to ready, {ROUNDS} shuffled rounds, over a bare interpreter ({medians['bare']:.0f} ms)\n")
    print("| function | ms | ratio to a boto3 DynamoDB client |\n|---|---|---|")
    for name, ratio in ratios.items():
        print(f"| {name} | {medians[name] - medians['bare']:.0f} | {ratio:.2f} |")
    return ratios


def round_trips() -> None:
    """The DynamoDB calls of each route, as tests/integration/test_round_trips.py holds them."""
    print("\nDynamoDB round trips of each route, beside the floor that design aims at\n")
    print("| what | calls | floor |\n|---|---|---|")
    for what, calls in MEASURED.items():
        print(f"| {what} | {calls} | {FLOORS.get(what, '')} |")


if __name__ == "__main__":
    found = imports()
    round_trips()
    subprocess.run([sys.executable, "-m", "frontend.weights"], cwd=ROOT, check=False)
    slow = {name: round(ratio, 2) for name, ratio in found.items() if name != "boto3" and ratio > MOST}
    print(f"\nOver {MOST}: {slow or 'none'}")
