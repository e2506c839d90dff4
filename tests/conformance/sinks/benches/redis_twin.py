"""A server that speaks Redis' protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import redis

from ironstream.domain.times import to_us
from ironstream.sinks.redis_twin.kind import REDIS_TWIN
from ironstream.sinks.sink import SinkKind
from tests.conformance.sinks.benches.bench import SinkBench
from tests.conformance.sinks.log import Clean
from tests.support.redis import redis_server


class RedisTwinBench(SinkBench):
    kind = "redis-twin"
    topics = ("telemetry.clean", "telemetry.1min", "alarms.clean")

    async def start(self) -> None:
        port = self.stack.enter_context(redis_server())
        self._look = self.stack.enter_context(
            redis.Redis(port=port, host="127.0.0.1", protocol=2, decode_responses=True)
        )
        self._port = await self.through_proxy(port)

    def config(self) -> Mapping[str, Any]:
        return {"host": "127.0.0.1", "port": self._port, "timeout_s": 2.0}

    def sink_kind(self) -> SinkKind:
        return REDIS_TWIN

    async def held(self) -> Any:
        look: Any = self._look
        last: dict[str, Any] = {}
        ring: dict[str, Any] = {}
        active: set[str] = set()
        for key in look.scan_iter("*"):
            asset, _, what = key.partition("}:")
            asset = asset.partition("{")[2]
            if what == "last":
                found = {name: json.loads(text) for name, text in look.hgetall(key).items()}
                last |= {f"{asset}/{name}": (one["value"], one["order"]) for name, one in found.items()}
            elif what.startswith("1min:"):
                members = [json.loads(member) for member in look.zrange(key, 0, -1)]
                ring[f"{asset}/{what[5:]}"] = [(one["revision"], one["count"]) for one in members]
            elif what == "alarms":
                active |= set(look.hgetall(key))
        return {"last": last, "ring": ring, "active": sorted(active)}

    def wanted(self, log: Clean) -> Any:
        last: dict[str, tuple[Any, list[int]]] = {}
        ring: dict[str, dict[str, tuple[int, int]]] = {}
        states: dict[str, str] = {}
        for topic, partitions in log.items():
            for records in partitions.values():
                for record in records:
                    said = json.loads(record.value or b"")
                    series = "/".join(said[name] for name in ("tenant_id", "site_id", "asset_id"))
                    if topic == "alarms.clean":
                        states[said["occurrence_id"]] = said["state"]
                        continue
                    series += f"/{said['parameter']}"
                    if topic == "telemetry.clean":
                        _, partition, offset = dict(record.headers)["ironstream-id"].decode().split("/")
                        order = [to_us(said["timestamps"]["device_time"]), int(partition), int(offset)]
                        if series not in last or order > last[series][1]:
                            last[series] = (said["value"], order)
                    else:
                        one = (said["revision"], said["aggregates"]["count"])
                        windows = ring.setdefault(series, {})
                        windows[said["window_start"]] = max(windows.get(said["window_start"], one), one)
        return {
            "last": last,
            "ring": {series: [one for _, one in sorted(windows.items())] for series, windows in ring.items()},
            "active": sorted(name for name, state in states.items() if not state.startswith("CLEARED")),
        }
