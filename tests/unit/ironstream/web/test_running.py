"""Gateways as they are told of: which one is there, and who runs what."""

from __future__ import annotations

import pytest

from ironstream.rollout.statuses import Status
from tests.support.web_memory import NOW_MS, MemoryPlant, client_of, declared

TOPOLOGY = """
version: 1
tenants: [{id: acme}]
sites: [{id: north, tenant: acme}]
pipelines:
  - {id: one, adapter: noise, gateway: gw-1, tenant: acme, site: north, asset: pump-1, config: {}}
  - {id: two, adapter: noise, gateway: OTHER, tenant: acme, site: north, asset: pump-2, config: {}}
"""


def _plant(*gateways: str, other: str = "gw-2") -> MemoryPlant:
    plant = MemoryPlant()
    plant.topology.declared = declared(TOPOLOGY.replace("OTHER", other))
    for name in gateways:
        said = Status(participant=f"gateway {name} on host:7", role="gateway", version=1, change=1)
        plant.topology._said[said.participant] = round(NOW_MS), said
    return plant


@pytest.mark.parametrize(
    ("there", "other", "told"),
    [
        ([], "gw-2", {"gw-1": ("absent", None), "gw-2": ("absent", None)}),
        (["gw-1"], "gw-2", {"gw-1": ("ok", None), "gw-2": ("absent", None)}),
        (
            ["default"], "gw-2",
            {"default": ("ok", None), "gw-1": ("covered", "default"), "gw-2": ("covered", "default")},
        ),
        (
            ["default", "gw-1"], "gw-2",
            {"default": ("ok", None), "gw-1": ("ok", None), "gw-2": ("covered", "default")},
        ),
        # a gateway may be named so: then it runs what names it, and nothing else
        (["default"], "default", {"default": ("ok", None), "gw-1": ("absent", None)}),
    ],
)  # fmt: skip
async def test_a_gateway_whose_pipelines_the_unnamed_one_runs_is_not_absent(
    there: list[str], other: str, told: dict[str, tuple[str, str | None]]
) -> None:
    async with client_of(_plant(*there, other=other)) as api:
        items = (await api.get("/gateways")).json()["items"]

    assert {one["name"]: (one["health"], one["covered_by"]) for one in items} == told
    own = next((one for one in items if one["name"] == "default"), None)
    if own is not None:
        assert own["pipelines"] == (["one", "two"] if other == "gw-2" else ["two"])
