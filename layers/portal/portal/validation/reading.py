"""Reading a request body into its model: strict JSON, no field unknown, every wrong field named at once.

msgspec checks types, lengths and patterns; the words a tenant reads and the canonical form come with the field
(`portal.validation.fields`). The standard library's parser reads the JSON, since msgspec's takes a repeated key.
"""

import json
import unicodedata
from functools import cache
from typing import Any, Protocol, cast, get_type_hints

import msgspec
from msgspec import Struct, UnsetType

from portal.failures import BadInput, Failure, FieldError

MOST_BYTES = 16 * 1024
_UNKNOWN = "We do not ask for this. Take it out and send the rest again."


class NotJson(Failure):
    """The body does not say that it is JSON."""


class UnreadableBody(Failure):
    """The body says that it is JSON and is not, or is not one JSON object, or names a field twice."""


class TooLarge(Failure):
    """The body is larger than any of ours."""


class Wrong(ValueError):
    """What a field's reader raises: the words tell the tenant what to do."""


class Words(Protocol):
    """What a field says when it is missing or wrong, and how it is brought to its canonical form."""

    missing: str
    wrong: str
    too_long: str

    def reads(self, value: Any) -> Any:
        """The canonical form of `value`; raises Wrong."""


class Request(Struct, forbid_unknown_fields=True, kw_only=True):
    """The base of request bodies. A field that may be left out has the default `msgspec.UNSET`."""


class _Field(msgspec.Struct, frozen=True):
    name: str
    hint: Any
    required: bool
    nullable: bool
    words: Any
    nested: type[Request] | None


def read_body[R: Request](model: type[R], raw: bytes) -> R:
    """The request that `raw` holds.

    Raises:
        TooLarge: more than 16 KiB.
        UnreadableBody: not one JSON object.
        BadInput: naming each field that is wrong, missing, too long, of the wrong type or unknown.
    """
    if len(raw) > MOST_BYTES:
        raise TooLarge
    try:
        data = json.loads(raw, object_pairs_hook=_no_key_twice, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise UnreadableBody from None
    if not isinstance(data, dict):
        raise UnreadableBody
    errors: list[FieldError] = []
    read = _read_object(model, data, "", errors)
    if errors:
        raise BadInput(errors=errors)
    return cast(R, read)


def read_value(hint: Any, value: Any, name: str) -> Any:
    """One value of the annotated type `hint`, such as a query parameter; raises BadInput naming it `name`."""
    errors: list[FieldError] = []
    read = _read_field(_field(name, hint, required=True), value, name, errors)
    if errors:
        raise BadInput(errors=errors)
    return read


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _read_object(model: type[Request], data: dict[str, Any], at: str, errors: list[FieldError]) -> Any:
    known = _fields(model)
    before = len(errors)
    read = {
        field.name: _read_field(field, data[field.name], at + field.name, errors)
        for field in known
        if field.name in data and not (data[field.name] is None and field.required and not field.nullable)
    }
    errors.extend(FieldError(at + f.name, _missing(f)) for f in known if f.required and f.name not in read)
    errors.extend(FieldError(at + printable(name), _UNKNOWN) for name in data.keys() - {f.name for f in known})
    return model(**read) if len(errors) == before else None


def _read_field(field: _Field, value: Any, at: str, errors: list[FieldError]) -> Any:
    if value is None and field.nullable:
        return None
    if field.nested:
        if isinstance(value, dict):
            return _read_object(field.nested, value, at + ".", errors)
        errors.append(FieldError(at, "Send this as an object with named fields."))
        return None
    try:
        return _canonical(field, value)
    except Wrong as wrong:
        errors.append(FieldError(at, str(wrong)))
        return None


def _canonical(field: _Field, value: Any) -> Any:
    words = field.words
    if isinstance(value, str):
        value = _clean(value, words)
        if not value and words:
            raise Wrong(words.missing)
    try:
        read = msgspec.convert(value, field.hint, strict=True)
    except (msgspec.ValidationError, OverflowError) as error:
        if words is None:
            raise Wrong("This is not in a form that we can read.") from None
        longest = isinstance(value, str) and "length <=" in str(error)
        raise Wrong(words.too_long if longest else words.wrong) from None
    return words.reads(read) if words else read


def _clean(text: str, words: Any) -> str:
    """NFC without spaces at either end. Refuses control characters and halves of characters."""
    if getattr(words, "verbatim", False):
        return text
    clean = unicodedata.normalize("NFC", text).strip()
    allowed = "\n" if getattr(words, "lines", False) else ""
    clean = clean.replace("\r\n", "\n")
    if any(unicodedata.category(c) in {"Cc", "Cs", "Co", "Cn"} and c not in allowed for c in clean):
        raise Wrong(words.wrong if words else "Use letters, numbers and ordinary punctuation.")
    return clean


def _missing(field: _Field) -> str:
    return field.words.missing if field.words else "This is needed. Fill it in."


def printable(name: str) -> str:
    """A name that somebody sent, fit to be shown: 60 ASCII characters at the most."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in name[:60])


@cache
def _fields(model: type[Request]) -> tuple[_Field, ...]:
    hints = get_type_hints(model, include_extras=True)
    required = {f.name: f.required for f in msgspec.structs.fields(model)}
    return tuple(_field(name, hint, required=required[name]) for name, hint in hints.items() if name in required)


def _field(name: str, hint: Any, *, required: bool) -> _Field:
    parts = [p for p in getattr(hint, "__args__", ()) if p is not UnsetType] if _is_union(hint) else [hint]
    nullable = type(None) in parts
    (kind,) = (p for p in parts if p is not type(None))
    metas = getattr(kind, "__metadata__", ())
    words = next((m.extra["words"] for m in metas if m.extra and "words" in m.extra), None)
    nested = kind if isinstance(kind, type) and issubclass(kind, Request) else None
    return _Field(name, kind, required, nullable, words, nested)


def _is_union(hint: Any) -> bool:
    return not hasattr(hint, "__metadata__") and len(getattr(hint, "__args__", ())) > 1 and not isinstance(hint, type)
