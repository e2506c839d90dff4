"""A Kafka of three nodes on this machine, each broker and controller, for tests that end some of them."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ironstream.commands.children import Child
from ironstream.embedded import jars
from ironstream.embedded.config import HOST, java_command, server_properties
from ironstream.embedded.jars import PlainProgress
from ironstream.embedded.java import find_java
from ironstream.embedded.ports import free_port, listens
from ironstream.embedded.storage import Storage

NODES: Final = (1, 2, 3)
HEAP_MB: Final = 224
_READY_S: Final = 120.0
_THREE_COPIES: Final = {
    "offsets.topic.replication.factor": 3,
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    "share.coordinator.state.topic.replication.factor": 3,
    "share.coordinator.state.topic.min.isr": 2,
    "default.replication.factor": 3,
    "min.insync.replicas": 2,
    # a follower that was killed leaves the in-sync set after this time (default 30 s): writes wait for it no longer
    "replica.lag.time.max.ms": 10_000,
}


class EmbeddedCluster:
    """Three KRaft nodes whose data outlive them; each can be killed and started again on its own port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {node: free_port() for node in NODES}
        self._controller_ports = {node: free_port() for node in NODES}
        self._children: dict[int, Child] = {}

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes."""
        return ",".join(f"{HOST}:{port}" for port in self._ports.values())

    async def start(self) -> None:
        """Format all nodes, start them, return when each of them is a broker of the cluster."""
        await asyncio.to_thread(self._format)
        for node in NODES:
            self.start_node(node)
        await self.whole()

    def start_node(self, node: int) -> None:
        """Start one node; returns when its process is there."""
        self._children[node].start()

    def kill_node(self, node: int) -> None:
        """End one node as a power cut would."""
        self._children[node].kill()

    async def whole(self) -> None:
        """Return when all nodes serve and every partition has all its copies in sync. Raises AssertionError."""
        deadline = asyncio.get_running_loop().time() + _READY_S
        while asyncio.get_running_loop().time() < deadline:
            for child in self._children.values():
                assert child.running, f"a node died\n{child.last_words()}"
            if await self._is_whole():
                return
            await asyncio.sleep(0.2)
        raise AssertionError(f"the cluster is not whole after {_READY_S:.0f} s")

    async def leader_of(self, topic: str, partition: int) -> int:
        """Node that leads a partition."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            (found,) = await admin.describe_topics([topic])
        finally:
            await admin.close()
        return next(int(one["leader"]) for one in found["partitions"] if one["partition"] == partition)

    async def controller(self) -> int:
        """The active controller: brokers do not tell clients, so it is read where the nodes note their votes."""
        for _ in range(600):
            votes = []
            for node in NODES:
                state = json.loads((self._log_dir(node) / "__cluster_metadata-0" / "quorum-state").read_text())
                votes.append((state["leaderEpoch"], state["leaderId"]))
            if (leader := int(max(votes)[1])) > 0:
                return leader
            await asyncio.sleep(0.1)
        raise AssertionError("the cluster elects no controller")

    async def stop(self) -> None:
        """End all nodes."""
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            await asyncio.to_thread(child.stop)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _format(self) -> None:
        self._folder.mkdir(parents=True)
        java = find_java("bundled")
        found = jars.ensure_jars(jars.locked_jars(), jars.jar_folder(), PlainProgress(), lambda: False)
        first = Storage(self._folder / "1")
        first.folder.mkdir()
        tool = [*java_command(java, found, HEAP_MB, first.kafka_log), "kafka.tools.StorageTool"]
        first.format(tool, self._properties(1, with_folder=False), jars.kafka_version())
        for node in NODES:
            if node != 1:
                shutil.copytree(first.log_dir, self._log_dir(node))
                # the id of the folder is left out: a node gives itself one
                meta = self._log_dir(node) / "meta.properties"
                text = re.sub(r"(?m)^node\.id=.*$", f"node.id={node}", meta.read_text())
                meta.write_text(re.sub(r"(?m)^directory\.id=.*\n", "", text))
            config = self._folder / str(node) / "server.properties"
            config.write_text(self._properties(node, with_folder=True))
            command = java_command(java, found, HEAP_MB, self._folder / str(node) / "kafka.log")
            log_file = self._folder / str(node) / "kafka.out"
            self._children[node] = Child(f"kafka {node}", [*command, "kafka.Kafka", str(config)], log_file)

    def _properties(self, node: int, *, with_folder: bool) -> str:
        given = dict(
            line.split("=", 1)
            for line in server_properties(self._ports[node], self._controller_ports[node]).splitlines()
        )
        given |= {name: str(value) for name, value in _THREE_COPIES.items()}
        given["node.id"] = str(node)
        given["controller.quorum.voters"] = ",".join(
            f"{voter}@{HOST}:{port}" for voter, port in self._controller_ports.items()
        )
        if with_folder:
            given["log.dirs"] = str(self._log_dir(node))
        return "".join(f"{name}={value}\n" for name, value in given.items())

    def _log_dir(self, node: int) -> Path:
        return self._folder / str(node) / "log"

    async def _is_whole(self) -> bool:
        for port in self._ports.values():
            if not await listens(port):
                return False
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=5000)
        try:
            await admin.start()
            brokers = (await admin.describe_cluster())["brokers"]
            topics = await admin.describe_topics()
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await admin.close()
        return len(brokers) == len(NODES) and all(
            len(partition["isr"]) == len(partition["replicas"]) and partition["leader"] >= 0
            for topic in topics
            for partition in topic["partitions"]
        )
