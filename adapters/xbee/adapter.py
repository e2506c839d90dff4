"""The XBee adapter: one radio on a serial port of this machine, and the remote radios that it hears."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Final

from adapters.xbee.browse import Survey
from adapters.xbee.config import XBeeConfig
from adapters.xbee.link import Frame, SerialLink
from adapters.xbee.messages import LocalAnswer, Message, local_command, message_of, remote_command
from adapters.xbee.network import DISCOVER, Arrived, Network, Request
from ironstream.gateway.adapter import (
    DeviceConnectionError,
    DeviceProtocolError,
    DeviceTimeoutError,
    Offer,
    Point,
    Received,
)

_API_ENABLE: Final = "AP"
_DROPPED: Final = "frames were dropped because nothing was read for too long: Kafka was away, raise queue_frames"
_DAMAGED: Final = "frames came damaged: check cable and baud_rate, and use api_mode 2"


class XBeeAdapter:
    """Tells the values of each data frame and I/O sample as it comes. No I/O before `connect`."""

    paced = False

    def __init__(self, config: XBeeConfig, link: SerialLink) -> None:
        self._config = config
        self._link = link
        self._network = Network(config)
        self._frame_id = 0
        self._early: list[Frame] = []
        self._heard_s = 0.0
        self._asked_s: float | None = None

    @property
    def points(self) -> Sequence[Point]:
        """The tags, node by node, and the signal strength of each node where it is wanted."""
        return self._network.points

    async def connect(self) -> None:
        """Open the port and see that the radio answers in the configured mode.

        Raises DeviceConnectionError, DeviceTimeoutError or DeviceProtocolError.
        """
        await self.close()
        self._link.open()
        # its first answers are then read in either API mode: small numbers need no escapes
        self._frame_id = 0
        try:
            self._check(await self._ask(_API_ENABLE))
        except BaseException:
            await self.close()
            raise
        now = self._link.now()
        self._heard_s, self._asked_s = now.at_s, None
        self._network.begin(now.at_s)

    async def close(self) -> None:
        """Close the port; may be repeated, raises nothing."""
        self._early = []
        self._link.close()

    async def read(self) -> Received:
        """What the radios sent since the last read, waiting until there is something.

        A node that sent no value for its `silence_s` is BAD `comm_loss` once, and a fault. Raises DeviceConnectionError
        when the port is gone, and DeviceTimeoutError when the local radio does not answer any more.
        """
        while True:
            self._take_all()
            now = self._link.now()
            self._network.tick(now)
            with suppress(DeviceConnectionError):
                # the link keeps its failure, which is raised once all that came before it is told
                for request in self._network.requests():
                    self._send(request)
            received = self._network.received()
            if received.samples or received.faults:
                return received
            if self._link.failure is not None:
                raise self._link.failure
            due_s = min(self._network.due_s, self._keep_alive(now.at_s))
            await self._link.wait(due_s - now.at_s)

    def pending(self) -> Received:
        """What has come and was not read yet."""
        self._take_all()
        return self._network.received()

    async def acknowledge(self, receipt: object) -> None:
        """Nothing: a radio does not keep what it told."""

    async def browse(self, pattern: str = "*") -> AsyncIterator[Offer]:
        """The radios that answer Node Discovery or are heard within `discovery_timeout_s`, and what they sent.

        Raises DeviceConnectionError.
        """
        survey = Survey()
        end_s = self._link.now().at_s + self._config.discovery_timeout_s
        self._send(Request(DISCOVER))
        while (now_s := self._link.now().at_s) < end_s:
            for message, _ in self._messages():
                survey.take(message)
            if self._link.failure is not None:
                raise self._link.failure
            await self._link.wait(end_s - now_s)
        for offer in survey.offers():
            if fnmatchcase(offer.path, pattern):
                yield offer

    def _take_all(self) -> None:
        for message, arrived in self._messages():
            self._network.take(message, arrived)
        if self._link.dropped():
            self._network.trouble("overflow", _DROPPED)
        if self._link.damaged():
            self._network.trouble("protocol", _DAMAGED)

    def _messages(self) -> list[tuple[Message, Arrived]]:
        """What the frames say that have come; those that say nothing of use count as signs of life."""
        frames, self._early = self._early + self._link.fetch(), []
        messages: list[tuple[Message, Arrived]] = []
        for frame in frames:
            self._heard_s, self._asked_s = max(self._heard_s, frame.arrived.at_s), None
            try:
                message = message_of(frame.raw)
            except DeviceProtocolError as error:
                self._network.trouble(error.kind, str(error))
            else:
                if message is not None:
                    messages.append((message, frame.arrived))
        return messages

    def _keep_alive(self, now_s: float) -> float:
        """When to look again whether the local radio lives; asks it when it has been silent. Raises AdapterError."""
        if self._asked_s is None:
            if now_s < self._heard_s + self._config.keepalive_s:
                return self._heard_s + self._config.keepalive_s
            self._asked_s = now_s
            self._send(Request(_API_ENABLE))
        if now_s >= self._asked_s + self._config.timeout_s:
            raise self._silent()
        return self._asked_s + self._config.timeout_s

    async def _ask(self, command: str) -> LocalAnswer:
        """The answer of the local radio; what comes before it is kept for the first read."""
        self._send(Request(command))
        end_s = self._link.now().at_s + self._config.timeout_s
        while True:
            answer: LocalAnswer | None = None
            for frame in self._link.fetch():
                self._early.append(frame)
                answer = answer or _answer(frame, command)
            if answer is not None:
                return answer
            if self._link.failure is not None:
                raise self._link.failure
            now_s = self._link.now().at_s
            if now_s >= end_s:
                raise self._silent()
            await self._link.wait(end_s - now_s)

    def _check(self, answer: LocalAnswer) -> None:
        mode = int.from_bytes(answer.value, "big")
        if answer.ok and answer.value and mode != self._config.api_mode:
            raise DeviceProtocolError(
                f"the radio on {self._config.xbee_port} is in API mode {mode}, not {self._config.api_mode}",
                f"set api_mode: {mode} here, or AP {self._config.api_mode} in the radio",
            )

    def _send(self, request: Request) -> None:
        self._frame_id = self._frame_id % 255 + 1
        if request.address64 is None:
            self._link.send(local_command(self._frame_id, request.command))
        else:
            self._link.send(remote_command(self._frame_id, request.address64, request.command))

    def _silent(self) -> DeviceTimeoutError:
        return DeviceTimeoutError(
            f"the radio on {self._config.xbee_port} gives no answer in {self._config.timeout_s:g} s",
            f"check baud_rate, and that it is in API mode (AP {self._config.api_mode})",
        )


def xbee_modbus(config: XBeeConfig) -> XBeeAdapter:
    """The adapter of a radio on a serial port; no I/O yet."""
    return XBeeAdapter(config, SerialLink(config))


def _answer(frame: Frame, command: str) -> LocalAnswer | None:
    try:
        message = message_of(frame.raw)
    except DeviceProtocolError:
        # it is told by the first read, which takes the frame once more
        return None
    return message if isinstance(message, LocalAnswer) and message.command == command else None
