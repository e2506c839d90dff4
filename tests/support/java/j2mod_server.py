"""A Modbus slave of j2mod: on TCP, with RTU frames over TCP, or on a serial port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jpype

from tests.support.java.driver import serve, start_jvm

_PROCIMG = "com.ghgande.j2mod.modbus.procimg."
_NO_PARITY = 0
_NO_FLOW_CONTROL = 0


class _Slave:
    """Units by id, each with the four spaces; what was not set is an illegal address."""

    def __init__(self) -> None:
        self._images: dict[int, Any] = {}
        self._factory = jpype.JClass("com.ghgande.j2mod.modbus.slave.ModbusSlaveFactory")
        self._util = jpype.JClass("com.ghgande.j2mod.modbus.util.ModbusUtil")
        self._slave: Any = None

    def listen(self, rtu: bool = False, port: int = 0) -> int:
        """Listen on `port` of loopback, 0 takes a free one; the port is the result."""
        loopback = jpype.JClass("java.net.InetAddress").getLoopbackAddress()
        if port == 0:
            with_socket = jpype.JClass("java.net.ServerSocket")(0, 1, loopback)
            port = int(with_socket.getLocalPort())
            with_socket.close()
        self._open(self._factory.createTCPSlave(loopback, port, 5, rtu))
        return port

    def listen_serial(self, path: str) -> None:
        """Listen on a serial port with RTU frames."""
        parameters = jpype.JClass("com.ghgande.j2mod.modbus.util.SerialParameters")(
            path, 19200, _NO_FLOW_CONTROL, _NO_FLOW_CONTROL, 8, 1, _NO_PARITY, False
        )
        parameters.setEncoding("rtu")
        self._open(self._factory.createSerialSlave(parameters))

    def close(self) -> None:
        """Close the slave and every connection to it; it may listen anew."""
        self._factory.close()
        self._slave = None

    def set_words(self, space: str, address: int, words: Sequence[int], unit_id: int = 1) -> None:
        """Registers of `holding` or `input` from `address`."""
        image = self._image(unit_id)
        register = jpype.JClass(_PROCIMG + ("SimpleRegister" if space == "holding" else "SimpleInputRegister"))
        add = image.addRegister if space == "holding" else image.addInputRegister
        for at, word in enumerate(words, address):
            add(at, register(word))

    def set_bits(self, space: str, address: int, bits: Sequence[bool], unit_id: int = 1) -> None:
        """Bits of `coil` or `discrete` from `address`."""
        image = self._image(unit_id)
        digital = jpype.JClass(_PROCIMG + ("SimpleDigitalOut" if space == "coil" else "SimpleDigitalIn"))
        add = image.addDigitalOut if space == "coil" else image.addDigitalIn
        for at, bit in enumerate(bits, address):
            add(at, digital(bit))

    def encode(self, java_type: str, value: float) -> list[int]:
        """Registers of a `short`, `int`, `long`, `float` or `double`, as j2mod itself lays them out."""
        to_java = {"short": jpype.JShort, "int": jpype.JInt, "long": jpype.JLong, "float": jpype.JFloat}
        data = bytes(getattr(self._util, f"{java_type}ToRegister{'' if java_type == 'short' else 's'}")(
            to_java.get(java_type, jpype.JDouble)(value)
        ))  # fmt: skip
        return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]

    def _image(self, unit_id: int) -> Any:
        if unit_id not in self._images:
            self._images[unit_id] = jpype.JClass(_PROCIMG + "SimpleProcessImage")(unit_id)
            if self._slave is not None:
                self._slave.addProcessImage(unit_id, self._images[unit_id])
        return self._images[unit_id]

    def _open(self, slave: Any) -> None:
        self._slave = slave
        for unit_id, image in self._images.items():
            slave.addProcessImage(unit_id, image)
        slave.open()


if __name__ == "__main__":
    start_jvm("j2mod")
    slave = _Slave()
    serve(
        {
            "listen": slave.listen,
            "listen_serial": slave.listen_serial,
            "close": slave.close,
            "set_words": slave.set_words,
            "set_bits": slave.set_bits,
            "encode": slave.encode,
        }
    )
