"""An agent of one side at work on one partition: the real logic over a store of its own that begins empty."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Final

from ironstream.engine.api import Chunk, LogicFactory
from ironstream.engine.database import StoreOptions
from ironstream.engine.store import LocalCommit, PartitionStore
from ironstream.whatif.outputs import ShadowOutputs

_COMMIT_RECORDS: Final = 50_000


class ShadowPartition:
    """State of an agent on a partition. It is kept on disk as a worker keeps it, so that memory is bounded alike; there
    is no changelog, because nobody is to go on with it.
    """

    def __init__(
        self, factory: LogicFactory, number: int, folder: Path, options: StoreOptions, outputs: ShadowOutputs
    ) -> None:
        self.outputs = outputs
        self._folder = folder
        folder.mkdir(parents=True)
        self._store = PartitionStore(folder, options)
        self._logic = factory(self._store, number)
        self._uncommitted = 0
        self._commits = 0

    def apply(self, chunk: Chunk) -> None:
        """Take a chunk, and commit when it is time."""
        self.outputs.begin(chunk)
        self._logic.apply(chunk, self.outputs)
        self.outputs.end()
        self._uncommitted += len(chunk.records)
        if self._uncommitted >= _COMMIT_RECORDS:
            self._commit(chunk.next_offset)

    def _commit(self, position: int) -> None:
        self._logic.flush()
        self._commits += 1
        commit = LocalCommit(b"", 0, position, self._commits, int(time.time() * 1000))
        self._store.write(self._store.take_changes().items(), commit)
        self._uncommitted = 0

    def close(self) -> None:
        """Give up the state."""
        self._store.close()
        shutil.rmtree(self._folder, ignore_errors=True)
