"""One subscription: made, fed with publish requests, watched. What comes goes into an `Intake`."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from asyncua import ua

from adapters.opcua.alarm_config import AlarmSource
from adapters.opcua.alarms import event_filter
from adapters.opcua.config import OpcUaConfig
from adapters.opcua.connection import Connection
from adapters.opcua.directory import Directory
from adapters.opcua.intake import Batch, Intake
from adapters.opcua.items import Item, Troubles
from adapters.opcua.messages import Change, Publication, publication, republished
from adapters.opcua.monitoring import data_item, event_item, without_filter
from adapters.opcua.node_ids import node_id
from adapters.opcua.plan import chunks
from adapters.opcua.status import symbol
from adapters.opcua.wire import DataValue
from ironstream.gateway.adapter import (
    AdapterError,
    DeviceConnectionError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    Fault,
)

_PUBLISHERS: Final = 2
"""Publish requests that wait at the server, so that it can answer while the answer before is on its way."""
_MOST_REPUBLISHED: Final = 20
_RUNNING: Final = 0
_STATES: Final = (
    "Running",
    "Failed",
    "NoConfiguration",
    "Suspended",
    "Shutdown",
    "Test",
    "CommunicationFault",
    "Unknown",
)
_LIFETIME_S: Final = 60.0
_FILTER_REFUSED: Final = frozenset(
    {
        "BadDeadbandFilterInvalid",
        "BadFilterNotAllowed",
        "BadMonitoredItemFilterInvalid",
        "BadMonitoredItemFilterUnsupported",
    }
)


class Listener:
    """Handles are places: of `items`, then of `sources`. Every method raises AdapterError but `close`."""

    def __init__(
        self,
        connection: Connection,
        directory: Directory,
        config: OpcUaConfig,
        items: Sequence[Item],
        troubles: Troubles,
        intake: Intake,
        wall_us: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._directory = directory
        self._config = config
        self._items = items
        self._sources: Sequence[AlarmSource] = config.alarms
        self._troubles = troubles
        self._intake = intake
        self._wall_us = wall_us
        self._subscription = 0
        self._silence_s = config.heartbeat_timeout_s
        self._heard_s = 0.0
        self._sequence: int | None = None
        self._acknowledge: list[ua.SubscriptionAcknowledgement] = []
        self._failed_items: set[int] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Create the subscription and its items. An item that cannot be is BAD, and tried again later."""
        await self._create_subscription()
        self._heard_s = time.monotonic()
        self._tasks = [asyncio.create_task(self._guard(self._publish()), name="publish") for _ in range(_PUBLISHERS)]
        self._tasks.append(asyncio.create_task(self._guard(self._watch()), name="watch"))
        await self.monitor(range(len(self._items)))
        await self._monitor_events()

    async def refresh(self) -> None:
        """Ask for all conditions of the server as they are now."""
        call = ua.CallMethodRequest()
        call.ObjectId = node_id(ua.ObjectIds.ConditionType)
        call.MethodId = node_id(ua.ObjectIds.ConditionType_ConditionRefresh)
        call.InputArguments = [ua.Variant(self._subscription, ua.VariantType.UInt32)]
        request = ua.CallRequest()
        request.Parameters.MethodsToCall = [call]
        try:
            answer = await self._connection.ask(request, ua.CallResponse, "asking for all conditions")
            status = answer.Results[0].StatusCode.value if answer.Results else 0
        except DeviceRefusedError as error:
            status = error.code
        if status & 0x80000000 and symbol(status) != "BadRefreshInProgress":
            text = f"{self._config.where} does not tell its present alarms ({symbol(status)}): only changes from now on"
            self._troubles.add(Fault("device", text))

    async def close(self) -> None:
        """End what runs; the server deletes the subscription with the session."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def monitor(self, handles: Sequence[int]) -> None:
        """Create the monitored items of these places. Those that fail are BAD and remembered."""
        there = [handle for handle in handles if self._items[handle].node is not None]
        for handle in handles:
            if self._items[handle].node is None:
                self._fail(handle, int(ua.StatusCodes.BadNodeIdUnknown))
        for chunk in chunks(there, self._directory.limits.monitor):
            requests = [data_item(self._config, self._items[handle], handle) for handle in chunk]
            again: list[tuple[int, ua.MonitoredItemCreateRequest]] = []
            for handle, request, status in zip(chunk, requests, await self._create(requests), strict=True):
                plain = without_filter(request)
                if status & 0x80000000 and plain is not None and symbol(status) in _FILTER_REFUSED:
                    text = f"{self._items[handle].tag.key}: {symbol(status)}: the server's deadband is left out"
                    self._troubles.add(Fault("device", text))
                    again.append((handle, plain))
                else:
                    self._settle(handle, status)
            if again:
                for (handle, _), status in zip(again, await self._create([r for _, r in again]), strict=True):
                    self._settle(handle, status)

    async def _monitor_events(self) -> None:
        names = [self._config.node(source.notifier) for source in self._sources]
        for place, node in enumerate(await self._directory.find(names)):
            status = int(ua.StatusCodes.BadNodeIdUnknown)
            if node is not None:
                request = event_item(node, len(self._items) + place, event_filter())
                (status,) = await self._create([request])
            if status & 0x80000000:
                text = f"{self._config.where} does not notify by {self._sources[place].notifier}: {symbol(status)}"
                self._troubles.add(Fault("device", text))
        if self._sources:
            await self.refresh()

    async def _create_subscription(self) -> None:
        config = self._config
        request = ua.CreateSubscriptionRequest()
        parameters = request.Parameters
        parameters.RequestedPublishingInterval = 1000 * config.publishing_interval_s
        keep_alive = max(1, int(config.heartbeat_timeout_s / 3 / config.publishing_interval_s))
        parameters.RequestedMaxKeepAliveCount = keep_alive
        lifetime_s = max(_LIFETIME_S, 3 * config.heartbeat_timeout_s)
        parameters.RequestedLifetimeCount = max(3 * keep_alive, math.ceil(lifetime_s / config.publishing_interval_s))
        parameters.MaxNotificationsPerPublish = 10_000
        parameters.PublishingEnabled = True
        answer = await self._connection.ask(request, ua.CreateSubscriptionResponse, "subscribing")
        made = answer.Parameters
        self._subscription = made.SubscriptionId
        # a server that keeps alive less often than we asked for is not dead
        keep_alive_s = made.RevisedPublishingInterval / 1000 * made.RevisedMaxKeepAliveCount
        self._silence_s = max(config.heartbeat_timeout_s, 2.5 * keep_alive_s)

    async def _create(self, requests: list[ua.MonitoredItemCreateRequest]) -> list[int]:
        request = ua.CreateMonitoredItemsRequest()
        request.Parameters.SubscriptionId = self._subscription
        request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        request.Parameters.ItemsToCreate = requests
        answer = await self._connection.ask(request, ua.CreateMonitoredItemsResponse, "creating monitored items")
        results = list(answer.Results or ())
        if len(results) != len(requests):
            raise self._directory.misfit(len(results), len(requests))
        return [int(result.StatusCode.value) for result in results]

    def _settle(self, handle: int, status: int) -> None:
        if status & 0x80000000:
            self._fail(handle, status)
        else:
            self._failed_items.discard(handle)

    def _fail(self, handle: int, status: int) -> None:
        if handle not in self._failed_items:
            self._failed_items.add(handle)
            self._intake.put(Batch(self._wall_us(), [Change(handle, DataValue(None, 0, status, None, None))], []))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except AdapterError as error:
            self._intake.fail(error)

    async def _publish(self) -> None:
        """Ask for what has changed, again and again, but not while nobody takes it.

        The server then keeps as much of each node as its queue is long, and history has the rest.
        """
        while True:
            if not self._intake.has_room:
                await self._intake.room()
                self._heard_s = time.monotonic()
            request = ua.PublishRequest()
            request.Parameters.SubscriptionAcknowledgements, self._acknowledge = self._acknowledge, []
            try:
                answer = await self._connection.ask_raw(request, "waiting for changes", timeout_s=0)
            except DeviceTimeoutError:
                # without a limit of ours it is the server's: the request was too old for it
                continue
            except DeviceRefusedError as error:
                if symbol(error.code) == "BadTooManyPublishRequests" and len(self._tasks) > 1:
                    return
                raise
            try:
                told = publication(answer)
            except ValueError as error:
                raise DeviceProtocolError(
                    f"{self._config.where} sent changes that cannot be read: {error}", "see whether it has an update"
                ) from error
            await self._take(told)

    async def _take(self, told: Publication) -> None:
        self._heard_s = time.monotonic()
        if told.status is not None:
            raise DeviceConnectionError(
                f"{self._config.where} ended the subscription: {symbol(told.status)}", "it is made anew"
            )
        expected = told.sequence if self._sequence is None else self._sequence % 0xFFFFFFFF + 1
        if told.keep_alive:
            self._sequence = told.sequence - 1 if told.sequence > 1 else 0xFFFFFFFF
        else:
            self._sequence = told.sequence
            acknowledgement = ua.SubscriptionAcknowledgement(self._subscription, told.sequence)
            self._acknowledge.append(acknowledgement)
        self._intake.put(Batch(self._wall_us(), told.changes, told.events, told.time_us))
        if told.sequence > expected:
            await self._republish(range(expected, told.sequence))

    async def _republish(self, sequences: range) -> None:
        """Ask once more for notifications that did not arrive."""
        for sequence in sequences[:_MOST_REPUBLISHED]:
            request = ua.RepublishRequest()
            request.Parameters.SubscriptionId = self._subscription
            request.Parameters.RetransmitSequenceNumber = sequence
            try:
                told = republished(await self._connection.ask_raw(request, "asking once more for what was lost"))
            except (DeviceRefusedError, ValueError):
                self._troubles.add(
                    Fault("overflow", f"{self._config.where} lost notification {sequence} of its changes")
                )
                continue
            self._acknowledge.append(ua.SubscriptionAcknowledgement(self._subscription, sequence))
            self._intake.put(Batch(self._wall_us(), told.changes, told.events, told.time_us))

    async def _watch(self) -> None:
        """Notice that the server is silent, or not running, and try again what could not be monitored."""
        pause_s = min(self._silence_s / 3, self._config.probe_interval_s)
        probed_s = time.monotonic()
        while True:
            await asyncio.sleep(pause_s)
            now_s = time.monotonic()
            if self._intake.has_room and now_s - self._heard_s > self._silence_s:
                raise DeviceTimeoutError(
                    f"{self._config.where} has sent nothing for {self._silence_s:g} s, not even that it lives",
                    "check the network and the load of the server, or raise heartbeat_timeout_s",
                )
            state_id = node_id(ua.ObjectIds.Server_ServerStatus_State)
            (state,) = await self._directory.read([(state_id, ua.AttributeIds.Value)])
            if isinstance(state.value, int) and state.value != _RUNNING and 0 < state.value < len(_STATES):
                self._troubles.add(Fault("device", f"{self._config.where} is in state {_STATES[state.value]}"))
            if self._failed_items and now_s - probed_s >= self._config.probe_interval_s:
                probed_s = now_s
                failed = sorted(self._failed_items)
                await self._directory.locate([self._items[handle] for handle in failed])
                await self.monitor([handle for handle in failed if self._items[handle].node is not None])
