"""The monitoring's template: everything that can fail has somebody who is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.templates import read_template

ROOT = Path(__file__).parents[2]
TEMPLATE = read_template(ROOT / "infra/monitoring/template.yaml")
PARAMETERS = TEMPLATE["Parameters"]
RESOURCES = TEMPLATE["Resources"]


def filled(part: Any, name: str) -> Any:
    """`part` of a loop's body for one `name`, as AWS::LanguageExtensions writes it out."""
    if isinstance(part, dict):
        if set(part) == {"Ref"} and isinstance(part["Ref"], dict):
            return {"Ref": part["Ref"]["Fn::Sub"].replace("${Name}", name)}
        if set(part) == {"Fn::Sub"}:
            return part["Fn::Sub"].replace("${Name}", name)
        return {key.replace("${Name}", name): filled(value, name) for key, value in part.items()}
    if isinstance(part, list):
        return [filled(value, name) for value in part]
    return part


def written_out(resources: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, made in resources.items():
        if not key.startswith("Fn::ForEach::"):
            found[key] = made
            continue
        _, names, body = made
        for name in names:
            found |= filled(body, name)
    return found


LOOPED = [key for made in RESOURCES.values() if isinstance(made, list) for key in made[2]]
ALARMS: dict[str, dict[str, Any]] = {
    name: made["Properties"]
    for name, made in written_out(RESOURCES).items()
    if made["Type"] == "AWS::CloudWatch::Alarm"
}


def watched(alarm: dict[str, Any]) -> tuple[str, str, tuple[Any, ...]]:
    """(namespace, metric, dimension values) of what an alarm looks at."""
    values = (dimension["Value"] for dimension in alarm.get("Dimensions", []))
    return (
        alarm["Namespace"],
        alarm["MetricName"],
        tuple(value["Ref"] if isinstance(value, dict) else value for value in values),
    )


WATCHED = {watched(alarm) for alarm in ALARMS.values()}


def ending(suffix: str) -> list[str]:
    return [name for name in PARAMETERS if name.endswith(suffix)]


@pytest.mark.parametrize("queue", ending("DeadLettersName"))
def test_a_single_dead_letter_tells_somebody(queue: str) -> None:
    alarm = next(
        alarm
        for alarm in ALARMS.values()
        if watched(alarm) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible", (queue,))
    )
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")


@pytest.mark.parametrize("function", ending("FunctionName"))
def test_an_error_of_any_function_tells_somebody(function: str) -> None:
    assert ("AWS/Lambda", "Errors", (function,)) in WATCHED


def test_every_function_of_the_application_is_among_those_that_are_watched() -> None:
    application = read_template(ROOT / "template.yaml")
    outputs = {name for name in application["Outputs"] if name.endswith("FunctionName")}
    # The sandbox's provider stands in for a real one on test stacks alone.
    assert outputs - {"SandboxFunctionName"} == set(ending("FunctionName"))


def test_a_date_that_cannot_be_watched_tells_somebody() -> None:
    assert ("Portal", "WatchItemsFailed", ("portal-watch",)) in WATCHED


@pytest.mark.parametrize("table", ending("TableName"))
def test_a_throttled_table_tells_somebody(table: str) -> None:
    assert ("AWS/DynamoDB", "ReadThrottleEvents", (table,)) in WATCHED
    assert ("AWS/DynamoDB", "WriteThrottleEvents", (table,)) in WATCHED


def test_a_spent_concurrency_tells_somebody() -> None:
    assert ("AWS/Lambda", "Throttles", ()) in WATCHED


def test_failures_of_the_api_tell_somebody() -> None:
    assert ("AWS/ApiGateway", "5xx", ("ApiId",)) in WATCHED


def test_a_night_without_an_import_tells_somebody_though_nothing_is_measured() -> None:
    for name in ("NoImport", "NoExport"):
        alarm = ALARMS[name]
        assert alarm["Period"] * alarm["EvaluationPeriods"] == 26 * 3600
        assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
        assert alarm["TreatMissingData"] == "breaching"


def test_one_refused_row_tells_somebody() -> None:
    assert ALARMS["RowsAreRefused"]["Threshold"] == 1


def test_mail_that_waits_ten_minutes_tells_somebody() -> None:
    assert ALARMS["MailWaits"]["Threshold"] == 600
    assert ALARMS["MailFallsBehind"]["Threshold"] == 600_000


def test_bounces_and_complaints_tell_somebody_long_before_ses_acts() -> None:
    # security.md T29: SES reviews at 5 % and 0.1 %.
    assert ALARMS["MailBounces"]["Threshold"] == 0.02
    assert ALARMS["MailIsComplainedOf"]["Threshold"] == 0.0005


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_says_what_it_means_and_where_to_read_on_and_reaches_somebody(name: str) -> None:
    alarm = ALARMS[name]
    assert alarm["AlarmDescription"].endswith('docs/operations.md, "At night".')
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
    assert alarm["TreatMissingData"] in {"breaching", "notBreaching"}


@pytest.mark.parametrize(
    "name",
    [name for name, made in RESOURCES.items() if isinstance(made, dict) and made["Type"] == "AWS::CloudWatch::Alarm"]
    + LOOPED,
)
def test_the_night_page_has_a_line_for_each_alarm(name: str) -> None:
    night = (ROOT / "docs/operations.md").read_text(encoding="utf-8").split("## At night", 1)[1]
    assert f"`{name.replace('${Name}', '…')}`" in night


def test_the_topic_has_an_address_and_takes_alarms_of_this_account_only() -> None:
    assert RESOURCES["AlarmTopic"]["Properties"]["Subscription"] == [
        {"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}
    ]
    (statement,) = RESOURCES["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


# --- the dashboard


def dashboard() -> dict[str, Any]:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown: dict[str, Any] = json.loads(re.sub(r"\$\{([^}]+)\}", r"<\1>", body))
    return shown


def test_the_dashboard_shows_every_alarm() -> None:
    shown = next(widget for widget in dashboard()["widgets"] if widget["type"] == "alarm")["properties"]["alarms"]
    assert shown == [f"<{name}.Arn>" for name in ALARMS]


def test_the_dashboard_shows_every_measure_of_our_own_that_an_alarm_watches() -> None:
    shown = {
        (metric[0], metric[1], metric[3])
        for widget in dashboard()["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == "Portal"
    }
    assert {(seen[0], seen[1], seen[2][0]) for seen in WATCHED if seen[0] == "Portal"} <= shown


def test_the_dashboard_shows_every_outcome_of_each_function_that_keeps_some() -> None:
    searched = {
        service
        for widget in dashboard()["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if isinstance(metric[0], dict)
        for service in re.findall(r'SEARCH\(\'{Portal,service} service="([\w-]+)"', metric[0]["expression"])
    }
    keeping = ("register", "verify", "login", "reset", "contact", "passkeys")
    assert searched >= {f"portal-{name}" for name in keeping}


def test_widgets_do_not_lie_over_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard()["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert widget["x"] + widget["width"] <= 24
        taken |= cells


# --- measures of our own

CODE = "\n".join(
    file.read_text(encoding="utf-8")
    for folder in ("layers/portal/portal", "functions")
    for file in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize(
    ("metric", "service"), sorted({(seen[1], seen[2][0]) for seen in WATCHED if seen[0] == "Portal"})
)
def test_what_an_alarm_watches_is_counted_somewhere_and_by_a_function_of_that_name(metric: str, service: str) -> None:
    counted = re.search(rf'count\([^)]*"{metric}"', CODE)
    # A failure that says `counted` is counted under its own name by the way in.
    refused = re.search(rf'class {metric}\(Failure\):\n    """[^"]*"""\n\n    counted = True', CODE)
    assert counted or refused
    assert f"POWERTOOLS_SERVICE_NAME: {service}\n" in (ROOT / "template.yaml").read_text(encoding="utf-8")


def test_the_applications_outputs_bear_the_names_of_the_parameters() -> None:
    outputs = set(read_template(ROOT / "template.yaml")["Outputs"])
    wanted = {name for name, made in PARAMETERS.items() if "Default" not in made and name != "AlarmEmail"}
    assert wanted <= outputs
    assert {"ApiDomain", "OriginSecretArn", "ExchangeBucketName", "ExchangePolicyArn"} <= outputs
