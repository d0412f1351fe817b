"""The README's commands themselves, in a bare checkout: what a person types, and what they get."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("commands")

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
START_SECONDS = 300
STOP_SECONDS = 240
COLUMNS = {
    "tenancies.csv": "tenancy_reference,start_date,end_date,address_line_1,address_line_2,town,postcode",
    "people.csv": "tenancy_reference,person_reference,title,first_name,last_name,date_of_birth,email,mobile",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of what is here, with what `make setup` installs lent to it: installing is tried where CI starts bare."""
    folder = tmp_path_factory.mktemp("checkout") / "portal"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, folder], check=True, capture_output=True)
    changed = subprocess.run(
        ["git", "ls-files", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in changed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venvs").symlink_to(ROOT / ".venvs")
    (folder / "frontend/node_modules").symlink_to(ROOT / "frontend/node_modules")
    # A lock younger than what it installed would be installed again, over what is lent.
    for lock in [*folder.glob("requirements/*.txt"), folder / "frontend/package-lock.json"]:
        os.utime(lock, (0, 0))
    return folder


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        taken: int = probe.getsockname()[1]
        return taken


@pytest.fixture
def landlord(tmp_path: Path) -> Path:
    """A folder of exchange files nobody here has seen."""
    rows = {
        "tenancies.csv": "XT55501,2024-05-06,,3 Plover Mews,,Aldermere,AL1 1AA",
        "people.csv": "XT55501,XP55501,Dr,Nia,Prosser,1972-02-29,nia.prosser@example.org,07700 900777",
    }
    for name, header in COLUMNS.items():
        (tmp_path / name).write_text(f"{header}\n{rows[name]}\n")
    return tmp_path


class Make:
    """`make run`, as somebody starts it in a terminal and stops it by Control-C."""

    def __init__(self, checkout: Path, port: int) -> None:
        self.output = checkout.parent / f"run-{time.monotonic_ns()}.log"
        with self.output.open("wb") as log:
            self._process = subprocess.Popen(
                ["make", "run", f"PORT={port}"],
                cwd=checkout,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def text(self) -> str:
        return self.output.read_text()

    def until_ready(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if re.search(r"^Ready: ", self.text(), re.MULTILINE):
                return self.text()
            time.sleep(0.2)
        raise AssertionError(self.text())

    def control_c(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
            self._process.wait(STOP_SECONDS)


@pytest.fixture
def started() -> Iterator[list[Make]]:
    running: list[Make] = []
    yield running
    for make in running:
        make.control_c()


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_every_command_that_the_readme_names_is_there_with_a_line_of_help() -> None:
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    listed = subprocess.run(["make", "help"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    helped = set(re.findall(r"^  make ([a-z-]+) +\S", listed.stdout, re.MULTILINE))
    assert {"run", "test", "load", "reset", "help"} <= named <= helped


def test_every_place_that_the_readme_names_exists() -> None:
    for place in re.findall(r"^\| `([\w./-]+)`", README, re.MULTILINE) + re.findall(r"\]\((docs/[\w.-]+)\)", README):
        assert (ROOT / place).exists(), place


def test_run_load_control_c_run_again_and_reset(checkout: Path, port: int, landlord: Path, started: list[Make]) -> None:
    origin = f"http://localhost:{port}"
    first = Make(checkout, port)
    started.append(first)
    said = first.until_ready()
    assert said.rstrip().endswith(f"Ready: {origin}")
    assert "Loading the landlord's files" in said
    for fact in ("email", "mobile", "tenancy reference", "date of birth"):
        assert re.search(rf"^    {fact} +\S", said, re.MULTILINE), fact
    assert status(f"{origin}/") == 200
    assert status(f"{origin}/api/session") == 401
    assert status(f"{origin}/_local/mailbox") == 200

    loaded = make(checkout, "load", f"DATA={landlord}")
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert "people.csv: 1 applied" in loaded.stdout

    taken = make(checkout, "run", f"PORT={port}")
    assert taken.returncode != 0
    assert f"port {port} is taken" in taken.stdout
    assert f"make run PORT={port + 1}" in taken.stdout

    first.control_c()
    assert first.text().rstrip().splitlines()[-1].startswith(("Stopped.", "make"))
    assert not (checkout / ".local/running.json").exists()
    assert not (checkout / ".local/tmp").exists()

    second = Make(checkout, port)
    started.append(second)
    assert "Loading the landlord's files" not in second.until_ready()
    again = make(checkout, "load", f"DATA={landlord}")
    assert "people.csv: 1 unchanged" in again.stdout
    second.control_c()

    forgotten = make(checkout, "reset")
    assert forgotten.returncode == 0
    assert not (checkout / ".local/aws").exists()


def test_a_command_that_needs_the_stack_says_so(checkout: Path, landlord: Path) -> None:
    done = make(checkout, "load", f"DATA={landlord}")
    assert done.returncode != 0
    assert "no stack is running" in done.stdout
    assert "make run" in done.stdout


@pytest.mark.parametrize(("missing", "said"), [("python3.13", "Python 3.13 is missing"), ("node", "Node is missing")])
def test_what_is_missing_is_named(checkout: Path, tmp_path: Path, missing: str, said: str) -> None:
    """A path with everything on it but that one."""
    for folder in dict.fromkeys(os.environ["PATH"].split(os.pathsep)):
        for program in Path(folder).iterdir() if Path(folder).is_dir() else []:
            link = tmp_path / program.name
            if program.name != missing and not link.exists():
                link.symlink_to(program)
    done = subprocess.run(
        ["make", "tools"],
        cwd=checkout,
        env={**ENVIRONMENT, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert said in done.stdout
