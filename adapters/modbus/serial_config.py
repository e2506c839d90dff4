"""Configuration of Modbus RTU: the units on one serial line.

A pipeline of topology.yaml carries this under `config:`; the tags are those of `config.py`.

    config:
      serial_port: /dev/ttyUSB0
      baudrate: 19200
      parity: E
      tags:
        - {name: level, asset: tank-1, unit_id: 1, address: 0, type: FLOAT32, unit: m}
        - {name: flow, asset: pump-1, unit_id: 2, kind: input, address: 4, scale: 0.1, unit: m3/h}
"""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from adapters.modbus.config import ModbusConfig
from ironstream.pace import Haste

_SILENT_CHARACTERS = 3.5
_FAST_BAUDRATE = 19_200
_FAST_SILENCE_S = 0.00175


class Rs485Config(BaseModel):
    """Who switches the transmitter of an RS-485 interface: RTS, by the driver of the port."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rts_on_send: bool = Field(default=True, description="Level of RTS while sending.")
    rts_after_send: bool = Field(default=False, description="Level of RTS while receiving.")
    delay_before_send_s: float = Field(
        default=0.0, ge=0, le=1, description="From RTS to the first character; the driver keeps whole milliseconds."
    )
    delay_after_send_s: float = Field(
        default=0.0, ge=0, le=1, description="From the last character to RTS; the driver keeps whole milliseconds."
    )
    receive_while_sending: bool = Field(default=False, description="Receive what is sent; that echo is passed over.")


class ModbusRtuConfig(ModbusConfig):
    """The units on one serial line, all of them in one pipeline: two masters on one line disturb one another."""

    serial_port: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="Serial port: /dev/ttyUSB0; better /dev/serial/by-id/…, which stays when others are plugged in."
    )
    baudrate: int = Field(default=19200, ge=50, le=4_000_000, description="Bits per second.")
    bytesize: Literal[7, 8] = Field(default=8, description="Data bits of a character; RTU has 8.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="N none, E even (Modbus' default), O odd.")
    stopbits: Literal[1, 2] = Field(default=1, description="Stop bits; with parity N the standard asks for 2.")
    rs485: Rs485Config | None = Field(
        default=None, description="Switching of an RS-485 transmitter by RTS; left out: the interface does it itself."
    )
    timeout_s: float = Field(default=1.0, gt=0, description="Longest wait for one answer.")
    retries: int = Field(
        default=1, ge=0, le=20, description="How often a request without a whole answer is repeated: lines have noise."
    )

    @property
    def bits_per_character(self) -> int:
        """Bits on the line for one byte: start, data, parity, stop."""
        return 1 + self.bytesize + (self.parity != "N") + self.stopbits

    @property
    def silence_s(self) -> float:
        """Silence between two frames: as configured, else 3.5 characters, as the standard asks for."""
        if self.pause_between_requests_s is not None:
            return self.pause_between_requests_s
        silence_s = _SILENT_CHARACTERS * self.bits_per_character / self.baudrate
        return _FAST_SILENCE_S if self.baudrate > _FAST_BAUDRATE else silence_s

    @property
    def claims(self) -> tuple[str, ...]:
        """The port, by its real name."""
        return (f"serial port {os.path.realpath(self.serial_port)}",)

    def haste(self, poll_interval_s: float) -> list[Haste]:
        """What is against a poll of the line so often."""
        # which knows this class
        from adapters.modbus.pace import haste

        return haste(self, poll_interval_s)

    def has_numbered_frames(self) -> bool:
        """RTU frames carry no number."""
        return False

    @field_validator("serial_port")
    @classmethod
    def _is_local(cls, value: str) -> str:
        if "://" in value:
            raise ValueError("is a port of this machine: a serial server is read by modbus-tcp with framer: rtu")
        return value
