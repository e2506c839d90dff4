"""Kinds of sinks without any target: for the check of topology.yaml and for the commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, SecretStr

from ironstream.contract import Topic
from ironstream.engine.api import Chunk
from ironstream.errors import ConfigurationError
from ironstream.sinks.sink import (
    CompactOptions,
    CompactSummary,
    Cut,
    Limits,
    Prepared,
    Refusal,
    SinkContext,
    SinkKind,
    SinkUnavailableError,
)
from ironstream.topology.model import Part


@dataclass(frozen=True)
class Sort:
    """What the check knows of a kind."""

    config_model: type[BaseModel]
    topics: Callable[[str], bool] = lambda topic: True
    default_topics: Callable[[str], bool] | None = None


class FolderConfig(Part):
    """A folder that takes everything."""

    path: str = Field(description="Folder to write to.")
    rows: int = Field(default=1000, ge=1, description="Rows in a file.")
    password: str = Field(default="", max_length=64, description="What it is encrypted with.")

    @property
    def claims(self) -> Sequence[str]:
        """The folder."""
        return (f"folder {self.path}",)


class PagerConfig(Part):
    """A pager, for alarms only."""

    account: SecretStr | None = Field(default=None, description="Who pages, which nobody is to know.")
    copies: tuple[SecretStr, ...] = Field(default=(), strict=False, description="Who else is to know.")
    routing_key: str = Field(default="", description="Whom to page.")


class TwinConfig(Part):
    """Last values and a ring of minutes."""


@dataclass
class FakeSink:
    """Notes what is done with it. A password `wrong…` is refused, `gone` is a target that does not answer."""

    config: FolderConfig | PagerConfig | TwinConfig
    done: list[str] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)

    def prepare(self, chunk: Chunk) -> Prepared[list[bytes]]:
        return Prepared([], np.zeros(0, np.int64), 0)

    async def connect(self) -> None:
        self.done.append("connect")
        password = getattr(self.config, "password", "")
        if password == "gone":
            await asyncio.Event().wait()
        if password.startswith("wrong"):
            raise SinkUnavailableError(f"the folder refuses {password}", f"give another than {password}")

    async def write(self, cut: Cut[list[bytes]]) -> Sequence[Refusal]:
        raise AssertionError("nothing is written by a test")

    async def close(self) -> None:
        self.done.append("close")


BUILT: list[FakeSink] = []
"""Every sink that was made, the newest last; a test empties it."""


def _build(config: Any, context: SinkContext) -> FakeSink:
    if getattr(config, "path", "") == "/":
        raise ConfigurationError("/ is no folder of its own", "name one below")
    BUILT.append(FakeSink(config))
    return BUILT[-1]


async def _test_pager(config: Any, context: SinkContext) -> str:
    return f"{context.id} can page by {config.routing_key}"


async def _compact(config: Any, context: SinkContext, options: CompactOptions) -> CompactSummary:
    for done in range(3):
        options.progress(done, 2)
    if config.password.startswith("wrong"):
        raise SinkUnavailableError(f"the folder refuses {config.password}", "give another")
    return CompactSummary(directories=2, merged=10 if options.every else 5, made=1, bytes_before=1000,
                          bytes_after=0 if options.dry_run else 400)  # fmt: skip


KINDS = {
    "folder": SinkKind(FolderConfig, _build, lambda topic: True, "Writes files.", compact=_compact),
    "pager": SinkKind(
        PagerConfig, _build, lambda topic: topic == Topic.ALARMS_CLEAN, "Pages people.", test=_test_pager
    ),
    "twin": SinkKind(
        TwinConfig,
        _build,
        lambda topic: Topic.size_s(topic) is not None,
        "Keeps the newest.",
        default_topics=lambda topic: topic == "telemetry.1min",
    ),
}
