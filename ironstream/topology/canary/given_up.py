"""Series that a candidate no longer asks its gateway for: their silence is meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ironstream.topology.canary.part import GatewayPart, named_assets
from ironstream.topology.checks.delivery import takes_assets_as_they_come
from ironstream.topology.model import Pipeline, Topology
from ironstream.topology.resolve import AssetKey, delivered_tags


class GivenUp:
    """Tells of a series of the part whether the candidate gives it up: with its tag, its pipeline, or its asset.

    Where the device decides what it sends, nothing is given up.
    """

    def __init__(self, parent: Topology, candidate: Topology, part: GatewayPart) -> None:
        before = [one for one in parent.pipelines if one.id in part.pipelines and one.enabled]
        after = [one for one in candidate.pipelines if one.id in part.pipelines and one.enabled]
        self._open = any(map(takes_assets_as_they_come, after))
        self._assets = frozenset(named_assets(before)) - frozenset(named_assets(after))
        # what a pipeline without tags delivers of an asset, nobody can tell
        untold = frozenset(named_assets(one for one in after if "tags" not in one.config))
        gone = _tags(before) - _tags(after)
        self._series = frozenset(one for one in gone if one[0] not in untold)

    def __call__(self, asset: AssetKey, parameter: str) -> bool:
        """Whether this series is given up."""
        return not self._open and (asset in self._assets or (asset, parameter) in self._series)


def _tags(pipelines: Iterable[Pipeline]) -> set[tuple[AssetKey, str]]:
    return {(tag.asset, tag.parameter) for one in pipelines for tag in delivered_tags(one) if tag.asset is not None}
