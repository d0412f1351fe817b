"""Builds and deploys the real template to the emulator, and fills in what the emulator leaves out of it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.local.console import StackError, step
from infra.local.emulator import client
from infra.local.settings import ARTIFACTS_BUCKET, REGION, ROOT, SHARED, STACK_NAME, VENVS, Settings
from infra.templates import read_template

TEMPLATE = ROOT / "template.yaml"
_SOURCES = (
    "template.yaml",
    "samconfig.toml",
    "requirements",
    "layers",
    "functions",
    "infra/local/deployment.py",
)


def deploy(settings: Settings, endpoint: str, origin: str) -> dict[str, str]:
    """Bring the stack up to the sources, and do nothing where it is there already. Returns the stack's outputs.

    Raises StackError where a step fails.
    """
    sources, parameters = fingerprint(*_SOURCES, str(settings.brand)), _parameters(settings, origin)
    wanted = {"sources": sources, "parameters": parameters}
    deployed = settings.state / "deployed.json"
    cloudformation = client("cloudformation", endpoint)
    if _read(deployed) == wanted and _outputs(cloudformation) is not None:
        return _outputs(cloudformation) or {}
    deployed.unlink(missing_ok=True)
    with only_one():
        build = SHARED / "build"
        built = build / "sources"
        if not (built.exists() and built.read_text() == sources):
            with step("Building the functions and their layer"):
                built.unlink(missing_ok=True)
                _build(settings, build)
                built.write_text(sources)
        with step("Deploying the template"):
            s3 = client("s3", endpoint)
            with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
                s3.create_bucket(Bucket=ARTIFACTS_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
            _sam_deploy(settings, build, endpoint, parameters)
    outputs = _outputs(cloudformation)
    if outputs is None:
        raise StackError("the template was not deployed.", log=settings.logs / "deploy.log")
    Bridges(endpoint).fill()
    deployed.write_text(json.dumps(wanted))
    return outputs


def _parameters(settings: Settings, origin: str) -> dict[str, str]:
    email = tomllib.loads(settings.brand.read_text())["email"]
    return {
        "SiteOrigin": origin,
        "MailFrom": f"{email['sender_name']} <{email['sender_address']}>",
        # The emulator denies ses:SendEmail on the ARN of an identity.
        "MailIdentity": "*",
        "PaymentProvider": "sandbox",
        "LimitsFactor": str(settings.limits_factor),
        "ThrottleRate": "10000",
        "ThrottleBurst": "5000",
        "Architecture": "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
        "DeletionProtection": "false",
        # The emulator is spoken to over plain HTTP on the loopback address.
        "RequireTls": "false",
    }


def fingerprint(*sources: str) -> str:
    """Changes with any of the files and folders named, packages from elsewhere and compiled code apart."""
    digest = hashlib.sha256()
    for source in (ROOT / name for name in sources):
        for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if file.is_file() and not {"__pycache__", "node_modules"} & set(file.parts):
                digest.update(str(file).encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Stacks started at the same time share what is built, and build it one after the other."""
    SHARED.mkdir(exist_ok=True)
    with (SHARED / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sam(arguments: list[str | Path], log: Path, what: str, **environment: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
    path = os.pathsep.join([str(VENVS / "dev" / "bin"), os.environ.get("PATH", "")])
    with log.open("wb") as output:
        done = subprocess.run(
            [VENVS / "sam" / "bin" / "sam", *arguments],
            cwd=ROOT,
            env=kept
            | {
                "PATH": path,
                "SAM_CLI_TELEMETRY": "0",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            }
            | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    if done.returncode:
        raise StackError(f"{what} failed.", log=log)


def _build(settings: Settings, build: Path) -> None:
    settings.logs.mkdir(parents=True, exist_ok=True)
    _sam(
        ["build", "--config-env", "local", "--template-file", TEMPLATE, "--build-dir", build],
        settings.logs / "build.log",
        "building the functions",
        BRAND=str(settings.brand),
    )


def _sam_deploy(settings: Settings, build: Path, endpoint: str, parameters: dict[str, str]) -> None:
    overrides = [f"ParameterKey={name},ParameterValue='{value}'" for name, value in parameters.items()]
    options: list[str | Path] = ["--config-file", ROOT / "samconfig.toml", "--config-env", "local"]
    options += ["--template-file", build / "template.yaml", "--s3-bucket", ARTIFACTS_BUCKET, "--no-progressbar"]
    _sam(
        ["deploy", *options, "--parameter-overrides", *overrides],
        settings.logs / "deploy.log",
        "deploying the template",
        AWS_ENDPOINT_URL=endpoint,
    )


def _outputs(cloudformation: Any) -> dict[str, str] | None:
    """The stack's outputs, or None while there is no such stack or its last deployment failed."""
    try:
        stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    except ClientError:
        return None
    if stack["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


class Bridges:
    """What the emulator leaves out of a template that AWS carries out. Each is read from the template itself."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.template = read_template(TEMPLATE)
        pages = client("cloudformation", endpoint).get_paginator("list_stack_resources")
        self.physical = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=STACK_NAME)
            for resource in page["StackResourceSummaries"]
        }

    def fill(self) -> None:
        """Fill in everything."""
        self.routes()
        self.time_to_live()
        self.time_zones()
        self.mail_identity()

    def functions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The functions that were deployed, by logical id, with their properties."""
        for name, resource in self.template["Resources"].items():
            if resource["Type"] == "AWS::Serverless::Function" and name in self.physical:
                yield name, resource["Properties"]

    def events(self, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """The events of one kind: function, event, properties."""
        for function, properties in self.functions():
            for name, event in properties.get("Events", {}).items():
                if event["Type"] == kind:
                    yield function, name, event.get("Properties", {})

    def environments(self) -> dict[str, dict[str, str]]:
        """What each function is told, for `sam local start-api --env-vars`, which knows no deployed names."""
        functions = client("lambda", self.endpoint)
        return {
            name: functions.get_function_configuration(FunctionName=self.physical[name])["Environment"]["Variables"]
            | {"AWS_ENDPOINT_URL": self.endpoint}
            for name, _ in self.functions()
        }

    def routes(self) -> None:
        """The emulator makes no routes from the OpenAPI body that SAM writes for an HttpApi."""
        gateway, functions = client("apigatewayv2", self.endpoint), client("lambda", self.endpoint)
        api = self.physical["Api"]
        for route in gateway.get_routes(ApiId=api, MaxResults="500")["Items"]:
            gateway.delete_route(ApiId=api, RouteId=route["RouteId"])
        for integration in gateway.get_integrations(ApiId=api, MaxResults="500")["Items"]:
            gateway.delete_integration(ApiId=api, IntegrationId=integration["IntegrationId"])
        integrations: dict[str, str] = {}
        for function, _, properties in self.events("HttpApi"):
            if function not in integrations:
                arn = functions.get_function(FunctionName=self.physical[function])["Configuration"]["FunctionArn"]
                integrations[function] = gateway.create_integration(
                    ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
                )["IntegrationId"]
            key = f"{properties['Method']} {properties['Path']}" if "Path" in properties else "$default"
            gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integrations[function]}")

    def time_to_live(self) -> None:
        """The emulator reads no TimeToLiveSpecification."""
        tables = client("dynamodb", self.endpoint)
        for name, resource in self.template["Resources"].items():
            wanted = resource["Properties"].get("TimeToLiveSpecification")
            if resource["Type"] != "AWS::DynamoDB::Table" or not wanted or name not in self.physical:
                continue
            table = self.physical[name]
            status = tables.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"]
            if status != "ENABLED":
                tables.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)

    def time_zones(self) -> None:
        """The emulator takes every schedule's time for UTC."""
        scheduler = client("scheduler", self.endpoint)
        for function, event, properties in self.events("ScheduleV2"):
            zone = properties.get("ScheduleExpressionTimezone")
            if not zone:
                continue
            schedule = scheduler.get_schedule(Name=self.physical[f"{function}{event}"])
            kept = ("Name", "GroupName", "ScheduleExpression", "State", "FlexibleTimeWindow", "Target", "Description")
            scheduler.update_schedule(
                **{name: schedule[name] for name in kept if name in schedule}, ScheduleExpressionTimezone=zone
            )

    def mail_identity(self) -> None:
        """On AWS somebody has proved to SES that the domain is the landlord's."""
        stack = client("cloudformation", self.endpoint).describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        sender = next(p["ParameterValue"] for p in stack["Parameters"] if p["ParameterKey"] == "MailFrom")
        with contextlib.suppress(client("sesv2", self.endpoint).exceptions.AlreadyExistsException):
            client("sesv2", self.endpoint).create_email_identity(
                EmailIdentity=sender.rpartition("@")[2].rstrip(">").strip()
            )
