"""The register map of the simulated plant: which value of which machine lies where, as which type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from adapters.modbus.config import DataType, RegisterKind
from adapters.modbus.decode import encode, encode_string, to_words
from adapters.simulator.machine import Machine
from adapters.simulator.physics import Compressor

ASSETS: Final = {1: "pump-1", 2: "pump-2", 3: "tank-1", 4: "compressor-1", 5: "flowmeter-1"}
"""Asset by unit id."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: its place and type as in the Modbus config, and where its value comes from (`value`, before scaling)."""

    name: str
    address: int
    value: Callable[[Any], float | str]
    type: DataType = DataType.UINT16
    kind: RegisterKind = RegisterKind.HOLDING
    byte_order: str = "ABCD"
    scale: float = 1.0
    unit: str | None = None
    bit: int | None = None
    length: int | None = None
    event: bool = False

    def tag(self) -> dict[str, Any]:
        """The tag as topology.yaml has it; defaults left out."""
        fields: dict[str, Any] = {"name": self.name, "kind": self.kind.value, "address": self.address}
        fields |= {"type": self.type.value, "byte_order": self.byte_order, "scale": self.scale, "unit": self.unit}
        fields |= {"bit": self.bit, "length": self.length, "event": self.event}
        defaults = {"kind": "holding", "byte_order": "ABCD", "scale": 1.0, "unit": None, "bit": None, "length": None}
        return {key: value for key, value in fields.items() if key not in defaults or value != defaults[key]}


F32, F64, F16 = DataType.FLOAT32, DataType.FLOAT64, DataType.FLOAT16
INPUT = RegisterKind.INPUT

_PUMP = (
    Entry("temperature", 0, lambda m: m.measured_temperature, F32, byte_order="CDAB", unit="degC"),
    Entry("speed", 2, lambda m: m.speed, DataType.INT16, scale=0.1, unit="rpm"),
    Entry("pressure", 3, lambda m: m.pressure, DataType.UINT16, scale=0.01, unit="bar"),
    Entry("running", 4, lambda m: m.running, DataType.BIT, bit=0, event=True),
    Entry("tripped", 4, lambda m: m.tripped, DataType.BIT, bit=1, event=True),
    Entry("warning", 4, lambda m: m.warning, DataType.BIT, bit=2),
    Entry("vibration", 5, lambda m: m.vibration, F32, unit="mm/s"),
    Entry("current", 7, lambda m: m.current, DataType.INT16, scale=0.1, unit="A"),
    Entry("run_time", 8, lambda m: m.run_time_s, DataType.UINT32, unit="s"),
    Entry("firmware", 10, lambda m: "P-2.4.1", DataType.STRING, length=8),
)
_TANK = (
    Entry("level", 0, lambda m: m.level, F32, INPUT, unit="percent"),
    Entry("temperature", 2, lambda m: m.temperature, F32, INPUT, "CDAB", unit="degC"),
    Entry("volume", 4, lambda m: m.volume, F64, INPUT, "GHEFCDAB", unit="m**3"),
    Entry("inlet_valve", 8, lambda m: m.inlet, DataType.UINT8L, INPUT, unit="percent"),
    Entry("outlet_valve", 8, lambda m: m.outlet, DataType.UINT8H, INPUT, unit="percent"),
    Entry("net_flow", 9, lambda m: m.net_flow, DataType.INT32, INPUT, "DCBA", scale=0.01, unit="m**3/h"),
    Entry("inlet_pump", 0, lambda m: m.filling, DataType.BIT, RegisterKind.COIL, event=True),
    Entry("high_level", 0, lambda m: m.level > 75, DataType.BIT, RegisterKind.DISCRETE, event=True),
    Entry("low_level", 1, lambda m: m.level < 25, DataType.BIT, RegisterKind.DISCRETE, event=True),
    Entry("firmware", 0, lambda m: "TANK 1.0", DataType.STRING, length=12),
)
_COMPRESSOR = (
    Entry("pressure", 4, lambda m: m.pressure, DataType.INT16, scale=0.01, unit="bar"),
    Entry("temperature", 5, lambda m: m.temperature, DataType.INT16, scale=0.1, unit="degC"),
    Entry("power", 6, lambda m: m.power, F32, byte_order="BADC", unit="kW"),
    Entry("loaded", 8, lambda m: m.loaded, DataType.BIT, bit=1, event=True),
    Entry("energy", 9, lambda m: m.energy_wh, DataType.INT64, unit="W*h"),
)
_FLOWMETER = (
    Entry("flow", 0, lambda m: m.flow, F32, INPUT, "CDAB", unit="m**3/h"),
    Entry("total", 2, lambda m: m.total_l, DataType.UINT64, INPUT, "CDAB", unit="l"),
    Entry("density", 6, lambda m: m.density, F16, INPUT, unit="kg/l"),
)
REGISTERS: Final[dict[int, tuple[Entry, ...]]] = {1: _PUMP, 2: _PUMP, 3: _TANK, 4: _COMPRESSOR, 5: _FLOWMETER}
"""The tags of each unit."""
CLOCK: Final = {"address": 0, "type": "UINT64", "byte_order": "ABCD", "resolution": "ms"}
"""`device_time` of unit 4: UTC in ms, as the compressor believes it to be."""
POLL_INTERVAL_S: Final = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 5: 0.05}

Image = dict[RegisterKind, dict[int, int]]
"""Values by address of each space: registers 0 to 65535, bits 0 or 1."""


def image(unit_id: int, machine: Machine, now_us: int) -> Image:
    """All registers of a unit at this moment; `now_us` is the true time, from which unit 4 makes its own."""
    spaces: Image = {kind: {} for kind in RegisterKind}
    for entry in REGISTERS[unit_id]:
        space = spaces[entry.kind]
        for at, word in enumerate(_words(entry, entry.value(machine), space.get(entry.address, 0))):
            space[entry.address + at] = word
    if isinstance(machine, Compressor):
        clock_ms = now_us // 1000 + round(machine.clock_error_s * 1000)
        spaces[RegisterKind.HOLDING].update(enumerate(encode(clock_ms, DataType.UINT64)))
    return spaces


def pipeline_config(unit_id: int, host: str, port: int) -> dict[str, Any]:
    """The config of a pipeline that reads the whole unit."""
    config: dict[str, Any] = {"host": host, "port": port, "unit_id": unit_id, "timeout_s": 1.0, "probe_interval_s": 1.0}
    config["tags"] = [entry.tag() for entry in REGISTERS[unit_id]]
    return config | ({"device_time": dict(CLOCK)} if unit_id == 4 else {})


def _words(entry: Entry, value: float | str, before: int) -> list[int]:
    """Registers of a value; `before` is what is already in the first, of which a bit or byte is a part."""
    if isinstance(value, str):
        return encode_string(value, entry.length or len(value))
    raw = value / entry.scale
    match entry.type:
        case DataType.BIT:
            return [before | int(bool(value)) << (entry.bit or 0)]
        case DataType.UINT8L:
            return [before & 0xFF00 | round(raw)]
        case DataType.UINT8H:
            return [before & 0x00FF | round(raw) << 8]
        case DataType.FLOAT32 if raw != raw:
            return to_words(bytes.fromhex("7FC00000"), entry.byte_order)
    return encode(raw, entry.type, entry.byte_order)
