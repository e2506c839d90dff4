"""A Kafka broker as a child process: start, readiness, stop, kill, restart on the same data."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ironstream.embedded.config import HOST, java_command, server_properties
from ironstream.embedded.guarded import GuardedProcess
from ironstream.embedded.jars import JarProgress, PlainProgress, ensure_jars, jar_folder, kafka_version, locked_jars
from ironstream.embedded.java import find_java
from ironstream.embedded.ports import free_port, is_free, listens
from ironstream.embedded.server import PORT_TRIES, EmbeddedServer
from ironstream.embedded.storage import Storage
from ironstream.errors import BrokerError

START_TIMEOUT_S: Final = 90.0
_LOCK_WAIT_S: Final = 15.0
_POLL_S: Final = 0.05
_TAIL_LINES: Final = 15


class EmbeddedKafka(EmbeddedServer):
    """Apache Kafka for this machine: a single KRaft node on 127.0.0.1 whose data in `data_dir` outlive it.

    `port` 0 takes a free one, and keeps it for later starts of the same object. The broker ends with this process,
    also when that is killed. Nothing is bound to an event loop: `asyncio.run(kafka.start())` from synchronous code
    leaves a broker that any loop may use and stop. `progress` is called from other threads during the first download;
    without it, lines on stderr tell of it.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        heap_mb: int = 512,
        java: Literal["bundled", "system"] = "bundled",
        progress: Callable[[JarProgress], None] | None = None,
    ) -> None:
        super().__init__(GuardedProcess(), port)
        self._storage = Storage(data_dir.absolute())
        self._heap_mb = heap_mb
        self._java = java
        self._progress = progress or PlainProgress()
        self._log_start = 0

    @property
    def bootstrap(self) -> str:
        """Address for clients, `127.0.0.1:PORT`. Raises BrokerError before the first start on a free port."""
        if not self._port:
            raise BrokerError("The embedded Kafka has no port before its start.", "Call start() first.")
        return f"{HOST}:{self._port}"

    @property
    def log_file(self) -> Path:
        """Kafka's own log."""
        return self._storage.kafka_log

    async def start(self) -> None:
        """Fetch what is missing, format the folder on first use, start, return when Kafka answers a metadata request.

        Raises BrokerError when a jar cannot be fetched, Java is missing or too old, the folder is in use, damaged or
        of another version, the port is taken, or the broker dies (with its last log lines). After an error nothing
        runs.
        """
        if self.running:
            return
        gave_up = threading.Event()
        try:
            command = await asyncio.to_thread(self._java_command, gave_up.is_set)
        except asyncio.CancelledError:
            gave_up.set()
            raise
        lock = await self._storage.lock(_LOCK_WAIT_S)
        try:
            cluster_id = await _to_the_end(self._prepare, command)
            for attempt in range(1, PORT_TRIES + 1):
                self._launch(command, lock)
                try:
                    await self._wait_until_ready(cluster_id)
                    self._port_is_ours = False  # clients know it now
                    break
                except BaseException as err:
                    self.kill()
                    if not (isinstance(err, _PortTakenError) and self._choose_another_port(attempt)):
                        raise
        finally:
            # from here on the lock is held by the broker's processes alone
            os.close(lock)

    def _java_command(self, cancelled: Callable[[], bool]) -> list[str]:
        java = find_java(self._java)
        jars = ensure_jars(locked_jars(), jar_folder(), self._progress, cancelled)
        return java_command(java, jars, self._heap_mb, self._storage.kafka_log)

    def _prepare(self, command: list[str]) -> str:
        version = kafka_version()
        if self._storage.formatted:
            cluster_id = self._storage.cluster_id(version)
            self._storage.stamp(version)
            return cluster_id
        return self._storage.format([*command, "kafka.tools.StorageTool"], server_properties(9092, 9093), version)

    def _launch(self, command: list[str], lock: int) -> None:
        if not self._port:
            self._port = free_port()
        elif not is_free(self._port):
            raise _PortTakenError(self._port)
        storage = self._storage
        storage.server_properties.write_text(
            server_properties(self._port, free_port()) + f"log.dirs={storage.log_dir}\n", encoding="utf-8"
        )
        self._log_start = storage.kafka_log.stat().st_size if storage.kafka_log.exists() else 0
        with storage.jvm_output.open("wb") as output:
            # Ctrl-C does not reach it but the workers, which still need the broker to commit
            self._process.launch([*command, "kafka.Kafka", str(storage.server_properties)], output, kept=lock)

    async def _wait_until_ready(self, cluster_id: str) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT_S
        while loop.time() < deadline:
            if not self.running:
                raise self._died()
            if await listens(self._port) and await _answers(self.bootstrap, cluster_id):
                return
            await asyncio.sleep(_POLL_S)
        raise BrokerError(
            f"Kafka has not become ready within {START_TIMEOUT_S:.0f} s. Its last words:\n{self._last_words()}",
            f"All of its log: {self._storage.kafka_log}",
        )

    def _died(self) -> BrokerError:
        words = self._last_words()
        if "Address already in use" in words:
            return _PortTakenError(self._port)
        return BrokerError(
            f"Kafka died at its start. Its last words:\n{words}",
            f"All of its log: {self._storage.kafka_log} (disk full? too little memory for IRONSTREAM_KAFKA_HEAP_MB?)",
        )

    def _last_words(self) -> str:
        lines = []
        for path, start in ((self._storage.jvm_output, 0), (self._storage.kafka_log, self._log_start)):
            if path.exists():
                with path.open("rb") as file:
                    file.seek(start if path.stat().st_size >= start else 0)
                    lines += file.read().decode(errors="replace").splitlines()
        # a stack trace pushes out what it is about
        said = [line for line in lines if not line.startswith("\tat ")]
        return "\n".join(f"    {line}" for line in said[-_TAIL_LINES:]) or "    (nothing)"


class _PortTakenError(BrokerError):
    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} on {HOST} is taken by another program.",
            f"Find it with `ss -ltnp 'sport = :{port}'` and stop it, or choose another port (0: a free one).",
        )


async def _to_the_end(function: Callable[[list[str]], str], argument: list[str]) -> str:
    """Run in a thread that finishes even if this task is cancelled: it must not run beside what follows."""
    work = asyncio.ensure_future(asyncio.to_thread(function, argument))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


async def _answers(bootstrap: str, cluster_id: str) -> bool:
    """Whether the broker there belongs to the cluster, has a controller and lists itself."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000, client_id="ironstream-start")
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
    return bool(cluster["brokers"]) and cluster["controller_id"] >= 0 and cluster["cluster_id"] == cluster_id
