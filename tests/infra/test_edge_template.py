"""The edge's template: the web ACL's figures and the certificate."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.templates import read_template
from portal.http.problems import PROBLEMS

ROOT = Path(__file__).parents[2]
TEMPLATE = read_template(ROOT / "infra/edge/template.yaml")
RESOURCES = TEMPLATE["Resources"]
ACL = RESOURCES["WebAcl"]["Properties"]
RULES: dict[str, dict[str, Any]] = {rule["Name"]: rule for rule in ACL["Rules"]}


def rate(rule: str) -> dict[str, Any]:
    statement: dict[str, Any] = RULES[rule]["Statement"]["RateBasedStatement"]
    return statement


def test_the_web_acl_is_cloudfronts_and_allows_what_no_rule_stops() -> None:
    assert ACL["Scope"] == "CLOUDFRONT"
    assert ACL["DefaultAction"] == {"Allow": {}}


@pytest.mark.parametrize(("rule", "parameter", "limit"), [("SignInRate", "SignInLimit", 300), ("Rate", "Limit", 3000)])
def test_one_address_sends_300_sign_in_requests_and_3000_in_all_in_five_minutes(
    rule: str, parameter: str, limit: int
) -> None:
    assert rate(rule)["Limit"] == {"Ref": parameter}
    assert TEMPLATE["Parameters"][parameter]["Default"] == limit
    assert rate(rule)["EvaluationWindowSec"] == 300
    assert rate(rule)["AggregateKeyType"] == "IP"
    block = RULES[rule]["Action"]["Block"]["CustomResponse"]
    assert block["ResponseCode"] == 429
    assert block["ResponseHeaders"] == [{"Name": "retry-after", "Value": "300"}]


@pytest.mark.parametrize(
    "path",
    [
        "/api/register",
        "/api/register/resend",
        "/api/register/waiting",
        "/api/verify",
        "/api/login",
        "/api/reset",
        "/api/password",
        "/api/passkeys",
        "/api/passkeys/options",
        "/api/login/passkey",
    ],
)
def test_every_sign_in_route_is_under_the_narrow_rate(path: str) -> None:
    assert re.search(rate("SignInRate")["ScopeDownStatement"]["RegexMatchStatement"]["RegexString"], path)


@pytest.mark.parametrize("path", ["/api/balance", "/api/pay", "/", "/register/", "/api/repairs", "/api/session"])
def test_other_routes_are_under_the_wide_rate_only(path: str) -> None:
    assert not re.search(rate("SignInRate")["ScopeDownStatement"]["RegexMatchStatement"]["RegexString"], path)
    assert "ScopeDownStatement" not in rate("Rate")


def test_a_written_differently_path_is_the_same_path() -> None:
    transformations = rate("SignInRate")["ScopeDownStatement"]["RegexMatchStatement"]["TextTransformations"]
    assert [step["Type"] for step in transformations] == ["URL_DECODE", "NORMALIZE_PATH"]


def test_known_bad_inputs_and_common_attacks_are_blocked() -> None:
    for rule, group in (
        ("KnownBadInputs", "AWSManagedRulesKnownBadInputsRuleSet"),
        ("CommonRules", "AWSManagedRulesCommonRuleSet"),
    ):
        assert RULES[rule]["Statement"]["ManagedRuleGroupStatement"]["Name"] == group
        assert RULES[rule]["OverrideAction"] == {"None": {}}


def test_a_tenants_words_are_not_taken_for_an_attack() -> None:
    overrides = RULES["CommonRules"]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert all(override["ActionToUse"] == {"Count": {}} for override in overrides)
    assert {override["Name"] for override in overrides} == {
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "EC2MetaDataSSRF_BODY",
    }


def test_a_body_over_16_kib_is_refused_and_none_is_inspected_in_part() -> None:
    constraint = RULES["BodySize"]["Statement"]["SizeConstraintStatement"]
    assert (constraint["ComparisonOperator"], constraint["Size"]) == ("GT", 16 * 1024)
    assert constraint["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}


@pytest.mark.parametrize(("body", "failure"), [("TooMany", "TooManyCalls"), ("TooLarge", "TooLarge")])
def test_what_the_web_acl_answers_is_what_the_application_would_have_said(body: str, failure: str) -> None:
    problem = PROBLEMS[failure]
    assert json.loads(ACL["CustomResponseBodies"][body]["Content"]) == {
        "type": f"/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }


def test_rules_are_tried_in_their_own_order() -> None:
    priorities = [rule["Priority"] for rule in ACL["Rules"]]
    assert priorities == sorted(set(priorities))


def test_the_log_keeps_only_what_was_stopped_and_no_cookie() -> None:
    logging = RESOURCES["RequestLogging"]["Properties"]
    assert {"SingleHeader": {"Name": "cookie"}} in logging["RedactedFields"]
    assert logging["LoggingFilter"]["DefaultBehavior"] == "DROP"
    assert RESOURCES["RequestLog"]["Properties"]["RetentionInDays"] == 30
    assert RESOURCES["RequestLog"]["Properties"]["LogGroupName"]["Fn::Sub"].startswith("aws-waf-logs-")
    assert ACL["VisibilityConfig"]["SampledRequestsEnabled"] is False


def test_the_certificate_is_proved_by_dns_and_outlives_the_stack() -> None:
    certificate = RESOURCES["Certificate"]
    assert certificate["Properties"]["ValidationMethod"] == "DNS"
    assert certificate["DeletionPolicy"] == "Retain"


def test_the_stack_is_refused_outside_north_virginia() -> None:
    assertion = TEMPLATE["Rules"]["InNorthVirginia"]["Assertions"][0]["Assert"]
    assert assertion == {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}
