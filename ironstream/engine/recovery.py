"""Table recovery as the engine does it: restore each partition from its changelog, then resume the streams."""

from __future__ import annotations

from typing import Any, cast

from faust.tables import recovery as faust_recovery
from faust.tables.manager import TableManager as FaustTableManager
from faust.types import TP
from mode import Service

from ironstream.errors import IronstreamError


class Recovery(faust_recovery.Recovery):
    """Waits for an assignment, restores it, resumes. A newer assignment interrupts and starts again."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """A new assignment: let the restore task look at it."""
        self._generation_id = generation_id
        self.signal_recovery_start.set()

    @Service.task
    async def _restart_recovery(self) -> None:
        app = cast(Any, self.app)
        while not self.should_stop:
            if await self.wait_for_stopped(cast(Any, self.signal_recovery_start)):
                return
            self.signal_recovery_start.clear()
            generation = self._generation_id
            try:
                await self._wait(app.take_over(app.consumer.assignment()))
                if generation == app.consumer_generation_id:
                    await self._resume_streams(generation_id=generation)
            except faust_recovery.RebalanceAgain:
                continue
            except faust_recovery.ServiceStopped:
                return
            except IronstreamError as err:
                app.fail(err)
                return

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """The restore reads changelogs with a consumer of its own."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Progress is the restore's to report."""


class TableManager(FaustTableManager):
    """Table manager without Faust tables: state belongs to the engine's partitions."""

    async def on_start(self) -> None:
        """Faust sleeps a second here for tables to register; there are none."""
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> faust_recovery.Recovery:
        """The engine's recovery."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
