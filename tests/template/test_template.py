"""The application's template: what AWS carries out and the emulator does not, and who may do what."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from infra.templates import read_template

ROOT = Path(__file__).parents[2]
TEMPLATE = read_template(ROOT / "template.yaml")
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
GLOBALS = TEMPLATE["Globals"]["Function"]

ROUTES: dict[str, set[tuple[str, str]]] = {
    "RegisterFunction": {
        ("POST", "/api/register"),
        ("POST", "/api/register/resend"),
        ("POST", "/api/register/waiting"),
    },
    "VerifyFunction": {("POST", "/api/verify")},
    "LoginFunction": {
        ("POST", "/api/login"),
        ("GET", "/api/session"),
        ("PUT", "/api/session"),
        ("POST", "/api/logout"),
        ("GET", "/api/sessions"),
        ("DELETE", "/api/sessions"),
        ("DELETE", "/api/sessions/{session_id}"),
    },
    "ResetFunction": {
        ("POST", "/api/reset"),
        ("PUT", "/api/password"),
        ("POST", "/api/email"),
        ("POST", "/api/email/confirm"),
    },
    "PasskeysFunction": {
        ("GET", "/api/passkeys"),
        ("POST", "/api/passkeys"),
        ("POST", "/api/passkeys/options"),
        ("DELETE", "/api/passkeys/{passkey_id}"),
        ("POST", "/api/login/passkey"),
        ("POST", "/api/login/passkey/options"),
    },
    "BalanceFunction": {
        ("GET", "/api/balance"),
        ("GET", "/api/balance/{rent_account_id}/transactions"),
        ("GET", "/api/balance/{rent_account_id}/statement"),
        ("GET", "/api/balance/{rent_account_id}/explanation"),
        ("GET", "/api/balance/{rent_account_id}/calendar"),
        ("GET", "/api/balance/{rent_account_id}/calendar.ics"),
        ("GET", "/api/pay/{payment_id}/receipt"),
    },
    "PayFunction": {
        ("POST", "/api/pay"),
        ("GET", "/api/pay"),
        ("GET", "/api/pay/{payment_id}"),
        ("POST", "/api/pay/arrangements"),
        ("GET", "/api/pay/arrangements"),
        ("POST", "/api/pay/events/{provider}"),
        ("GET", "/api/pay/schedules"),
        ("POST", "/api/pay/schedules"),
        ("PATCH", "/api/pay/schedules/{schedule_id}"),
        ("DELETE", "/api/pay/schedules/{schedule_id}"),
    },
    "RepairsFunction": {
        ("GET", "/api/repairs/catalogue"),
        ("POST", "/api/repairs"),
        ("GET", "/api/repairs"),
        ("GET", "/api/repairs/{repair_id}"),
        ("POST", "/api/repairs/{repair_id}/cancel"),
        ("POST", "/api/repairs/{repair_id}/reopen"),
        ("POST", "/api/repairs/{repair_id}/rating"),
        ("POST", "/api/repairs/{repair_id}/notes"),
        ("GET", "/api/repairs/{repair_id}/slots"),
        ("PUT", "/api/repairs/{repair_id}/appointment"),
        ("DELETE", "/api/repairs/{repair_id}/appointment"),
        ("GET", "/api/repairs/{repair_id}/appointment.ics"),
        ("POST", "/api/repairs/{repair_id}/photos"),
        ("GET", "/api/repairs/{repair_id}/photos"),
        ("DELETE", "/api/repairs/{repair_id}/photos/{photo_id}"),
    },
    "ContactFunction": {
        ("GET", "/api/contact"),
        ("PATCH", "/api/contact"),
        ("GET", "/api/household"),
        ("POST", "/api/household/members"),
        ("PATCH", "/api/household/members/{member_id}"),
        ("DELETE", "/api/household/members/{member_id}"),
    },
    "ReferenceFunction": {("GET", "/api/openapi.json")},
    "SandboxFunction": {
        ("GET", "/api/sandbox/checkout/{id}"),
        ("POST", "/api/sandbox/checkout/{id}/approve"),
        ("POST", "/api/sandbox/checkout/{id}/decline"),
        ("POST", "/api/sandbox/checkout/{id}/cancel"),
        ("POST", "/api/sandbox/checkout/{id}/refund"),
        ("POST", "/api/sandbox/checkout/{id}/dispute"),
        ("POST", "/api/sandbox/checkout/{id}/win"),
        ("GET", "/api/sandbox/card/{id}"),
        ("POST", "/api/sandbox/card/{id}/charges"),
        ("POST", "/api/sandbox/card/{id}/{verdict}"),
    },
}
"""The routes of design §4 that exist, each with the function that answers it."""

OWN_LAYERS = {
    "BalanceFunction": "StatementsLayer",
    "PayFunction": "StripeLayer",
    "ReconcilerFunction": "StripeLayer",
    "CollectorFunction": "StripeLayer",
    "PasskeysFunction": "PasskeysLayer",
    "PhotosFunction": "PicturesLayer",
}
"""Functions that have a layer of their own beside the one of all: SAM adds it to that of Globals."""


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
TABLES = of_type("AWS::DynamoDB::Table")


def events(function: str, kind: str) -> dict[str, dict[str, Any]]:
    declared = FUNCTIONS[function]["Properties"].get("Events", {})
    return {name: event.get("Properties", {}) for name, event in declared.items() if event["Type"] == kind}


def every_event(kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [(function, name, event) for function in FUNCTIONS for name, event in events(function, kind).items()]


def role_of(function: str) -> str:
    role: str = FUNCTIONS[function]["Properties"]["Role"]["Fn::GetAtt"][0]
    return role


def statements(role: str) -> list[dict[str, Any]]:
    """A role's statements; of one that a condition decides, the one that is there when it holds."""
    found = [
        statement["Fn::If"][1] if "Fn::If" in statement else statement
        for policy in RESOURCES[role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    return [{**s, "Action": [s["Action"]] if isinstance(s["Action"], str) else s["Action"]} for s in found]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


ROLES = list(of_type("AWS::IAM::Role"))


# --- routes


def test_every_route_of_the_api_has_its_function_and_no_other_exists() -> None:
    declared = {
        function: {
            (event["Method"], event["Path"]) for event in events(function, "HttpApi").values() if "Path" in event
        }
        for function in FUNCTIONS
    }
    assert {function: routes for function, routes in declared.items() if routes} == ROUTES


def test_what_no_route_takes_is_answered_by_the_reference_function() -> None:
    catching = [function for function, _, event in every_event("HttpApi") if "Path" not in event]
    assert catching == ["ReferenceFunction"]


def test_every_route_reaches_aws_as_a_route_of_its_function() -> None:
    """SAM's own translation, from which AWS makes the routes that the emulator does not."""
    body = _translated()["Resources"]["Api"]["Properties"]["Body"]
    reached: dict[str, set[tuple[str, str]]] = {}
    for path, methods in body["paths"].items():
        for method, operation in _without_conditions(methods).items():
            uri = json.dumps(_without_conditions(operation)["x-amazon-apigateway-integration"]["uri"])
            function = re.findall(r"\$\{(\w+Function)\.Arn\}", uri)
            assert len(function) == 1, (path, method)
            if path != "$default":
                reached.setdefault(function[0], set()).add((method.upper(), path))
    assert reached == ROUTES


@pytest.mark.parametrize("function", sorted(ROUTES))
def test_the_code_answers_exactly_the_routes_that_the_template_sends_it(function: str) -> None:
    folder = ROOT / FUNCTIONS[function]["Properties"]["CodeUri"]
    app = _module(folder / "app.py").app
    assert {(route.method, re.sub(r"\{\w+\}", "{}", route.path)) for route in app.routes} == {
        (method, re.sub(r"\{\w+\}", "{}", path)) for method, path in ROUTES[function]
    }


def test_every_function_has_code_with_a_handler() -> None:
    for name, function in FUNCTIONS.items():
        assert callable(_module(ROOT / function["Properties"]["CodeUri"] / "app.py").handler), name


def test_an_api_function_gives_up_before_api_gateway_does() -> None:
    for function in ROUTES:
        assert FUNCTIONS[function]["Properties"].get("Timeout", GLOBALS["Timeout"]) < 30


def test_the_stage_is_throttled() -> None:
    settings = RESOURCES["Api"]["Properties"]["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "ThrottleRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ThrottleBurst"}
    assert 0 < TEMPLATE["Parameters"]["ThrottleRate"]["Default"] <= 1000


def test_the_access_log_holds_nothing_about_a_person() -> None:
    logged = re.findall(r"\$context\.([\w.]+)", RESOURCES["Api"]["Properties"]["AccessLogSettings"]["Format"])
    assert set(logged) == {
        "requestId",
        "requestTimeEpoch",
        "routeKey",
        "status",
        "responseLatency",
        "integrationLatency",
        "responseLength",
        "error.responseType",
        "integration.error",
    }


# --- what is kept, and how


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_expires_restores_and_encrypts(name: str) -> None:
    table = TABLES[name]
    properties = table["Properties"]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["DeletionProtectionEnabled"] == {"Fn::If": ["KeepsTables", True, False]}
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert [key["AttributeName"] for key in properties["KeySchema"]] == ["pk", "sk"]
    assert "GlobalSecondaryIndexes" not in properties


def test_there_is_a_table_for_each_domain() -> None:
    assert set(TABLES) == {"TenanciesTable", "IdentityTable", "RentTable", "RepairsTable", "OutboxTable", "AuditTable"}


def test_tables_are_protected_unless_somebody_says_otherwise() -> None:
    assert TEMPLATE["Parameters"]["DeletionProtection"]["Default"] == "true"
    assert TEMPLATE["Conditions"]["KeepsTables"] == {"Fn::Equals": [{"Ref": "DeletionProtection"}, "true"]}


def test_the_exchange_bucket_is_private_encrypted_versioned_and_forgets() -> None:
    bucket = RESOURCES["ExchangeBucket"]["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert {rule.get("Prefix") for rule in rules.values()} >= {"inbox/", "quarantine/", "outbox/", "reports/"}
    assert rules["older-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"] <= 35
    assert RESOURCES["ExchangeBucket"]["DeletionPolicy"] == "Retain"


def test_the_exchange_bucket_refuses_plain_http() -> None:
    (statement,) = RESOURCES["ExchangeBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert TEMPLATE["Parameters"]["RequireTls"]["Default"] == "true"


def test_the_photo_bucket_is_private_encrypted_and_keeps_no_version_of_what_was_taken_away() -> None:
    bucket = RESOURCES["PhotoBucket"]["Properties"]
    assert list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert "VersioningConfiguration" not in bucket
    rules = {rule["Prefix"]: rule["ExpirationInDays"] for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules == {"incoming/": 1, "shown/": {"Ref": "PhotoRetentionDays"}}
    (statement,) = RESOURCES["PhotoBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_only_a_page_of_ours_can_send_to_the_photo_bucket_and_hear_the_answer() -> None:
    (rule,) = RESOURCES["PhotoBucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == ([{"Ref": "SiteOrigin"}], ["POST"])


def test_nobody_serves_what_arrived_and_only_who_judges_reads_it() -> None:
    bucket = "${PhotoBucket.Arn}"
    allowed = {
        (role, action, resource["Fn::Sub"].removeprefix(bucket))
        for role in ROLES
        for s in statements(role)
        for action in s["Action"]
        for resource in as_list(s["Resource"])
        if isinstance(resource, dict) and str(resource.get("Fn::Sub", "")).startswith(bucket)
    }
    assert allowed == {
        ("RepairsRole", "s3:PutObject", "/incoming/*"),
        ("RepairsRole", "s3:GetObject", "/shown/*"),
        ("RepairsRole", "s3:DeleteObject", "/shown/*"),
        ("PhotosRole", "s3:GetObject", "/incoming/*"),
        ("PhotosRole", "s3:DeleteObject", "/incoming/*"),
        ("PhotosRole", "s3:PutObject", "/shown/*"),
        ("PhotosRole", "s3:DeleteObject", "/shown/*"),
    }


def test_a_picture_is_judged_as_it_arrives_and_what_was_cleaned_starts_nothing() -> None:
    (arrived,) = events("PhotosFunction", "EventBridgeRule").values()
    assert arrived["Pattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [{"Ref": "PhotoBucket"}]}, "object": {"key": [{"prefix": "incoming/"}]}},
    }
    notified = RESOURCES["PhotoBucket"]["Properties"]["NotificationConfiguration"]
    assert notified == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    parking = RESOURCES["ImportDeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert {"Fn::GetAtt": ["PhotosFunctionArrived", "Arn"]} in parking["Condition"]["ArnEquals"]["aws:SourceArn"]


def test_whoever_carries_the_landlords_files_can_drop_and_collect_and_no_more() -> None:
    policy = RESOURCES["ExchangePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {(s["Sid"], *s["Action"]) for s in policy} == {
        ("Drop", "s3:PutObject"),
        ("Collect", "s3:GetObject"),
        ("CollectPhotos", "s3:GetObject"),
        ("Look", "s3:ListBucket"),
        ("Tell", "events:PutEvents"),
    }


def test_every_secret_is_made_by_aws_and_none_is_a_parameter() -> None:
    secrets = of_type("AWS::SecretsManager::Secret")
    assert set(secrets) == {"KeysSecret", "OriginSecret", "SandboxSecret", "StripeSecret", "WaitingSecret"}
    for secret in secrets.values():
        assert secret["Properties"]["GenerateSecretString"]["PasswordLength"] >= 48
    found = {name for name in TEMPLATE["Parameters"] if re.search("secret|password|key", name, re.IGNORECASE)}
    assert found == {"OriginSecretVersion", "OriginSecretVersionBefore"}, "which are ids of versions"
    assert secrets["KeysSecret"]["DeletionPolicy"] == secrets["WaitingSecret"]["DeletionPolicy"] == "Retain"


def test_a_rotation_of_the_origin_secret_changes_the_reference_and_leaves_the_one_before_good_for_a_while() -> None:
    def read(version: str) -> dict[str, str]:
        return {"Fn::Sub": f"{{{{resolve:secretsmanager:${{OriginSecret.Id}}:SecretString{version}}}}}"}

    told = GLOBALS["Environment"]["Variables"]
    assert told["ORIGIN_SECRET"] == {"Fn::If": ["OriginSecretWasRotated", read(":::${OriginSecretVersion}"), read("")]}
    before = read(":::${OriginSecretVersionBefore}")
    assert told["ORIGIN_SECRET_BEFORE"] == {"Fn::If": ["OriginSecretIsBeingRotated", before, ""]}
    for name, parameter in (
        ("OriginSecretWasRotated", "OriginSecretVersion"), ("OriginSecretIsBeingRotated", "OriginSecretVersionBefore")
    ):  # fmt: skip
        assert TEMPLATE["Conditions"][name] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
        assert TEMPLATE["Parameters"][parameter]["Default"] == ""


def test_what_waits_can_be_opened_by_who_takes_it_and_who_tries_it_again_alone() -> None:
    waiting = {"Fn::GetAtt": ["WaitingSecret", "Id"]}
    reading = {role for role in ROLES for s in statements(role) if waiting in as_list(s["Resource"])}
    assert reading == {"RegisterRole", "ImporterRole"}
    told = {
        name
        for name, function in FUNCTIONS.items()
        if "WAITING_SECRET_ARN" in function["Properties"]["Environment"]["Variables"]
    }
    assert told == {"RegisterFunction", "ImporterFunction"}
    assert "WAITING_SECRET_ARN" not in GLOBALS["Environment"]["Variables"]


def test_the_import_can_make_registrations_and_no_customer_log_in_or_session() -> None:
    identity = {"Fn::GetAtt": ["IdentityTable", "Arn"]}
    kept = [s for s in statements("ImporterRole") if s["Resource"] == identity]
    leading = {
        action: [key for values in statement["Condition"].values() for key in values["dynamodb:LeadingKeys"]]
        for statement in kept
        for action in statement["Action"]
    }
    assert leading == {
        "dynamodb:Query": ["WAITING"],
        "dynamodb:DeleteItem": ["WAITING"],
        "dynamodb:BatchGetItem": ["CUSTOMER#*", "EMAIL#*"],
        "dynamodb:PutItem": ["REGISTRATION#*"],
        "dynamodb:UpdateItem": ["TRIES#*"],
    }


def test_logs_are_kept_thirty_days() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    for name, group in groups.items():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name
    assert TEMPLATE["Parameters"]["LogRetentionDays"]["Default"] == 30


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_logs_to_a_group_of_its_own(function: str) -> None:
    group = function.replace("Function", "LogGroup")
    assert FUNCTIONS[function]["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": group}
    assert group in RESOURCES


# --- who may do what


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_has_a_role_of_its_own(function: str) -> None:
    assert role_of(function) == function.replace("Function", "Role")
    assert "Policies" not in FUNCTIONS[function]["Properties"]
    assert "ManagedPolicyArns" not in RESOURCES[role_of(function)]["Properties"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_allows_named_actions_on_named_things(role: str) -> None:
    for statement in statements(role):
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            assert "*" not in action
            assert "NotAction" not in statement
        for resource in as_list(statement["Resource"]):
            tracing = all(action.startswith("xray:Put") for action in statement["Action"])
            assert resource != "*" or tracing, statement["Sid"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_each_action_once(role: str) -> None:
    named = [
        (action, json.dumps(resource))
        for statement in statements(role)
        for action in statement["Action"]
        for resource in as_list(statement["Resource"])
    ]
    assert len(named) == len(set(named))


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_writes_no_log_but_its_own(function: str) -> None:
    logging = [s for s in statements(role_of(function)) if any(a.startswith("logs:") for a in s["Action"])]
    assert [s["Resource"] for s in logging] == [{"Fn::GetAtt": [function.replace("Function", "LogGroup"), "Arn"]}]
    assert [s["Action"] for s in logging] == [["logs:CreateLogStream", "logs:PutLogEvents"]]


def test_only_the_import_reads_a_whole_table_and_only_to_weigh_a_snapshot() -> None:
    scanning = {(role, s["Sid"]) for role in ROLES for s in statements(role) if "dynamodb:Scan" in s["Action"]}
    assert scanning == {("ImporterRole", "Tenancies")}


def test_whoever_keeps_an_event_can_neither_read_change_nor_remove_one() -> None:
    table = {"Fn::GetAtt": ["AuditTable", "Arn"]}
    allowed = {role: s["Action"] for role in ROLES for s in statements(role) if table in as_list(s["Resource"])}
    assert allowed.pop("ExporterRole") == ["dynamodb:Query"]
    assert set(allowed) >= {"RegisterRole", "VerifyRole", "LoginRole", "ResetRole", "ContactRole", "ImporterRole"}
    assert {tuple(actions) for actions in allowed.values()} == {("dynamodb:PutItem",)}


def test_nobody_may_touch_tables_as_such() -> None:
    allowed = {action for role in ROLES for statement in statements(role) for action in statement["Action"]}
    assert not allowed & {"dynamodb:DeleteTable", "dynamodb:UpdateTable", "dynamodb:ExportTableToPointInTime"}


def test_the_mailer_alone_sends_mail_and_in_production_as_the_landlords_own_domain() -> None:
    sending = {role: s for role in ROLES for s in statements(role) if "ses:SendEmail" in s["Action"]}
    assert set(sending) == {"MailerRole"}
    condition, anything, identity = sending["MailerRole"]["Resource"]["Fn::If"]
    assert (condition, anything) == ("SendsAsAnyIdentity", "*")
    assert identity["Fn::Sub"].endswith(":identity/${MailIdentity}")
    assert "Default" not in TEMPLATE["Parameters"]["MailIdentity"]
    for environment in ("staging", "production"):
        assert overrides(environment)["MailIdentity"] != "*"


def test_schedules_may_start_the_functions_that_have_one_and_no_other() -> None:
    (start,) = [s for s in statements("SchedulesRole") if s["Sid"] == "Start"]
    scheduled = {function for function, _, _ in every_event("ScheduleV2")}
    assert {resource["Fn::GetAtt"][0] for resource in start["Resource"]} == scheduled
    assert scheduled == {
        "MailerFunction",
        "ImporterFunction",
        "ExporterFunction",
        "ReconcilerFunction",
        "WatchFunction",
        "ReminderFunction",
        "CollectorFunction",
    }


# --- what happens by itself


def test_the_outbox_feeds_the_mailer_and_a_poisoned_record_holds_nobody_up() -> None:
    assert TABLES["OutboxTable"]["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    (stream,) = events("MailerFunction", "DynamoDB").values()
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert stream["BisectBatchOnFunctionError"] is True
    assert stream["MaximumRetryAttempts"] > 0
    assert stream["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["MailDeadLetters", "Arn"]}
    (pattern,) = (json.loads(entry["Pattern"]) for entry in stream["FilterCriteria"]["Filters"])
    assert pattern == {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": ["MAIL"]}}}}


def test_mail_that_could_not_go_is_tried_every_five_minutes() -> None:
    (sweep,) = events("MailerFunction", "ScheduleV2").values()
    assert sweep["ScheduleExpression"] == "rate(5 minutes)"


def test_payments_that_wait_are_asked_about_every_five_minutes() -> None:
    assert events("ReconcilerFunction", "ScheduleV2")["Pending"]["ScheduleExpression"] == "rate(5 minutes)"


@pytest.mark.parametrize("function", ["ImporterFunction", "ExporterFunction", "ReconcilerFunction"])
def test_nights_are_london_nights_and_no_job_starts_in_an_hour_that_may_not_be(function: str) -> None:
    schedules = events(function, "ScheduleV2").values()
    (nightly,) = (event for event in schedules if event["ScheduleExpression"].startswith("cron"))
    assert nightly["ScheduleExpressionTimezone"] == "Europe/London"
    minute, hour = re.fullmatch(r"cron\((\d+) (\d+) \* \* \? \*\)", nightly["ScheduleExpression"]).groups()  # type: ignore[union-attr]
    assert not 59 <= int(hour) * 60 + int(minute) <= 121


def test_reminders_are_looked_for_each_hour_of_a_london_day() -> None:
    (hourly,) = events("ReminderFunction", "ScheduleV2").values()
    assert hourly["ScheduleExpressionTimezone"] == "Europe/London"
    assert hourly["ScheduleExpression"] == "cron(0 9-19 * * ? *)"


def test_regular_payments_are_looked_at_four_times_an_hour_of_a_london_day() -> None:
    (due,) = events("CollectorFunction", "ScheduleV2").values()
    assert due["ScheduleExpressionTimezone"] == "Europe/London"
    assert due["ScheduleExpression"] == "cron(5/15 6-20 * * ? *)"
    assert due["RetryPolicy"]["MaximumRetryAttempts"] == 0, "the next run is a quarter of an hour away"


def test_a_complete_drop_starts_the_import() -> None:
    (drop,) = events("ImporterFunction", "EventBridgeRule").values()
    assert drop["Pattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": "ExchangeBucket"}]},
            "object": {"key": [{"wildcard": "inbox/*/_complete"}]},
        },
    }
    notified = RESOURCES["ExchangeBucket"]["Properties"]["NotificationConfiguration"]
    assert notified == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_the_landlords_own_bus_tells_of_repairs_and_dates_are_watched_each_hour() -> None:
    (told,) = events("BusFunction", "EventBridgeRule").values()
    assert told["EventBusName"] == {"Ref": "LandlordBus"}
    assert told["Pattern"] == {"detail-type": ["Repair event", "Hazard summary"]}
    assert events("WatchFunction", "ScheduleV2")["Hourly"]["ScheduleExpression"] == "rate(1 hour)"
    parking = RESOURCES["ImportDeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert {"Fn::GetAtt": ["BusFunctionTold", "Arn"]} in parking["Condition"]["ArnEquals"]["aws:SourceArn"]


def test_every_event_that_can_fail_has_somewhere_to_go() -> None:
    for function, name, event in [*every_event("ScheduleV2"), *every_event("EventBridgeRule")]:
        assert event["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in RESOURCES, (function, name)
        assert "RetryPolicy" in event, (function, name)
    for function in (
        "ImporterFunction", "ExporterFunction", "ReconcilerFunction", "BusFunction", "WatchFunction",
        "ReminderFunction", "CollectorFunction", "PhotosFunction",
    ):  # fmt: skip
        failed = FUNCTIONS[function]["Properties"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
        queue = failed["Destination"]["Fn::GetAtt"][0]
        (parking,) = [s for s in statements(role_of(function)) if "sqs:SendMessage" in s["Action"]]
        assert parking["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}


def test_what_could_not_be_done_waits_fourteen_days_encrypted() -> None:
    queues = of_type("AWS::SQS::Queue")
    assert set(queues) == {"MailDeadLetters", "ImportDeadLetters", "ExportDeadLetters"}
    for queue in queues.values():
        assert queue["Properties"] == {"MessageRetentionPeriod": 14 * 86_400, "SqsManagedSseEnabled": True}


# --- where it runs


def test_the_sandbox_exists_only_where_a_parameter_says_so() -> None:
    named = {name: resource for name, resource in RESOURCES.items() if name.startswith("Sandbox")}
    assert {resource.get("Condition") for resource in named.values()} == {"HasSandbox"}
    assert TEMPLATE["Parameters"]["PaymentProvider"]["Default"] == "none"
    assert TEMPLATE["Outputs"]["SandboxFunctionName"]["Condition"] == "HasSandbox"
    assert overrides("production").get("PaymentProvider", "none") != "sandbox"


def test_stripes_secret_exists_and_is_read_only_where_the_parameter_says_stripe() -> None:
    assert RESOURCES["StripeSecret"]["Condition"] == "HasStripe"
    assert TEMPLATE["Conditions"]["HasStripe"] == {"Fn::Equals": [{"Ref": "PaymentProvider"}, "stripe"]}
    secret = {"Fn::GetAtt": ["StripeSecret", "Id"]}
    reading = {role for role in ROLES for s in statements(role) if secret in as_list(s["Resource"])}
    assert reading == {"PayRole", "ReconcilerRole", "CollectorRole"}


def test_production_takes_the_strict_side_of_every_choice() -> None:
    loosened = {"LimitsFactor", "RequireTls", "DeletionProtection", "Schedules", "LogLevel"}
    assert not loosened & set(overrides("production"))
    assert TEMPLATE["Parameters"]["LimitsFactor"]["Default"] == 1
    assert overrides("production")["SiteOrigin"].startswith("https://")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_settings_of_an_environment_fit_the_template(environment: str) -> None:
    given = overrides(environment)
    for name, value in given.items():
        parameter = TEMPLATE["Parameters"][name]
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value), name
        assert value in parameter.get("AllowedValues", [value]), name
    assert {name for name, parameter in TEMPLATE["Parameters"].items() if "Default" not in parameter} <= set(given)


def test_every_function_runs_python_3_13_on_the_one_layer_and_at_most_one_of_its_own_and_is_traced() -> None:
    assert GLOBALS["Runtime"] == "python3.13"
    assert GLOBALS["Layers"] == [{"Ref": "PortalLayer"}]
    assert GLOBALS["Tracing"] == "Active"
    own = {name: f["Properties"]["Layers"] for name, f in FUNCTIONS.items() if "Layers" in f["Properties"]}
    assert own == {name: [{"Ref": layer}] for name, layer in OWN_LAYERS.items()}
    assert set(of_type("AWS::Serverless::LayerVersion")) == {"PortalLayer", *OWN_LAYERS.values()}
    for function in FUNCTIONS.values():
        assert not {"Runtime", "Tracing"} & set(function["Properties"])


def test_the_other_stacks_find_what_they_need_in_the_outputs() -> None:
    monitoring = read_template(ROOT / "infra/monitoring/template.yaml")["Parameters"]
    wanted = {name for name in monitoring if name.endswith(("FunctionName", "TableName", "DeadLettersName", "ApiId"))}
    assert wanted <= set(TEMPLATE["Outputs"])
    assert {"ApiDomain", "OriginSecretArn", "ExchangeBucketName", "ExchangePolicyArn"} <= set(TEMPLATE["Outputs"])


def overrides(environment: str) -> dict[str, str]:
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())
    given = settings[environment]["deploy"]["parameters"]["parameter_overrides"]
    return {name: value.strip("'") for name, value in (entry.split("=", 1) for entry in given)}


def _translated() -> dict[str, Any]:
    """The template as CloudFormation gets it from SAM, by the translator that `sam` itself ships."""
    local = deepcopy(TEMPLATE)
    for resource in local["Resources"].values():
        for field in ("CodeUri", "ContentUri"):
            if field in resource.get("Properties", {}):
                resource["Properties"][field] = "s3://bucket/key"
    done = subprocess.run(
        [ROOT / ".venvs/sam/bin/python", "-c", _TRANSLATE],
        input=json.dumps(local),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-west-2"},
    )
    translated: dict[str, Any] = json.loads(done.stdout)
    return translated


_TRANSLATE = """
import json, sys
from types import SimpleNamespace
from samtranslator.translator.transform import transform
print(json.dumps(transform(json.load(sys.stdin), {}, SimpleNamespace(load=dict))))
"""


def _without_conditions(node: dict[str, Any]) -> dict[str, Any]:
    return node["Fn::If"][1] if "Fn::If" in node else node


def _module(file: Path) -> Any:
    name = f"template_{file.parent.name}_app"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec
        assert spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
