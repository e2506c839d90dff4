"""Finds secrets that stand in the file in plain text. No message ever holds the secret."""

from __future__ import annotations

import re
from functools import lru_cache

from ironstream.topology.checks.report import Report
from ironstream.topology.faults import quote
from ironstream.topology.nodes import Node

_SECRET_NAME = re.compile(
    r"(.*[_-])?(password|passwd|passphrase|token|secret)|((.*[_-])?(api|access|private|shared|signing|encryption)[_-])?key",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"\$\{secret:[^{}\s]+\}")
_CREDENTIALS_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:(?P<password>[^/\s@]+)@", re.IGNORECASE)


def shown(name: str, value: object) -> str:
    """The value of a field for a message; what may be a secret is not shown."""
    hidden = names_a_secret(name) or (isinstance(value, str) and _CREDENTIALS_IN_URL.search(value))
    return "what is there (not shown)" if hidden else quote(value)


@lru_cache(maxsize=1_024)
def names_a_secret(name: str) -> bool:
    """True for the name of a field that holds a secret."""
    return _SECRET_NAME.fullmatch(name) is not None


def check_secrets(root: Node, report: Report) -> None:
    """Every field whose name is that of a secret, and every URL with a password, must refer to one by name."""
    for node in root.children():
        value = node.value
        if isinstance(value, (dict, list)):
            check_secrets(node, report)
            continue
        name = node.key if isinstance(node.key, str) else ""
        if names_a_secret(name) and value not in (None, "") and not isinstance(value, bool):
            if not (isinstance(value, str) and _REFERENCE.fullmatch(value)):
                mend = f"write {name}: ${{secret:NAME}} and give NAME to the process; then change the secret itself"
                report.error_at(node, f"`{name}` is a secret in plain text", mend)
        elif isinstance(value, str) and "://" in value:
            found = _CREDENTIALS_IN_URL.search(value)
            if found and not _REFERENCE.fullmatch(found["password"]):
                mend = "put ${secret:NAME} in its place and give NAME to the process; then change the secret itself"
                report.error_at(node, f"the URL in `{name}` holds a password in plain text", mend)
