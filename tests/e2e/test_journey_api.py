"""A tenant's whole evening by API, on the local stack with IAM enforced: every answer as the API describes itself."""

from __future__ import annotations

from tests.e2e import journey
from tests.e2e.conftest import NewTenant


def test_the_whole_mission(new_tenant: NewTenant) -> None:
    tenant = new_tenant()
    journey.walk(tenant)
