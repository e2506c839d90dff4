"""What a server remembers of the time in which nobody listened (Part 11, raw values)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from asyncua import ua

from adapters.opcua.config import OpcUaConfig
from adapters.opcua.connection import Connection
from adapters.opcua.errors import told
from adapters.opcua.items import Item, SampleMaker, Troubles
from adapters.opcua.messages import HistoryPage, history_pages
from adapters.opcua.plan import Limits
from adapters.opcua.status import symbol
from ironstream.gateway.adapter import DeviceRefusedError, Fault, Sample

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BAD: Final = 0x80000000


@dataclass(slots=True)
class _Wanted:
    """The gap of one item: values after `after_us` and before `before_us` (source times)."""

    item: Item
    after_us: int
    before_us: int
    more: bytes | None = None
    count: int = 0

    @property
    def length_us(self) -> int:
        """How long the gap is."""
        return self.before_us - self.after_us


class Gap:
    """The gaps of all items after a loss, fetched page by page."""

    def __init__(
        self, connection: Connection, config: OpcUaConfig, limits: Limits, maker: SampleMaker, troubles: Troubles
    ) -> None:
        self._connection = connection
        self._config = config
        self._per_call = limits.history
        self._maker = maker
        self._troubles = troubles
        self._wanted: dict[str, _Wanted] = {}

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def add(self, item: Item, before_us: int, now_us: int) -> None:
        """Fetch what an item was between what was last told and `before_us`."""
        if item.node is None or item.last_us is None or not item.has_history:
            return
        after_us = max(item.last_us, now_us - int(self._config.history_max_s * 1e6))
        if before_us - after_us > 1:
            self._wanted[item.key] = _Wanted(item, after_us, before_us)

    def holds(self, item: Item) -> bool:
        """Whether something of an item is still to be fetched; what it sends now must wait."""
        return item.key in self._wanted

    async def step(self, now_us: int) -> list[Sample]:
        """Ask for the next page of the next items. Raises AdapterError; cancelled, it loses nothing."""
        chunk = self._next()
        try:
            answer = await self._connection.ask_raw(self._request(chunk), "reading history")
        except DeviceRefusedError as error:
            if len(chunk) > 1 and symbol(error.code) in ("BadTooManyOperations", "BadResponseTooLarge"):
                self._per_call = len(chunk) // 2
            else:
                self._give_up(str(error))
            return []
        samples: list[Sample] = []
        with told(self._config.where, "reading history"):
            pages = history_pages(answer)
        for wanted, page in zip(chunk, pages, strict=False):
            samples += self._take(wanted, page, now_us)
        return samples

    def _next(self) -> list[_Wanted]:
        """The gaps of the next call. It has one range of time: gaps of about one length go together."""
        # a server keeps few continuation points: those that are open go first
        ordered = sorted(self._wanted.values(), key=lambda wanted: (wanted.more is None, -wanted.after_us))
        longest_us = 2 * ordered[0].length_us + 1_000_000
        return [wanted for wanted in ordered if wanted.length_us <= longest_us][: self._per_call]

    def _take(self, wanted: _Wanted, page: HistoryPage, now_us: int) -> list[Sample]:
        item, key = wanted.item, wanted.item.key
        if page.status & _BAD:
            del self._wanted[key]
            # the next loss need not ask again
            item.has_history = False
            self._troubles.add(
                Fault("device", f"{self._config.where} gives no history of {key}: {symbol(page.status)}")
            )
            return []
        samples: list[Sample] = []
        newest_us = wanted.after_us
        for value in page.values:
            if value.source_us is not None and wanted.after_us < value.source_us < wanted.before_us:
                samples += self._maker.make(item, now_us, value, historical=True)
                newest_us = max(newest_us, value.source_us)
        wanted.count += len(page.values)
        full = len(page.values) >= self._config.history_page and newest_us > wanted.after_us
        if wanted.count >= self._config.history_max_values and (page.more or full):
            limit = self._config.history_max_values
            self._troubles.add(Fault("device", f"more than {limit} values of {key} in history: the rest is left there"))
            del self._wanted[key]
        elif page.more:
            wanted.more = page.more
        elif full:
            # servers without continuation points just stop at the limit
            wanted.after_us, wanted.more = newest_us, None
        else:
            del self._wanted[key]
        return samples

    def _give_up(self, why: str) -> None:
        self._wanted.clear()
        self._troubles.add(Fault("device", f"no history: {why}"))

    def _request(self, chunk: list[_Wanted]) -> ua.HistoryReadRequest:
        # one range is for all nodes of a call; what is outside of a node's own is passed over
        details = ua.ReadRawModifiedDetails()
        details.IsReadModified = False
        details.StartTime = _time(min(wanted.after_us for wanted in chunk))
        details.EndTime = _time(max(wanted.before_us for wanted in chunk))
        details.NumValuesPerNode = self._config.history_page
        details.ReturnBounds = False
        request = ua.HistoryReadRequest()
        request.Parameters.HistoryReadDetails = details
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.ReleaseContinuationPoints = False
        request.Parameters.NodesToRead = [_value_id(wanted) for wanted in chunk]
        return request


def _value_id(wanted: _Wanted) -> ua.HistoryReadValueId:
    value = ua.HistoryReadValueId()
    value.NodeId = wanted.item.node
    value.ContinuationPoint = wanted.more
    return value


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
