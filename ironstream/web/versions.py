"""Versions of the topology as the API shows them: texts, differences, plans."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec
from pydantic import BaseModel, Field

from ironstream.errors import ConfigurationError
from ironstream.rollout.history import History
from ironstream.rollout.records import Change, Version
from ironstream.topology.sources import CanarySources, Sources, unpacked
from ironstream.versions import checked_version
from ironstream.web.models import Time
from ironstream.web.problems import not_found

_MOST_LINES: Final = 5_000
_MOST_ITEMS: Final = 1_000


class VersionItem(BaseModel):
    """A version: a text of the topology that was found good. A canary is made of two others."""

    number: int
    sha256: str
    author: str
    reason: str
    time: Time
    parent: int | None
    candidate: int | None
    gateway: str | None


class ChangeItem(BaseModel):
    """A change: from then on its version held. `before` is what held until then."""

    number: int
    version: int
    action: Literal["start", "apply", "canary", "promote", "rollback"]
    author: str
    reason: str
    time: Time
    before: int | None


class Versions(BaseModel):
    """Versions, the newest first, and the newest changes."""

    items: list[VersionItem]
    next: str | None
    changes: list[ChangeItem]


class VersionText(BaseModel):
    """A version as it was written; of a canary the files of its candidate."""

    version: VersionItem
    root: str = Field(description="The file that names the others.")
    files: dict[str, str]


class PlanItem(BaseModel):
    """A part of the file that is not as before, and what becomes of what runs."""

    kind: str
    path: str
    name: str
    change: Literal["added", "removed", "changed"]
    effect: Literal["start", "stop", "restart", "changes", "none"]
    fields: list[dict[str, Any]]
    series: int
    note: str


class Difference(BaseModel):
    """What changes from one version to another: in meaning (`items`, `losses`) and in text.

    `plan_error` says why there are no items: this release cannot use one of them. `truncated`: there is more.
    """

    from_: int = Field(alias="from", serialization_alias="from")
    to: int
    items: list[PlanItem]
    losses: list[str]
    plan_error: str | None
    text: str = Field(description="A unified diff of the files.")
    truncated: bool


def version_item(one: Version) -> VersionItem:
    """A version without its text."""
    return VersionItem.model_validate(one, from_attributes=True)


def change_item(one: Change) -> ChangeItem:
    """A change."""
    return ChangeItem.model_validate(one, from_attributes=True)


def version_of(history: History, number: int) -> Version:
    """A version by its number. Raises ApiError (404)."""
    found = history.versions.get(number)
    if found is None:
        raise not_found(f"version {number}", "GET /api/v1/topology/versions lists those there are.")
    return found


def text_of(version: Version) -> VersionText:
    """Its files. Raises DecodeError for a record that holds none."""
    sources = _sources(version)
    files = {name: text.decode("utf-8", "replace") for name, text in sources.files.items()}
    return VersionText(version=version_item(version), root=sources.root, files=files)


def difference(before: Version, after: Version) -> Difference:
    """What changes: seconds of work for a large plant."""
    lines = list(_lines(before, after))
    made, error = None, None
    try:
        made = _plan(before, after)
    except ConfigurationError as err:
        error = err.message
    items = () if made is None else made.items
    return Difference.model_validate(
        {
            "from": before.number, "to": after.number, "items": [_item(one) for one in items[:_MOST_ITEMS]],
            "losses": [] if made is None else list(made.losses), "plan_error": error,
            "text": "".join(lines[:_MOST_LINES]), "truncated": len(lines) > _MOST_LINES or len(items) > _MOST_ITEMS,
        }
    )  # fmt: skip


def _plan(before: Version, after: Version) -> Any:
    # what a plan needs is costly to import: not before somebody looks
    from adapters.registry import is_polled
    from ironstream.sinks.registry import SINKS
    from ironstream.topology.plan import plan

    return plan(checked_version(before), checked_version(after), sinks=SINKS, polled=is_polled)


def _item(one: Any) -> PlanItem:
    said = msgspec.to_builtins(one, str_keys=True)
    return PlanItem.model_validate({"fields": [], "series": 0, "note": ""} | said)


def _sources(version: Version) -> Sources:
    found = unpacked(version.packed)
    return found.candidate if isinstance(found, CanarySources) else found


def _lines(before: Version, after: Version) -> Iterator[str]:
    there, here = _sources(before), _sources(after)
    # what the first file is called may differ: it is the same file all the same
    old = {"": there.text} | {name: text for name, text in there.files.items() if name != there.root}
    new = {"": here.text} | {name: text for name, text in here.files.items() if name != here.root}
    for name in sorted(old.keys() | new.keys()):
        yield from difflib.unified_diff(
            old.get(name, b"").decode("utf-8", "replace").splitlines(keepends=True),
            new.get(name, b"").decode("utf-8", "replace").splitlines(keepends=True),
            f"version {before.number} {name}".rstrip(),
            f"version {after.number} {name}".rstrip(),
        )
