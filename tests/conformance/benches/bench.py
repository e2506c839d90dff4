"""What the conformance suite needs of each adapter: a device that can be broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Bench(Protocol):
    """One kind of device for the suite: parts `a` and `b` of it, each with a number, can be silenced.

    `bad_config` has several faults; `bad_fields` are those that must be named. `secret` is a field of `config` that
    says where the device is, and a value of it that does as well and is told apart from all else.
    """

    @property
    def adapter(self) -> str: ...
    @property
    def bad_config(self) -> Mapping[str, Any]: ...
    @property
    def bad_fields(self) -> tuple[str, ...]: ...
    @property
    def secret(self) -> tuple[str, str]: ...

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def silence(self, part: str | None) -> None: ...
    def config(self) -> dict[str, Any]: ...
