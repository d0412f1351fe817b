"""The site's template: what stands between a browser and the portal."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from frontend import pages
from infra.site.headers import Header, api_headers, page_headers
from infra.templates import read_template

ROOT = Path(__file__).parents[2]
TEMPLATE = read_template(ROOT / "infra/site/template.yaml")
RESOURCES = TEMPLATE["Resources"]
DISTRIBUTION = RESOURCES["Distribution"]["Properties"]["DistributionConfig"]
PAGES = DISTRIBUTION["DefaultCacheBehavior"]
API = DISTRIBUTION["CacheBehaviors"][0]
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"


def named(headers: list[Header]) -> dict[str, str]:
    return {header.name.lower(): header.value for header in headers}


def directives(policy: str) -> dict[str, list[str]]:
    return {words[0]: words[1:] for words in (part.split() for part in policy.split(";")) if words}


# --- one origin, nothing cached, nothing replaced


def test_the_api_is_on_the_sites_own_origin_and_nothing_else_is_a_behaviour() -> None:
    assert [behaviour["PathPattern"] for behaviour in DISTRIBUTION["CacheBehaviors"]] == ["/api/*"]
    assert API["TargetOriginId"] == "api"
    assert PAGES["TargetOriginId"] == "site"


def test_an_answer_of_the_api_is_never_cached() -> None:
    assert API["CachePolicyId"] == CACHING_DISABLED


def test_the_apis_own_404_reaches_the_tenant() -> None:
    assert "CustomErrorResponses" not in DISTRIBUTION


def test_every_method_of_the_api_passes_and_pages_take_only_reading() -> None:
    assert set(API["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
    assert set(PAGES["AllowedMethods"]) == {"GET", "HEAD"}


def test_the_api_is_reached_over_tls_only_and_never_through_a_redirect() -> None:
    assert API["ViewerProtocolPolicy"] == "https-only"
    assert PAGES["ViewerProtocolPolicy"] == "redirect-to-https"
    origin = next(origin for origin in DISTRIBUTION["Origins"] if origin["Id"] == "api")["CustomOriginConfig"]
    assert origin["OriginProtocolPolicy"] == "https-only"
    assert origin["OriginSSLProtocols"] == ["TLSv1.2"]


def test_old_tls_is_refused() -> None:
    assert DISTRIBUTION["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"


def test_the_web_acl_the_certificate_and_the_domain_come_from_outside() -> None:
    assert DISTRIBUTION["WebACLId"] == {"Ref": "WebAclArn"}
    assert DISTRIBUTION["ViewerCertificate"]["AcmCertificateArn"] == {"Ref": "CertificateArn"}
    assert DISTRIBUTION["Aliases"] == [{"Ref": "DomainName"}]


# --- what the API is told


def test_host_stays_behind_and_the_viewers_address_goes_along() -> None:
    policy = RESOURCES["ApiRequest"]["Properties"]["OriginRequestPolicyConfig"]
    headers = [header.lower() for header in policy["HeadersConfig"]["Headers"]]
    assert policy["HeadersConfig"]["HeaderBehavior"] == "whitelist"
    assert "host" not in headers
    assert "cloudfront-viewer-address" in headers
    assert {"origin", "content-type", "idempotency-key", "if-match"} <= set(headers)
    assert not [header for header in headers if "forwarded" in header]
    assert len(headers) <= 10, "CloudFront takes ten headers in a policy"
    assert API["OriginRequestPolicyId"] == {"Ref": "ApiRequest"}


def test_every_header_that_the_code_reads_passes() -> None:
    code = "\n".join(
        file.read_text("utf-8")
        for folder in ("layers/portal/portal", "functions")
        for file in (ROOT / folder).rglob("*.py")
    )
    read = set(re.findall(r'headers(?:_of\(event\))?\.get\("([a-z-]+)"', code))
    read |= set(re.findall(r'SIGNATURE_HEADER = "([a-z-]+)"', code))
    policy = RESOURCES["ApiRequest"]["Properties"]["OriginRequestPolicyConfig"]
    passed = {header.lower() for header in policy["HeadersConfig"]["Headers"]}
    assert {"content-type", "origin", "sandbox-signature"} <= read
    # The one that CloudFront itself sends, and the cookies, which have a list of their own.
    assert read - {"x-origin-secret", "cookie"} <= passed


def test_only_the_two_cookies_pass() -> None:
    cookies = RESOURCES["ApiRequest"]["Properties"]["OriginRequestPolicyConfig"]["CookiesConfig"]
    assert cookies == {"CookieBehavior": "whitelist", "Cookies": ["__Host-device", "__Host-session"]}


def test_the_api_knows_by_a_secret_that_cloudfront_stands_in_front() -> None:
    origin = next(origin for origin in DISTRIBUTION["Origins"] if origin["Id"] == "api")
    (header,) = origin["OriginCustomHeaders"]
    assert header["HeaderName"] == "x-origin-secret"
    for value in header["HeaderValue"]["Fn::If"][1:]:
        assert value["Fn::Sub"].startswith("{{resolve:secretsmanager:${OriginSecretArn}:SecretString")


# --- the headers


def test_a_page_runs_its_own_scripts_and_nobody_elses() -> None:
    policy = directives(named(page_headers())["content-security-policy"])
    assert policy == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
    }


def test_the_photo_bucket_is_the_only_foreign_origin_and_only_for_pictures_and_calls() -> None:
    with_photos = directives(
        named(page_headers({"PhotoBucketOrigin": "https://photos.example"}))["content-security-policy"]
    )
    without = directives(named(page_headers())["content-security-policy"])
    changed = {name for name in with_photos if with_photos[name] != without[name]}
    assert changed == {"img-src", "connect-src"}
    assert with_photos["img-src"] == with_photos["connect-src"] == ["'self'", "https://photos.example"]


def test_no_policy_allows_inline_or_evaluated_code() -> None:
    for headers in (page_headers(), api_headers()):
        policy = named(headers)["content-security-policy"]
        assert "unsafe" not in policy
        assert "*" not in policy
        assert "data:" not in policy


@pytest.mark.parametrize("headers", [page_headers(), api_headers()], ids=["pages", "api"])
def test_browsers_hold_to_tls_for_a_year_and_more(headers: list[Header]) -> None:
    found = re.fullmatch(r"max-age=(\d+); includeSubDomains", named(headers)["strict-transport-security"])
    assert found is not None
    assert int(found[1]) >= 365 * 24 * 3600


@pytest.mark.parametrize("headers", [page_headers(), api_headers()], ids=["pages", "api"])
def test_nothing_is_sniffed_framed_or_told_to_other_sites(headers: list[Header]) -> None:
    sent = named(headers)
    assert sent["x-content-type-options"] == "nosniff"
    assert sent["x-frame-options"] == "DENY"
    assert sent["referrer-policy"] == "same-origin"
    assert sent["cross-origin-resource-policy"] == "same-origin"


def test_pages_stand_alone_in_their_browsing_context_and_ask_for_no_device_but_passkeys() -> None:
    sent = named(page_headers())
    assert sent["cross-origin-opener-policy"] == "same-origin"
    permissions = sent["permissions-policy"].split(", ")
    assert {"camera=()", "geolocation=()", "microphone=()", "payment=()", "usb=()"} <= set(permissions)
    given = {permission for permission in permissions if not permission.endswith("=()")}
    assert given == {"publickey-credentials-create=(self)", "publickey-credentials-get=(self)"}


def test_pages_cannot_weaken_their_headers_and_only_the_api_may_bring_a_policy_of_its_own() -> None:
    assert all(header.override for header in page_headers())
    assert [header.name for header in api_headers() if not header.override] == ["Content-Security-Policy"]


def test_both_behaviours_carry_their_headers() -> None:
    assert PAGES["ResponseHeadersPolicyId"] == {"Ref": "PageHeaders"}
    assert API["ResponseHeadersPolicyId"] == {"Ref": "ApiHeaders"}


# --- the bucket and the log


@pytest.mark.parametrize("bucket", ["SiteBucket", "LogBucket"])
def test_no_bucket_is_public_and_each_is_encrypted(bucket: str) -> None:
    properties = RESOURCES[bucket]["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]


def statements(policy: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = RESOURCES[policy]["Properties"]["PolicyDocument"]["Statement"]
    return found


def test_only_this_distribution_reads_the_site() -> None:
    allowed = [statement for statement in statements("SiteBucketPolicy") if statement["Effect"] == "Allow"]
    assert {statement["Action"] for statement in allowed} == {"s3:GetObject", "s3:ListBucket"}
    for statement in allowed:
        assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        source = statement["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Sub"]
        assert source.endswith("distribution/${Distribution}")
    origin = next(origin for origin in DISTRIBUTION["Origins"] if origin["Id"] == "site")
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["SiteAccess", "Id"]}


@pytest.mark.parametrize("policy", ["SiteBucketPolicy", "LogBucketPolicy"])
def test_a_bucket_refuses_requests_in_clear(policy: str) -> None:
    denied = [statement for statement in statements(policy) if statement["Effect"] == "Deny"]
    assert [statement["Condition"] for statement in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_the_log_holds_no_cookies_and_is_gone_after_thirty_days() -> None:
    assert DISTRIBUTION["Logging"]["IncludeCookies"] is False
    rules = RESOURCES["LogBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule["ExpirationInDays"] for rule in rules] == [30]


# --- the functions at the edge, run for real under Node

NODE = shutil.which("node")
STUB = """
const store = {switches};
async function get(key) {{
  if (!(key in store)) throw new Error("absent");
  return store[key];
}}
const cf = {{ kvs: () => ({{ get }}) }};
"""


def run(function: str, event: dict[str, Any], switches: dict[str, str] | None = None) -> dict[str, Any]:
    assert NODE is not None
    code = RESOURCES[function]["Properties"]["FunctionCode"]
    code = STUB.format(switches=json.dumps(switches or {})) + code.replace("import cf from 'cloudfront';", "")
    code += f"\nPromise.resolve(handler({json.dumps(event)})).then((answer) => console.log(JSON.stringify(answer)));"
    done = subprocess.run([NODE, "-e", code], capture_output=True, text=True, check=True, timeout=20)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def asked_for(uri: str, switches: dict[str, str] | None = None, function: str = "PageFunction") -> dict[str, Any]:
    """What the viewer-request function answers for `uri`: a request that goes on, or a response."""
    return run(function, {"request": {"method": "GET", "uri": uri, "headers": {}}}, switches)


def served(headers: dict[str, str]) -> dict[str, Any]:
    """What the viewer-response function makes of S3's answer with these headers."""
    written = {name: {"value": value} for name, value in headers.items()}
    return run("StatusFunction", {"response": {"statusCode": 200, "headers": written}})


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("/", "/index.html"),
        ("/rent/transactions/", "/rent/transactions/index.html"),
        ("/assets/portal.css", "/assets/portal.css"),
        ("/favicon.ico", "/favicon.ico"),
    ],
)
def test_addresses_are_words_and_files_are_themselves(asked: str, found: str) -> None:
    assert asked_for(asked)["uri"] == found


@pytest.mark.parametrize(
    ("asked", "location"),
    [("/login", "/login/"), ("//evil.example/x", "/evil.example/x/"), ("/\\evil", "/evil/"), ("//evil", "/evil/")],
)
def test_a_missing_slash_is_put_right_without_leaving_the_site(asked: str, location: str) -> None:
    answer = asked_for(asked)
    assert answer["statusCode"] == 308
    assert answer["headers"]["location"]["value"] == location


def test_an_address_that_is_no_page_shows_the_page_that_says_so() -> None:
    listed = {"pages": "/ /login/ /help/"}
    assert asked_for("/logn/", listed)["uri"] == "/404.html"
    assert asked_for("/help/", listed)["uri"] == "/help/index.html"


@pytest.mark.parametrize("status", [404, 503])
def test_a_page_uploaded_with_a_status_is_answered_with_it_and_kept_nowhere(status: int) -> None:
    answer = served({"x-amz-meta-status": str(status), "cache-control": "no-cache", "etag": '"a"'})
    assert answer["statusCode"] == status
    assert answer["headers"]["cache-control"]["value"] == "no-store"
    assert "x-amz-meta-status" not in answer["headers"]
    assert "etag" not in answer["headers"], "a 304 would bring back the stored 200"
    assert ("retry-after" in answer["headers"]) == (status == 503)


def test_any_other_page_is_answered_as_it_came() -> None:
    answer = served({"cache-control": "no-cache", "etag": '"a"'})
    assert answer == {
        "statusCode": 200,
        "headers": {"cache-control": {"value": "no-cache"}, "etag": {"value": '"a"'}},
    }


def test_the_kill_switch_closes_every_page_and_the_api() -> None:
    closed = {"closed": "2026-11-24T23:00Z", "pages": "/ /home/"}
    for uri in ("/", "/home/", "/login", "/nowhere/"):
        assert asked_for(uri, closed)["uri"] == "/closed.html"
    assert asked_for("/assets/site.css", closed)["uri"] == "/assets/site.css", "the page that says so needs its styles"
    api = asked_for("/api/balance", closed, "ApiFunction")
    assert api["statusCode"] == 503
    assert api["headers"]["content-type"]["value"] == "application/problem+json"
    assert api["headers"]["cache-control"]["value"] == "no-store"
    assert json.loads(api["body"]["data"])["status"] == 503


def test_without_the_switch_the_api_is_passed_on_as_it_is() -> None:
    assert asked_for("/api/balance", function="ApiFunction")["uri"] == "/api/balance"


def test_each_function_stands_where_it_works() -> None:
    def at(behaviour: dict[str, Any]) -> dict[str, str]:
        return {
            entry["EventType"]: entry["FunctionARN"]["Fn::GetAtt"][0] for entry in behaviour["FunctionAssociations"]
        }

    assert at(PAGES) == {"viewer-request": "PageFunction", "viewer-response": "StatusFunction"}
    assert at(API) == {"viewer-request": "ApiFunction"}


def test_the_list_of_pages_fits_into_its_value() -> None:
    listed = " ".join(page.address for page in pages.PAGES if page.address.endswith("/"))
    # CloudFront key value stores: key and value together at most 1 KB.
    assert len("pages" + listed) <= 1024
    assert {page.address for page in pages.PAGES} >= {"404.html", "closed.html"}
