"""Configuration of the XBee adapter.

A pipeline of topology.yaml carries this under `config:`:

    config:
      xbee_port: /dev/ttyUSB0
      baud_rate: 9600
      api_mode: 2
      nodes:
        - {node_id: WELL-12, asset: well-12}
        - {address64: 0013A20041B2C3D4, asset: tank-3}
      tags:
        - {name: pressure, node: WELL-12, address: 0, type: FLOAT32, unit: psi}
        - {name: level, node: 0013A20041B2C3D4, kind: input, address: 0, scale: 0.01, unit: m}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from adapters.xbee.tag import Tag, TimeField
from ironstream.gateway.report_config import ReportConfig
from ironstream.names import IdentityPart, twice
from ironstream.naming import Nameless

ADDRESS_DIGITS: Final = 16
BROADCAST: Final = "000000000000FFFF"

Address64 = Annotated[str, BeforeValidator(lambda text: text.upper() if isinstance(text, str) else text)]


class Block(BaseModel):
    """Where the bytes of one kind of message go among the virtual registers of its node."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: Annotated[str, StringConstraints(pattern=r"^([0-9A-Fa-f]{2})*$")] = Field(
        default="", description="First bytes of such a message in hexadecimal; empty: every message."
    )
    length: int | None = Field(default=None, ge=0, le=1500, description="Bytes of such a message; left out: any.")
    skip: int = Field(default=0, ge=0, le=1500, description="Bytes at the beginning that are no registers.")
    address: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Virtual register (from 0) that the first byte after them goes to.",
    )
    device_time: TimeField | None = Field(
        default=None,
        description="Where the message carries the radio's own clock; left out: the time of arrival is the time.",
    )

    def fits(self, payload: bytes) -> bool:
        """Whether `payload` is such a message."""
        return payload.startswith(bytes.fromhex(self.prefix)) and self.length in (None, len(payload))


class NodeConfig(BaseModel):
    """A remote radio, by its node identifier or its address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    node_id: str | None = Field(
        default=None, min_length=1, max_length=20, description="Node identifier (NI) of the radio; it is asked for."
    )
    address64: Address64 | None = Field(
        default=None,
        pattern=r"^[0-9A-F]{8,16}$",
        description="64-bit address (SH and SL), 16 hexadecimal digits. With fewer, the first radio heard whose "
        "address begins with them is taken.",
    )
    asset: IdentityPart | None = Field(default=None, description="Asset of this radio; left out: that of the pipeline.")
    layout: tuple[Block, ...] = Field(
        default=(Block(),),
        min_length=1,
        description="Where its messages go among its virtual registers: the first that fits a message is taken.",
    )
    silence_s: float | None = Field(
        default=None, gt=0, description="Silence after which this radio is lost; left out: `silence_s` of the adapter."
    )
    rssi_parameter: IdentityPart = Field(default="rssi", description="Parameter of its signal strength, in dBm.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.node_id is None) == (self.address64 is None):
            raise ValueError("give node_id or address64, one of them")
        if self.address64 == BROADCAST:
            raise ValueError("address64 is the address of all radios: give that of one")
        return self

    @property
    def key(self) -> str:
        """Names the node among the others: its node identifier, else its address."""
        return self.node_id or self.address64 or ""


class XBeeConfig(BaseModel):
    """A radio on a serial port of this machine, and the remote radios that it hears."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    xbee_port: str = Field(min_length=1, description="Serial port of the local radio, such as /dev/ttyUSB0.")
    baud_rate: int = Field(default=9600, ge=1200, le=921_600, description="Speed of the port (BD of the radio), in Bd.")
    flow_control: Literal["none", "rts_cts"] = Field(
        default="none", description="rts_cts where the radio has it (D6, D7)."
    )
    api_mode: Literal[1, 2] = Field(
        default=1, description="AP of the local radio: 1 API, 2 API with escapes (finds its way after noise at once)."
    )
    nodes: tuple[NodeConfig, ...] = Field(min_length=1, description="The remote radios.")
    tags: tuple[Tag, ...] = Field(min_length=1, description="The values to read.")
    report: ReportConfig = Field(default=ReportConfig(), description="Report by exception of tags without their own.")
    silence_s: float = Field(
        default=60.0, gt=0, description="A radio that sent nothing for so long is lost: its values are BAD."
    )
    rssi_interval_s: float = Field(
        default=0.0, ge=0, description="How often the signal strength of each radio is told at most; 0: never."
    )
    discovery_interval_s: float = Field(
        default=60.0, gt=0, description="How often radios whose address is not known yet are asked for."
    )
    discovery_timeout_s: float = Field(
        default=8.0, gt=0, description="How long browsing waits for radios to name themselves (more than NT of them)."
    )
    keepalive_s: float = Field(
        default=10.0, gt=0, description="When nothing came for so long the local radio is asked whether it lives."
    )
    timeout_s: float = Field(default=3.0, gt=0, description="Longest wait for an answer of the local radio.")
    queue_frames: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Frames kept while nothing is read because Kafka is away; then the oldest are dropped and counted.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = [*self._node_faults(), *self._tag_faults()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def nameless(self) -> list[Nameless]:
        """Tags, and signal strengths, of which neither the tag nor the radio has an asset."""
        signals = enumerate(self.nodes if self.rssi_interval_s else ())
        return [
            Nameless(("tags", at), tag.name, "the tag, or its node")
            for at, tag in enumerate(self.tags)
            if tag.asset is None and self.node_of(tag).asset is None
        ] + [Nameless(("nodes", at), node.rssi_parameter, "the node") for at, node in signals if node.asset is None]

    def node_of(self, tag: Tag) -> NodeConfig:
        """The node that a tag is of: the one it names, or the only one there is."""
        if tag.node is None:
            return self.nodes[0]
        wanted = tag.node.upper()
        return next(node for node in self.nodes if tag.node == node.node_id or wanted == node.address64)

    def silence_of(self, node: NodeConfig) -> float:
        """Seconds of silence after which the node is lost."""
        return self.silence_s if node.silence_s is None else node.silence_s

    def _node_faults(self) -> Iterator[str]:
        yield from (f"node {key} is given twice" for key in twice(node.key for node in self.nodes))

    def _tag_faults(self) -> Iterator[str]:
        known = {node.node_id for node in self.nodes} | {node.address64 for node in self.nodes}
        series: list[str] = []
        for tag in self.tags:
            if tag.node is None and len(self.nodes) > 1:
                yield f"tag {tag.name}: there are {len(self.nodes)} nodes: say which with `node`"
            elif tag.node is not None and not {tag.node, tag.node.upper()} & known:
                yield f"tag {tag.name}: there is no node {tag.node}; there are: {', '.join(n.key for n in self.nodes)}"
            else:
                series.append(_series(tag.asset or self.node_of(tag).asset, tag.name))
        if self.rssi_interval_s:
            series += [_series(node.asset, node.rssi_parameter) for node in self.nodes]
        yield from (
            f"{one} is given twice: give each node an asset, or the values other names" for one in twice(series)
        )


def _series(asset: str | None, name: str) -> str:
    return f"{asset}/{name}" if asset else name
