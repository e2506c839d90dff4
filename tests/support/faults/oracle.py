"""The oracle for the plant of the fault tests: what its telemetry.raw must lead to."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.faults.plant import rules
from tests.support.oracle.telemetry import Logged, Oracle

__all__ = ["Logged", "oracle_of"]


def oracle_of(assets: int, declared: Mapping[int, list[str]]) -> Oracle:
    """The oracle of a plant; `declared`: per partition the series that its topology names."""
    return Oracle(rules(assets), declared)
