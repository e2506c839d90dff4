"""Finds secrets that stand in the file in plain text. No message ever holds the secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, SecretStr

from ironstream.topology.checks.report import Path, Report
from ironstream.topology.faults import quote
from ironstream.topology.nodes import Node

_KEYS = "api|access|private|shared|signing|encryption|secret|hmac|routing|integration"
_SECRET_NAME = re.compile(
    rf"(.*[_-])?(password|passwd|passphrase|token|secret)|((.*[_-])?({_KEYS})[_-])?key|(.*-)?authorization|cookie",
    re.IGNORECASE,
)
_SECRET_LIST = re.compile(rf"(.*[_-])?(passwords|passphrases|tokens|secrets)|(.*[_-])?({_KEYS})[_-]keys", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{secret:[^{}\s]+\}")
_AFTER_SCHEME = re.compile(rf"(?:[A-Za-z][\w-]* )?{_REFERENCE.pattern}")
"""What a header `Authorization` may hold."""
_CREDENTIALS_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:(?P<secret>[^/\s@]+)@", re.IGNORECASE)
_QUERY_OF_URL = re.compile(r"[?&](?P<name>[\w.~-]+)=(?P<secret>[^&#\s]+)")
_WORD_OF_DSN = re.compile(r"(?:^|\s)(?P<name>\w+)\s*=\s*(?P<secret>'(?:[^'\\]|\\.)*'|[^\s']\S*)")
_DSN_NAMES = frozenset({"dsn", "conninfo", "connection_string"})
_SIGNATURES = frozenset({"sig", "signature"})
"""Whoever has a URL that is signed can use it."""


def shown(name: str, value: object) -> str:
    """The value of a field for a message; what may be a secret is not shown."""
    hidden = names_a_secret(name) or (isinstance(value, str) and _plain_part(name, value))
    return "what is there (not shown)" if hidden else quote(value)


def visible(name: str, value: Any) -> Any:
    """Plain data of a field as it may be shown: references as they stand, in place of what may be a secret `…`."""
    match value:
        case Mapping():
            return {key: visible(str(key), inner) for key, inner in value.items()}
        case list() | tuple():
            hidden = _SECRET_LIST.fullmatch(name) is not None
            return [visible("secret" if hidden else name, inner) for inner in value]
        case None | bool() | "":
            return value
    if names_a_secret(name):
        return value if isinstance(value, str) and _AFTER_SCHEME.fullmatch(value) else "…"
    return "…" if isinstance(value, str) and _plain_part(name, value) else value


def _plain_part(name: str, text: str) -> str:
    """What of a URL or a DSN is a secret in plain text, in words for a message; an empty text where nothing is."""
    if "://" in text:
        found = _CREDENTIALS_IN_URL.search(text)
        if found and not _REFERENCE.fullmatch(found["secret"]):
            return f"the URL in `{name}` holds a password"
        named = next(filter(_is_plain, _QUERY_OF_URL.finditer(text)), None)
        if named:
            return f"the URL in `{name}` holds a secret, `{named['name']}`,"
    elif name in _DSN_NAMES:
        named = next(filter(_is_plain, _WORD_OF_DSN.finditer(text)), None)
        if named:
            return f"`{name}` holds a secret, `{named['name']}`,"
    return ""


def _is_plain(found: re.Match[str]) -> bool:
    secret = names_a_secret(found["name"]) or found["name"] in _SIGNATURES
    return secret and not _REFERENCE.fullmatch(found["secret"].strip("'"))


@lru_cache(maxsize=1_024)
def names_a_secret(name: str) -> bool:
    """True for the name of a field that holds a secret."""
    return _SECRET_NAME.fullmatch(name) is not None


def check_secrets(root: Node, report: Report) -> None:
    """Every field whose name is that of a secret, and every URL or DSN with one, must refer to it by name."""
    for node in root.children():
        value = node.value
        if isinstance(value, (dict, list)):
            check_secrets(node, report)
            continue
        name, secret = _name_of(node)
        if secret and value not in (None, "") and not isinstance(value, bool):
            allowed = _AFTER_SCHEME if name.lower().endswith("authorization") else _REFERENCE
            if not (isinstance(value, str) and allowed.fullmatch(value)):
                field = f"{name}: " if isinstance(node.key, str) else ""
                mend = f"write {field}${{secret:NAME}} and give NAME to the process; then change the secret itself"
                report.error_at(node, f"`{name}` is a secret in plain text", mend)
        elif isinstance(value, str) and (part := _plain_part(name, value)):
            mend = "put ${secret:NAME} in its place and give NAME to the process; then change the secret itself"
            report.error_at(node, f"{part} in plain text", mend)


def check_secret_fields(value: object, path: Path, report: Report) -> None:
    """Every secret of a validated configuration must refer to one by name, whatever its field is called.

    A secret that is a URL or a DSN may hold more than the secret: `check_secrets` looks into these.
    """
    match value:
        case SecretStr():
            text, name = value.get_secret_value(), next((part for part in reversed(path) if isinstance(part, str)), "")
            if text and "://" not in text and name not in _DSN_NAMES and not _REFERENCE.search(text):
                mend = f"write {name}: ${{secret:NAME}} and give NAME to the process; then change the secret itself"
                report.error(path, f"`{name}` is a secret in plain text", mend)
        case BaseModel():
            for field in value.model_fields_set:
                alias = type(value).model_fields[field].alias if field in type(value).model_fields else None
                check_secret_fields(getattr(value, field), (*path, alias or field), report)
        case Mapping():
            for key, inner in value.items():
                # names of headers are the writer's: they tell which of them are secrets
                if not isinstance(inner, SecretStr) or names_a_secret(str(key)):
                    check_secret_fields(inner, (*path, str(key)), report)
        case list() | tuple():
            for place, inner in enumerate(value):
                check_secret_fields(inner, (*path, place), report)


def _name_of(node: Node) -> tuple[str, bool]:
    """The field that a value stands in, and whether that is for secrets; a value in a list has the list's."""
    if isinstance(node.key, str):
        return node.key, names_a_secret(node.key)
    name = node.parent.key if node.parent is not None and isinstance(node.parent.key, str) else ""
    return name, _SECRET_LIST.fullmatch(name) is not None
