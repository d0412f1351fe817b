"""The three side stacks, deployed to the local AWS as far as it takes them, and looked at there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.templates import read_template

ROOT = Path(__file__).parents[2]
MINISTACK = ROOT / ".venvs/ministack/bin/ministack"

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("side stacks")]


class Aws:
    """Clients of one local AWS."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def client(self, service: str, region: str = "eu-west-2") -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def deploy(self, stack: str, parameters: dict[str, str], region: str = "eu-west-2") -> dict[str, str]:
        """The outputs of `infra/<stack>`, deployed; fails with the stack's own events where it does not come up."""
        formation = self.client("cloudformation", region)
        formation.create_stack(
            StackName=f"portal-{stack}",
            TemplateBody=(ROOT / f"infra/{stack}/template.yaml").read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_AUTO_EXPAND"],
        )
        deadline = time.monotonic() + 60
        while True:
            (found,) = formation.describe_stacks(StackName=f"portal-{stack}")["Stacks"]
            if not found["StackStatus"].endswith("IN_PROGRESS"):
                break
            assert time.monotonic() < deadline, f"{stack} is not ready after a minute"
            time.sleep(0.2)
        events = formation.describe_stack_events(StackName=f"portal-{stack}")["StackEvents"]
        assert found["StackStatus"] == "CREATE_COMPLETE", events
        return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    state = tmp_path_factory.mktemp("aws")
    settings = {
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "MINISTACK_REGION": "eu-west-2",
        "TMPDIR": str(state),
        "STATE_DIR": str(state / "state"),
        "S3_DATA_DIR": str(state / "s3"),
    }
    with (state / "log").open("wb") as log:
        process = subprocess.Popen([MINISTACK], env={**os.environ, **settings}, cwd=state, stdout=log, stderr=log)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=2):
                    break
            except OSError:
                assert process.poll() is None, (state / "log").read_text()
                assert time.monotonic() < deadline, (state / "log").read_text()
                time.sleep(0.2)
        yield Aws(endpoint)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def edge(aws: Aws) -> dict[str, str]:
    # The log of blocked requests stays away: the local AWS does not know AWS::WAFv2::LoggingConfiguration.
    return aws.deploy(
        "edge",
        {"DomainName": "portal.landlord.example", "AlarmEmail": "engineer@landlord.example", "LogRequests": "no"},
        region="us-east-1",
    )


@pytest.fixture(scope="module")
def site(aws: Aws, edge: dict[str, str]) -> dict[str, str]:
    secret = aws.client("secretsmanager").create_secret(Name="origin", SecretString="s" * 64)
    return aws.deploy(
        "site",
        {
            "DomainName": "portal.landlord.example",
            "CertificateArn": edge["CertificateArn"],
            "WebAclArn": edge["WebAclArn"],
            "ApiDomain": "a1b2c3.execute-api.eu-west-2.amazonaws.com",
            "OriginSecretArn": secret["ARN"],
            "OriginSecretVersion": secret["VersionId"],
        },
    )


def test_the_edge_comes_up_with_its_rules(aws: Aws, edge: dict[str, str]) -> None:
    acls = aws.client("wafv2", "us-east-1")
    (listed,) = acls.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    assert listed["ARN"] == edge["WebAclArn"]
    acl = acls.get_web_acl(Scope="CLOUDFRONT", Name=listed["Name"], Id=listed["Id"])["WebACL"]
    limits = {
        rule["Name"]: int(rule["Statement"]["RateBasedStatement"]["Limit"])
        for rule in acl["Rules"]
        if "RateBasedStatement" in rule["Statement"]
    }
    assert limits == {"SignInRate": 300, "Rate": 3000}


def test_the_site_comes_up_and_the_origin_secret_is_filled_in(aws: Aws, site: dict[str, str]) -> None:
    distribution = aws.client("cloudfront").get_distribution(Id=site["DistributionId"])["Distribution"]
    origins = {origin["Id"]: origin for origin in distribution["DistributionConfig"]["Origins"]["Items"]}
    assert set(origins) == {"api", "site"}
    (header,) = origins["api"]["CustomHeaders"]["Items"]
    assert (header["HeaderName"], header["HeaderValue"]) == ("x-origin-secret", "s" * 64)
    blocked = aws.client("s3").get_public_access_block(Bucket=site["SiteBucketName"])
    assert set(blocked["PublicAccessBlockConfiguration"].values()) == {True}


def test_the_monitoring_comes_up_with_every_alarm_and_the_dashboard(aws: Aws) -> None:
    parameters = {
        name: f"portal-{name.lower()}"
        for name, made in read_template(ROOT / "infra/monitoring/template.yaml")["Parameters"].items()
        if "Default" not in made
    }
    aws.deploy("monitoring", {**parameters, "AlarmEmail": "engineer@landlord.example"})
    watch = aws.client("cloudwatch")
    pages = watch.get_paginator("describe_alarms").paginate()
    alarms = [alarm["AlarmArn"] for page in pages for alarm in page["MetricAlarms"]]
    body = json.loads(watch.get_dashboard(DashboardName="portal-monitoring")["DashboardBody"])
    shown = next(widget for widget in body["widgets"] if widget["type"] == "alarm")["properties"]["alarms"]
    assert len(shown) > 30
    assert set(shown) <= set(alarms)
