"""HiveMQ Community Edition, embedded: an MQTT broker that speaks 3.1.1 and 5, in memory."""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import jpype

from tests.support.java.driver import serve, start_jvm

_LISTENER = """<{kind}-listener><port>{port}</port><bind-address>127.0.0.1</bind-address>{more}</{kind}-listener>"""
_TLS = """<tls>
  <keystore><path>{keystore}</path><password>{password}</password>
    <private-key-password>{password}</private-key-password></keystore>
  <truststore><path>{truststore}</path><password>{password}</password></truststore>
  <client-authentication-mode>REQUIRED</client-authentication-mode>
</tls>"""
_CONFIG = """<?xml version="1.0"?>
<hivemq>
  <listeners>{listeners}</listeners>
  <persistence><mode>in-memory</mode></persistence>
  <mqtt><receive-maximum><server-receive-maximum>100</server-receive-maximum></receive-maximum></mqtt>
  <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
</hivemq>"""


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class _Server:
    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="hivemq-"))
        self._ports = {"tcp": _free_port(), "tls": _free_port(), "websocket": _free_port()}
        self._broker: Any = None
        self._tls = ""

    def start(self, keystore: str = "", truststore: str = "", password: str = "") -> dict[str, int]:
        """Start; its ports. With a keystore there is a TLS listener, which asks for certificates."""
        listeners = _LISTENER.format(kind="tcp", port=self._ports["tcp"], more="")
        more = "<path>/mqtt</path><subprotocols><subprotocol>mqtt</subprotocol></subprotocols>"
        listeners += _LISTENER.format(kind="websocket", port=self._ports["websocket"], more=more)
        if keystore:
            self._tls = _TLS.format(keystore=keystore, truststore=truststore, password=password)
        if self._tls:
            listeners += _LISTENER.format(kind="tls-tcp", port=self._ports["tls"], more=self._tls)
        for name in ("conf", "data", "extensions"):
            (self._folder / name).mkdir(exist_ok=True)
        (self._folder / "conf" / "config.xml").write_text(_CONFIG.format(listeners=listeners))
        path = jpype.JClass("java.nio.file.Path").of
        self._broker = (
            jpype.JClass("com.hivemq.embedded.EmbeddedHiveMQ")
            .builder()
            .withConfigurationFolder(path(str(self._folder / "conf")))
            .withDataFolder(path(str(self._folder / "data")))
            .withExtensionsFolder(path(str(self._folder / "extensions")))
            .build()
        )
        self._broker.start().join()
        return self._ports

    def until_nobody_is_connected(self) -> None:
        """The broker notices a good-bye some time after it was said."""
        connections = "com.hivemq.networking.connections.current"
        while self._broker.getMetricRegistry().getGauges().get(connections).getValue():
            time.sleep(0.02)


if __name__ == "__main__":
    start_jvm("hivemq")
    server = _Server()
    serve({"start": server.start, "until_nobody_is_connected": server.until_nobody_is_connected})
