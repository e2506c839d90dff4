"""A Modbus TCP slave of j2mod."""

from __future__ import annotations

from typing import Any

import jpype

from tests.support.java.driver import serve, start_jvm


class _Slave:
    def __init__(self) -> None:
        self._image = jpype.JClass("com.ghgande.j2mod.modbus.procimg.SimpleProcessImage")(1)
        self._factory = jpype.JClass("com.ghgande.j2mod.modbus.slave.ModbusSlaveFactory")
        self._slave: Any = None

    def listen(self, rtu: bool = False) -> int:
        """Listen on a free port of loopback, which is the result."""
        loopback = jpype.JClass("java.net.InetAddress").getLoopbackAddress()
        with_socket = jpype.JClass("java.net.ServerSocket")(0, 1, loopback)
        port = int(with_socket.getLocalPort())
        with_socket.close()
        self._slave = self._factory.createTCPSlave(loopback, port, 5, rtu)
        self._slave.addProcessImage(1, self._image)
        self._slave.open()
        return port

    def hold(self, words: list[int]) -> None:
        """Holding registers from 0."""
        register = jpype.JClass("com.ghgande.j2mod.modbus.procimg.SimpleRegister")
        for word in words:
            self._image.addRegister(register(word))


if __name__ == "__main__":
    start_jvm("j2mod")
    slave = _Slave()
    serve({"listen": slave.listen, "hold": slave.hold})
