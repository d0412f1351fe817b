"""The response headers that CloudFront adds, read from the site's template.

The local site's server sends these same headers, so that a page that works there works behind CloudFront.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.templates import read_template

TEMPLATE = Path(__file__).with_name("template.yaml")


@dataclass(frozen=True)
class Header:
    """One header of a policy. Where `override` is false, a value that the origin sent stands."""

    name: str
    value: str
    override: bool


def page_headers(parameters: Mapping[str, str] | None = None) -> list[Header]:
    """What a page of the site carries. `parameters` are the template's own, its defaults where they are left out."""
    return _policy("PageHeaders", parameters or {})


def api_headers(parameters: Mapping[str, str] | None = None) -> list[Header]:
    """What an answer under `/api` carries on top of the function's own headers."""
    return _policy("ApiHeaders", parameters or {})


def _policy(resource: str, parameters: Mapping[str, str]) -> list[Header]:
    template = read_template(TEMPLATE)
    defaults = {name: str(made.get("Default", "")) for name, made in template["Parameters"].items()}
    config = template["Resources"][resource]["Properties"]["ResponseHeadersPolicyConfig"]
    security = config["SecurityHeadersConfig"]
    values = {**defaults, **parameters}

    policy = security["ContentSecurityPolicy"]
    transport = security["StrictTransportSecurity"]
    subdomains = "; includeSubDomains" if transport["IncludeSubdomains"] else ""
    headers = [
        Header("Content-Security-Policy", _text(policy["ContentSecurityPolicy"], values), policy["Override"]),
        Header("X-Content-Type-Options", "nosniff", security["ContentTypeOptions"]["Override"]),
        Header("X-Frame-Options", security["FrameOptions"]["FrameOption"], security["FrameOptions"]["Override"]),
        Header("Referrer-Policy", security["ReferrerPolicy"]["ReferrerPolicy"], security["ReferrerPolicy"]["Override"]),
        Header(
            "Strict-Transport-Security",
            f"max-age={transport['AccessControlMaxAgeSec']}{subdomains}",
            transport["Override"],
        ),
    ]
    headers += [
        Header(item["Header"], item["Value"], item["Override"]) for item in config["CustomHeadersConfig"]["Items"]
    ]
    return headers


def _text(value: Any, parameters: Mapping[str, str]) -> str:
    """A literal, or a `!Sub` of parameters, as the one line that goes over the wire."""
    text: str = value["Fn::Sub"] if isinstance(value, dict) else value
    for name, filled in parameters.items():
        text = text.replace(f"${{{name}}}", filled)
    return text.replace(" ;", ";")
