"""The smallest worker there is: counts the records of each key. Run as a module, with its configuration as JSON.

A record with the value `raise` makes the agent raise, one with `delete` forgets the key.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ironstream.contract import CONTROL_KEY, ID_HEADER
from ironstream.engine.api import Chunk, Outputs, PartitionLogic, Store
from ironstream.engine.app import App, Chunks, EngineConfig

SOURCE, COUNTS, NAME = "words", "counts", "counter"


class Counter:
    """Counts of one partition; each count leaves as a record with its source offset as id."""

    topology_version = 1
    topology_number = 1

    def __init__(self, store: Store, partition: int) -> None:
        self._store = store
        self._counts = {key: int(value) for key, value in store.scan(b"n/")}
        self._changed: set[bytes] = set()

    def apply(self, chunk: Chunk, out: Outputs) -> None:
        """Count every record that is not the engine's own."""
        for record in chunk.records:
            if record.key == CONTROL_KEY or record.key is None:
                continue
            if record.value == b"raise":
                raise ValueError(f"told to raise at offset {record.offset}")
            key = b"n/" + record.key
            if record.value == b"delete":
                self._counts.pop(key, None)
            else:
                self._counts[key] = self._counts.get(key, 0) + 1
            self._changed.add(key)
            count = b"%d" % self._counts.get(key, 0)
            out.send(COUNTS, record.key, count, record.timestamp, [(ID_HEADER, b"%d" % record.offset)])

    def flush(self) -> None:
        """Write what has changed."""
        for key in self._changed:
            if key in self._counts:
                self._store.put(key, b"%d" % self._counts[key])
            else:
                self._store.delete(key)
        self._changed.clear()


def make_app(configuration: str) -> App:
    """The worker's app. `configuration`: bootstrap, group, prefix, folder as a JSON object."""
    given = json.loads(configuration)
    app = App(
        EngineConfig(
            application_id=given["group"],
            client_settings={"bootstrap_servers": given["bootstrap"]},
            state_dir=Path(given["folder"]),
            topic_prefix=given["prefix"],
            commit_interval_s=0.3,
            session_timeout_s=6.0,
        )
    )

    def logic(store: Store, partition: int) -> PartitionLogic:
        return Counter(store, partition)

    @app.batch_agent(SOURCE, name=NAME, logic=logic)
    async def count(chunks: Chunks) -> None:
        async for chunk, partition in chunks:
            partition.logic.apply(chunk, partition.outputs)

    return app


if __name__ == "__main__":
    make_app(sys.argv[1]).Worker(loglevel="WARN").execute_from_commandline()
