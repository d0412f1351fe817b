"""A folder of exchange files that nobody here has seen gives tenants who can do everything."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator

import pytest

from tests.e2e import journey, landlords
from tests.e2e.description import Description
from tests.e2e.landlords import Landlord
from tests.e2e.stack import LocalStack
from tests.e2e.tenant import Tenant


@pytest.fixture(scope="module")
def seed() -> int:
    """Another landlord each time; a failure shows which."""
    return random.SystemRandom().randrange(10**9)


@pytest.fixture(scope="module")
def landlord(seed: int, tmp_path_factory: pytest.TempPathFactory) -> Landlord:
    return landlords.write(tmp_path_factory.mktemp("unseen"), seed)


def test_an_unseen_landlords_tenants_do_the_whole_mission(
    stack: LocalStack, description: Description, landlord: Landlord, seed: int, sources: Iterator[str]
) -> None:
    report = stack.load(landlord.folder)
    assert report["status"] == "finished", (seed, report)
    for name, file in report["files"].items():
        assert (file["status"], file["refused"]) == ("applied", landlord.refused[name]), (seed, name, file)
        assert file["unknown_columns"] == ["internal_note"]
    walker = max(landlord.people, key=lambda facts: landlord.repairs[facts.tenancy_reference])
    journey.walk(Tenant(stack, description, walker, next(sources)))
    for facts in landlord.people:
        if facts is walker:
            continue
        tenant = Tenant(stack, description, facts, next(sources)).come_in()
        assert list(tenant.balances().values()) == [landlord.owed[facts.tenancy_reference]], (seed, facts)
        shown = tenant.call("GET", "/api/repairs").json["repairs"]
        assert len(shown) == landlord.repairs[facts.tenancy_reference], (seed, facts)
        tenant.call("POST", "/api/logout", status=204)


def test_bad_rows_are_told_with_their_line_and_the_same_files_again_change_nothing(
    stack: LocalStack, landlord: Landlord, seed: int
) -> None:
    report = stack.load(landlord.folder)
    assert report["applied"] == 0, (seed, report)
    assert report["refused"] == sum(landlord.refused.values())
    s3 = stack.client("s3")
    for name, file in report["files"].items():
        held = s3.get_object(Bucket=stack.outputs["ExchangeBucketName"], Key=file["quarantine"])["Body"].read()
        refused = list(csv.DictReader(io.StringIO(held.decode(), newline="")))
        assert [int(row["line"]) for row in refused] == sorted(r["line"] for r in file["reasons"]), (seed, name)
        assert all(row["reason"] for row in refused)
        source = (landlord.folder / name).read_text("utf-8-sig").splitlines()
        numbered = [source[int(row["line"]) - 1] for row in refused]
        assert any("never closed" in line for line in numbered), (seed, name, refused)
        assert any(line == "one cell" for line in numbered), (seed, name, refused)
