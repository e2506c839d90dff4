"""The plant of the fault tests: its rules in numbers, its topology.yaml, and the readings that its gateways send."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf, sin
from typing import Any, Final

SITE: Final = "works"
PARAMETERS: Final = ("temperature", "pressure", "level", "flow")
RANGES: Final = {"temperature": (0.0, 200.0)}
"""Outside of it: BAD, to the DLQ."""


@dataclass(frozen=True)
class Rule:
    """An alarm rule of the plant; times in µs, `size_s` where it looks at the average of windows."""

    name: str
    kind: str
    above: float = inf
    below: float = -inf
    deadband: float = 0.0
    on_delay: int = 0
    off_delay: int = 0
    silent_for: int = 0
    size_s: int = 0
    latched: bool = False


RULES: Final = {
    "temperature": Rule("hot", "value", above=90.0, deadband=3.0, latched=True),
    "pressure": Rule("surge", "value", above=10.0, deadband=1.0, on_delay=700_000, off_delay=1_500_000),
    "level": Rule("dry", "value", below=20.0, deadband=2.0, size_s=1),
    "flow": Rule("silent", "silence", silent_for=3_000_000),
}
GRACES: Final = {1: 1_000_000, 10: 2_000_000}
"""Window size in s → grace in µs."""
SKEW_US: Final = 5_000_000
FUTURE_US: Final = 3_600_000_000
PAST_US: Final = 31 * 86_400_000_000


def topology_yaml(assets: int) -> str:
    """The plant as a topology.yaml."""
    lines = ["version: 1", "windows:"]
    lines += [f"  - {{size_s: {s}, grace_s: {g // 1_000_000}, late_retention_s: 36000}}" for s, g in GRACES.items()]
    lines += [f"sites: [{{id: {SITE}}}]", "assets:"]
    for number in range(assets):
        lines += [f"  - id: {asset_name(number)}", f"    site: {SITE}", "    parameters:"]
        for name in PARAMETERS:
            low, high = RANGES.get(name, (-inf, inf))
            limits = "" if high == inf else f", range: {{min: {low:g}, max: {high:g}, action: bad}}"
            lines.append(f"      - {{name: {name}{limits}, windows_s: [{', '.join(map(str, GRACES))}]}}")
    lines.append("alarms:")
    for parameter, rule in RULES.items():
        bound = f"above: {rule.above:g}" if rule.above < inf else f"below: {rule.below:g}"
        condition = f"{bound}, deadband: {rule.deadband:g}"
        if rule.kind == "silence":
            condition = f"no_data_s: {rule.silent_for / 1e6:g}"
        lines += [
            f"  - id: {rule.name}",
            f"    type: {rule.name}",
            "    severity: HIGH",
            f"    parameter: {parameter}",
            f"    condition: {{{condition}}}",
            f"    latched: {str(rule.latched).lower()}",
        ]
        if rule.on_delay:
            lines.append(f"    on_delay_s: {rule.on_delay / 1e6:g}")
        if rule.off_delay:
            lines.append(f"    off_delay_s: {rule.off_delay / 1e6:g}")
        if rule.size_s:
            lines += ["    on: aggregate", f"    aggregate: {{size_s: {rule.size_s}, field: avg}}"]
    return "\n".join(lines) + "\n"


def asset_name(number: int) -> str:
    """Id of an asset."""
    return f"machine-{number:03d}"


def alarm_id(asset: str, parameter: str) -> str:
    """Id that the product gives to the alarm of a parameter's rule (its documented form)."""
    rule = RULES[parameter]
    return f"default/{SITE}/{asset}/{rule.name}/rule:{rule.name}/{parameter}"


Message = tuple[bytes, bytes]
"""Key and value of a record."""


@dataclass
class _Series:
    asset: str
    parameter: str
    key: bytes
    boot: str
    seq: int = 0
    phase: float = 0.0
    period: float = 10.0


@dataclass
class Plant:
    """Readings of all series, one of each per step; the same seed and times give the same bytes.

    Among them: repeats, disorder, readings so late that their window has closed, values out of range, dead sensors,
    clocks that are off, records that are no readings, restarts of adapters, and assets that fall silent for a while.
    """

    assets: int
    seed: int
    step_us: int = 100_000
    _random: random.Random = field(init=False)
    _series: list[_Series] = field(init=False, default_factory=list)
    _held: list[tuple[int, Message]] = field(init=False, default_factory=list)
    _silent_until: dict[str, int] = field(init=False, default_factory=dict)
    _commands: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        for number in range(self.assets):
            for parameter in PARAMETERS:
                asset = asset_name(number)
                series = _Series(asset, parameter, f"default/{SITE}/{asset}".encode(), f"boot-{self.seed}-0")
                series.phase, series.period = self._random.random() * 6.3, self._random.uniform(4, 15)
                self._series.append(series)

    def step(self, now_us: int) -> list[Message]:
        """What is sent at `now_us`: a reading of each series that speaks, and what was held back until now."""
        rnd = self._random
        due = [message for at, message in self._held if at <= now_us]
        self._held = [(at, message) for at, message in self._held if at > now_us]
        for number in range(self.assets):
            if rnd.random() < 0.0015:
                self._silent_until[asset_name(number)] = now_us + rnd.randrange(2_500_000, 8_000_000)
        for index, series in enumerate(self._series):
            if self._silent_until.get(series.asset, 0) > now_us:
                continue
            message = self._reading(series, now_us + index)
            chance = rnd.random()
            if chance < 0.010:  # disorder, within the grace of the windows
                self._held.append((now_us + rnd.randrange(1, 9) * self.step_us, message))
                continue
            if chance < 0.014:  # too late for its windows
                self._held.append((now_us + rnd.randrange(2_500_000, 9_000_000), message))
                continue
            due.append(message)
            if chance < 0.034:
                self._held.append((now_us + rnd.randrange(0, 30) * self.step_us, message))
            elif chance < 0.036:
                due.append((series.key, rnd.choice(_NOT_READINGS)))
        rnd.shuffle(due)
        # Only what is not of one series may change places: order within a series is decided above.
        due.sort(key=lambda message: message[0])
        return due

    def flush(self) -> list[Message]:
        """Everything still held back."""
        held, self._held = [message for _, message in self._held], []
        return held

    def command(self) -> Message:
        """An operator acknowledges the alarm of some series, whatever state it is in; some say so twice."""
        series = self._random.choice(self._series)
        self._commands += self._random.random() < 0.8 or not self._commands
        body = {
            "kind": "command",
            "command_id": f"{self.seed}-{self._commands}",
            "command": "ack",
            "actor": "operator",
            "alarm_id": alarm_id(series.asset, series.parameter),
        }
        return series.key, json.dumps(body).encode()

    def _reading(self, series: _Series, time_us: int) -> Message:
        rnd = self._random
        if rnd.random() < 0.0015:
            series.boot, series.seq = f"boot-{self.seed}-{rnd.randrange(1, 10**9)}", 0
        series.seq += 1
        wave = sin(time_us / 1e6 / series.period * 6.283 + series.phase)
        value: Any = {
            "temperature": 70 + 30 * wave,
            "pressure": 8 + 4 * wave,
            "level": 50 + 40 * wave,
            "flow": 5 + wave,
        }[series.parameter]
        value = round(value + rnd.uniform(-0.5, 0.5), 4)
        gateway_us, quality = time_us + rnd.randrange(1_000, 90_000), None
        chance = rnd.random()
        if chance < 0.003:
            value = rnd.choice([-50.0, 5000.0])
        elif chance < 0.005:
            value, quality = None, "BAD"
        elif chance < 0.008:
            gateway_us = time_us + rnd.choice([6_000_000, -7_000_000])
        elif chance < 0.009:
            gateway_us = time_us - FUTURE_US - 60_000_000
        body: dict[str, Any] = {
            "schema_version": 1,
            "tenant_id": "default",
            "site_id": SITE,
            "asset_id": series.asset,
            "parameter": series.parameter,
            "value": value,
            "timestamps": {"device_time": iso(time_us), "gateway_time": iso(gateway_us)},
            "metadata": {"adapter_id": "sim", "boot": series.boot, "seq": series.seq},
        }
        if quality is not None:
            body["quality"] = quality
        return series.key, json.dumps(body).encode()


_NOT_READINGS: Final = (
    b"",
    b"{",
    b"[]",
    b"17",
    b'{"asset_id":"x"}',
    b'{"asset_id":"x","parameter":"p","value":"high","timestamps":{"device_time":1700000000}}',
    b'{"asset_id":"x","parameter":"p","value":1,"timestamps":{}}',
    b'{"asset_id":"a b","parameter":"p","value":1,"timestamps":{"device_time":1700000000}}',
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def iso(us: int) -> str:
    """µs since the epoch as ISO-8601."""
    return (_EPOCH + timedelta(microseconds=us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def microseconds(text: str) -> int:
    """ISO-8601 as µs since the epoch."""
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - _EPOCH) // timedelta(microseconds=1)
