"""The edits of `bench edits`: what of a plant's topology is changed, and its text. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ironstream.bench.plant import SITE, TENANT, WINDOWS_S, Plant
from ironstream.contract import Topic

EXTRA_SIZES_S: Final = (2, 20, 120, 240, 720, 7_200, 21_600, 43_200, 86_400, 604_800)
"""Windows that are added and removed again: each fits between those of the plant."""
ROUNDS_MAX: Final = len(EXTRA_SIZES_S)
GATEWAY: Final = "gw-1"
SINK: Final = "lake"
STORED_SIZE_S: Final = 10
"""The windows that the sink stores."""
EDITED_ASSET: Final = 0
EDITED_PARAMETER: Final = "p0"
"""The series whose highest possible value is edited."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """What is edited, as it stands."""

    limit: float = 100.0
    alarms: tuple[tuple[str, float], ...] = ()
    extra_sizes_s: tuple[int, ...] = ()
    spare_assets: int = 0
    max_step: float = 45.0
    tenants: int = 0
    site_name: str = "Bench"
    poll_interval_s: float = 1.0
    sink_batch_rows: int = 1_000
    sink_enabled: bool = True

    @property
    def sizes_s(self) -> tuple[int, ...]:
        """All sizes of windows."""
        return tuple(sorted((*WINDOWS_S, *self.extra_sizes_s)))


Edit = Callable[[Knobs, int], Knobs]
"""The knobs after the edit of the round with this number, from 0."""


def _alarm_changed(knobs: Knobs, number: int) -> Knobs:
    name, above = knobs.alarms[-1]
    return replace(knobs, alarms=(*knobs.alarms[:-1], (name, above - 1)))


EDITS: Final[dict[str, Edit]] = {
    "limit of a parameter": lambda knobs, number: replace(knobs, limit=45.0 - number),
    "alarm added": lambda knobs, number: replace(knobs, alarms=(*knobs.alarms, (f"extra-{number}", 60.0))),
    "alarm changed": _alarm_changed,
    "alarm removed": lambda knobs, number: replace(knobs, alarms=knobs.alarms[:-1]),
    "window added": lambda knobs, number: replace(knobs, extra_sizes_s=(EXTRA_SIZES_S[number],)),
    "window removed": lambda knobs, number: replace(knobs, extra_sizes_s=()),
    "asset added": lambda knobs, number: replace(knobs, spare_assets=number + 1),
    "machine type changed": lambda knobs, number: replace(knobs, max_step=46.0 + number),
    "tenant added": lambda knobs, number: replace(knobs, tenants=number + 1),
    "site renamed": lambda knobs, number: replace(knobs, site_name=f"Bench {number + 1}"),
    "sink changed": lambda knobs, number: replace(knobs, sink_batch_rows=900 - number),
    "sink disabled": lambda knobs, number: replace(knobs, sink_enabled=False),
    "sink enabled": lambda knobs, number: replace(knobs, sink_enabled=True),
    "pipeline of a gateway": lambda knobs, number: replace(knobs, poll_interval_s=0.9 - number * 0.05),
}
"""Every kind of edit in the order of a round; a rollback of the last one ends it."""
ROLLBACK: Final = "rollback"


def edited_topology(plant: Plant, knobs: Knobs, device_port: int, lake: Path) -> str:
    """topology.yaml of the plant, with one more machine that the gateway reads, and a sink, as the knobs stand."""
    whose = f"tenant: {TENANT}, site: {SITE}"
    edited = f"id: {plant.asset(EDITED_ASSET)}, {whose}, machine_type: machine"
    own = (
        f"{{name: {EDITED_PARAMETER}, range: {{min: 0, max: {knobs.limit:g}}}}}, "
        f"{{name: p1, windows_s: {list(knobs.sizes_s)}}}"
    )
    windows = "".join(
        f"  - {{size_s: {size_s}, grace_s: 2, late_retention_s: {max(3_600, size_s)}}}\n" for size_s in knobs.sizes_s
    )
    head, rest = plant.topology().split("tenants:\n")
    text = f"{head.partition('windows:')[0]}windows:\n{windows}tenants:\n{rest}"
    text = text.replace(f"{{{edited}}}", f"{{{edited}, parameters: [{own}]}}")
    text = text.replace("max_step: 45", f"max_step: {knobs.max_step:g}")
    text = text.replace("sites:\n", "".join(f"  - {{id: tenant-{n}}}\n" for n in range(knobs.tenants)) + "sites:\n")
    text = text.replace(
        f"{{id: {SITE}, tenant: {TENANT}}}", f"{{id: {SITE}, tenant: {TENANT}, name: {knobs.site_name}}}"
    )
    assets = "".join(f"  - {{id: spare-{n}, {whose}, machine_type: machine}}\n" for n in range(knobs.spare_assets))
    assets += f"  - {{id: device-1, {whose}, parameters: [{{name: speed}}]}}\n"
    pipeline = (
        f"pipelines:\n  - {{id: device-1-modbus, adapter: modbus-tcp, gateway: {GATEWAY}, asset: device-1, {whose},\n"
        f"     poll_interval_s: {knobs.poll_interval_s:g}, config: {{host: 127.0.0.1, port: {device_port}, "
        "tags: [{name: speed, address: 2, type: INT16}]}}\n"
    )
    alarms = "".join(
        f"  - {{id: {name}, type: extra, asset: {plant.asset(EDITED_ASSET)}, condition: {{above: {above:g}}}}}\n"
        for name, above in knobs.alarms
    )
    sink = (
        f"sinks:\n  - {{id: {SINK}, kind: s3-parquet, enabled: {'true' if knobs.sink_enabled else 'false'}, "
        f"topics: [{Topic.aggregates(STORED_SIZE_S)}],\n     batch_rows: {knobs.sink_batch_rows}, batch_age_s: 1, "
        f'config: {{path: "{lake}"}}}}\n'
    )
    return text.replace("alarms:\n", f"{assets}{pipeline}{sink}alarms:\n") + alarms
