"""What the gateways of the plant send to telemetry.raw, with all that goes wrong on the way."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import sin
from typing import Any, Final, NamedTuple

from tests.support.faults.plant import PARAMETERS, READINGS_PER_S, SITE, asset_name, is_limited
from tests.support.faults.poison import poison

_SECOND: Final = 1_000_000
_HOUR: Final = 3600 * _SECOND
_WRONG_BY: Final = (40 * 60 * _SECOND, 3 * _HOUR, -5 * _HOUR, -40 * 24 * _HOUR)
"""How far the clock of a device jumps: ahead, too far ahead to be believed, behind, too far behind."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Sent(NamedTuple):
    """Which reading it is: series, run of the adapter, number within it."""

    series: str
    boot: str
    seq: int


class Message(NamedTuple):
    """A record to be sent. `place` is the key that decides its partition, whatever its own key is."""

    place: bytes
    key: bytes | None
    value: bytes | None
    reading: Sent | None = None


@dataclass
class _Series:
    asset: str
    parameter: str
    key: bytes
    boot: str
    seq: int = 0
    phase: float = 0.0
    period: float = 10.0
    dead_until: int = 0
    stuck_until: int = 0
    stuck_at: float = 0.0


@dataclass
class Plant:
    """Readings of all series, one of each per step; the same seed and times give the same bytes.

    Among them: repeats, disorder, readings so late that their window has closed, values out of range, steps, values
    that stick, dead sensors, clocks that are off by seconds or hours, other units, unknown fields, doubled keys,
    missing record keys, older payloads, devices that babble, records that are no readings, restarts of adapters, and
    assets that fall silent for a while.
    """

    assets: int
    seed: int
    step_us: int = 100_000
    _random: random.Random = field(init=False)
    _series: list[_Series] = field(init=False, default_factory=list)
    _held: list[tuple[int, Message]] = field(init=False, default_factory=list)
    _silent_until: dict[str, int] = field(init=False, default_factory=dict)
    _wrong: dict[str, tuple[int, int]] = field(init=False, default_factory=dict)
    """Asset → by how much (µs) its clock is wrong, and until when."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        for number in range(self.assets):
            for parameter in PARAMETERS:
                asset = asset_name(number)
                series = _Series(asset, parameter, key_of(asset), f"boot-{self.seed}-0")
                series.phase, series.period = self._random.random() * 6.3, self._random.uniform(4, 15)
                self._series.append(series)

    def step(self, now_us: int) -> list[Message]:
        """What is sent at `now_us`: a reading of each series that speaks, and what was held back until now."""
        rnd = self._random
        due = [message for at, message in self._held if at <= now_us]
        self._held = [(at, message) for at, message in self._held if at > now_us]
        for number in range(self.assets):
            asset = asset_name(number)
            if rnd.random() < 0.0015:
                self._silent_until[asset] = now_us + rnd.randrange(2_500_000, 8_000_000)
            if number % 10 == 3 and rnd.random() < 0.01:
                self._wrong[asset] = rnd.choice(_WRONG_BY), now_us + rnd.randrange(300_000, 3_000_000)
        for index, series in enumerate(self._series):
            if self._silent_until.get(series.asset, 0) <= now_us:
                self._speak(series, now_us + index, due)
        self._others(now_us + len(self._series), due)
        rnd.shuffle(due)
        # Only what is not of one asset may change places: order within a series is decided above.
        due.sort(key=lambda message: message.place)
        return due

    def _speak(self, series: _Series, time_us: int, due: list[Message]) -> None:
        rnd = self._random
        message = self._reading(series, time_us)
        chance = rnd.random()
        if chance < 0.010:  # disorder, within the grace of the windows
            self._held.append((time_us + rnd.randrange(1, 9) * self.step_us, message))
            return
        if chance < 0.014:  # too late for its windows
            self._held.append((time_us + rnd.randrange(2_500_000, 9_000_000), message))
            return
        due.append(message)
        if chance < 0.034:
            self._held.append((time_us + rnd.randrange(0, 30) * self.step_us, message))
        elif chance < 0.040:
            key = rnd.choice([series.key, series.key, None, b"", b"\xff", b"ironstream"])
            due.append(Message(series.key, key, poison(rnd)))
        elif chance < 0.041 and is_limited(int(series.asset[-3:])):
            # a few more than one second may have, each a number of its own
            due += [self._reading(series, time_us - 90_000 + 1000 * n) for n in range(READINGS_PER_S)]

    def flush(self) -> list[Message]:
        """Everything still held back."""
        held, self._held = [message for _, message in self._held], []
        return held

    def _reading(self, series: _Series, time_us: int) -> Message:
        rnd = self._random
        if rnd.random() < 0.0015:
            series.boot, series.seq = f"boot-{self.seed}-{rnd.randrange(1, 10**9)}", 0
        series.seq += 1
        by, until = self._wrong.get(series.asset, (0, 0))
        device_us, read_us = time_us + (by if time_us < until else 0), time_us + rnd.randrange(1_000, 90_000)
        if rnd.random() < 0.003:
            read_us = time_us + rnd.choice([6, -7, 12]) * _SECOND
        stamps: dict[str, Any] = {"device_time": iso(device_us), "gateway_time": iso(read_us)}
        if rnd.random() < 0.004:
            del stamps[rnd.choice(["device_time", "gateway_time"])]
        body: dict[str, Any] = {
            "schema_version": 1,
            "tenant_id": "default",
            "site_id": SITE,
            "asset_id": series.asset,
            "parameter": series.parameter,
            "value": self._value(series, time_us),
            "timestamps": stamps,
            "metadata": {"adapter_id": "sim", "boot": series.boot, "seq": series.seq},
        }
        self._unit(series, body)
        self._quality(series, body, time_us)
        key: bytes | None = series.key
        if rnd.random() < 0.01:
            key = rnd.choice([None, b""])
        reading = Sent(f"{series.key.decode()}/{series.parameter}", series.boot, series.seq)
        return Message(series.key, key, self._spelled(body), reading)

    def _value(self, series: _Series, time_us: int) -> Any:
        rnd = self._random
        wave = sin(time_us / 1e6 / series.period * 6.283 + series.phase)
        value = {
            "temperature": 70 + 30 * wave,
            "pressure": 8 + 4 * wave,
            "level": 50 + 40 * wave,
            "flow": 5 + wave,
        }[series.parameter]
        value = round(value + rnd.uniform(-0.5, 0.5), 4)
        if series.parameter == "level":
            if rnd.random() < 0.002:
                series.stuck_until, series.stuck_at = time_us + rnd.randrange(2_000_000, 6_000_000), value
            value = series.stuck_at if time_us < series.stuck_until else value
        if rnd.random() < 0.004:  # out of range, a step, or a bool
            return rnd.choice([-50.0, 5000.0, value + 40, value - 40, True])
        return value

    def _unit(self, series: _Series, body: dict[str, Any]) -> None:
        if series.parameter == "temperature":
            chance = self._random.random()
            if chance < 0.70:
                body["unit"] = "degC"
            elif chance < 0.80:
                body["unit"], body["value"] = "degF", body["value"] * 9 / 5 + 32
            elif chance < 0.81:
                body["unit"] = "furlong"

    def _quality(self, series: _Series, body: dict[str, Any], time_us: int) -> None:
        rnd = self._random
        if rnd.random() < 0.001:
            series.dead_until = time_us + rnd.randrange(1, 1_500_000)
        if time_us < series.dead_until:
            body["value"], body["quality"] = None, "BAD"
        elif rnd.random() < 0.004:
            body["quality"] = rnd.choice(["GOOD", "SUSPECT", "UNCERTAIN", "BAD", "WORN"])
        elif rnd.random() < 0.001:
            body["value"] = None

    def _spelled(self, body: dict[str, Any]) -> bytes:
        """The bytes of a reading, some of them unusual."""
        chance = self._random.random()
        if chance < 0.01:
            body |= {"shift": "early", "lot": {"id": 7, "parts": [1, None]}}
            body["metadata"] |= {"firmware": "2.1"}
        elif chance < 0.015:  # of a key that is there twice the last one counts
            return b'{"value": "no", "asset_id": 5, ' + json.dumps(body).encode()[1:]
        elif chance < 0.02:
            return json.dumps(body, indent=2).encode()
        elif chance < 0.0203:
            body["trace"] = "é" * self._random.randrange(20_000, 100_000)
            return json.dumps(body, ensure_ascii=False).encode()
        return json.dumps(body).encode()

    def _others(self, time_us: int, due: list[Message]) -> None:
        """Older payloads, of assets that the topology does not name: a machine's flat one, a reading without seq."""
        rnd = self._random
        for number in range(2):
            if rnd.random() < 0.5:
                message = self._flat(f"press-{number}", time_us + number)
                due += [message] * (2 if rnd.random() < 0.03 else 1)
            well = f"well-{number}"
            stamps = {"device_time": iso(time_us + number), "gateway_time": iso(time_us + 9000), "kafka_time": None}
            body = {
                "asset_id": well, "parameter": "wellhead", "value": rnd.randrange(100), "unit": "psi",
                "quality": "GOOD", "classification": "TELEMETRY", "timestamps": stamps,
                "metadata": {"adapter_id": "adapter-1", "pipeline_id": well, "hostname": "gw"},
            }  # fmt: skip
            key = f"default/default/{well}".encode()
            message = Message(key, key, json.dumps(body).encode())
            due += [message] * (2 if rnd.random() < 0.03 else 1)

    def _flat(self, machine: str, time_us: int) -> Message:
        rnd = self._random
        metrics: dict[str, Any] = {"force": rnd.uniform(0, 9), "torque": rnd.choice([1, 2.5, None]), "no name!": 1}
        if rnd.random() < 0.97:
            del metrics["no name!"]
        body: dict[str, Any] = {
            "tenant_id": "default", "site_id": SITE, "machine_id": machine, "schema_version": rnd.choice([1, 3, "1"]),
            "ts": rnd.choice([iso(time_us), time_us // 1000, time_us / 1e6]),
            "metrics": metrics,
        }  # fmt: skip
        if rnd.random() < 0.5:
            body["status"] = "stopped" if time_us // (7 * _SECOND) % 3 == 0 else "running"
        return Message(key_of(machine), key_of(machine), json.dumps(body).encode())


def key_of(asset: str) -> bytes:
    """Key of an asset's records."""
    return f"default/{SITE}/{asset}".encode()


def iso(us: int) -> str:
    """µs since the epoch as ISO-8601."""
    return (_EPOCH + timedelta(microseconds=us)).isoformat(timespec="microseconds").replace("+00:00", "Z")
