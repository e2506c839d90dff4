"""Report by exception: which of the samples of one point are sent. Pure; times in µs."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isfinite

from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS, Sample
from ironstream.gateway.report_config import ReportConfig, ReportMode, SwingingDoorConfig


@dataclass(slots=True)
class Reporter:
    """Decides for one point. Feed every sample that was read, in order; send what `step` returns, in order.

    A sample that leaves the deadband (or the swinging door) comes with the one held before it, at its own time, so a
    straight line between the sent samples shows when the value really began to move. Samples that are not a finite
    number, changes of quality and steps back of the clock are sent at once. Lines are drawn over the device's time;
    a period ends by either clock, so that a device whose clock stands still is not silent for ever.
    """

    config: ReportConfig
    _sent: Sample | None = None
    _held: Sample | None = None
    _door: _Door = field(default_factory=lambda: _Door())
    _every: bool = field(init=False)

    def __post_init__(self) -> None:
        self._every = self.config.mode is ReportMode.ON_RECEIVED

    def step(self, sample: Sample) -> list[Sample]:
        """The samples to send now that `sample` was read: none, itself, or the held one and itself."""
        if self._every and sample.reason is not COMM_LOSS:
            # nothing is ever held back, so there is nothing to compare with
            self._sent = sample
            return [sample]
        sent = self._sent
        if not _is_number(sample):
            if sent is not None and not _is_number(sent) and _state(sample) == _state(sent):
                return self._again(sample)
            return self._send_with_held(sample)
        back = sent is not None and sample.time_us < sent.time_us
        if sent is None or back or _state(sample) != _state(sent) or not _is_number(sent):
            return self._send_with_held(sample)
        if self.config.swinging_door is not None:
            return self._swing(self.config.swinging_door, sample, sent)
        return self._compare(sample, sent)

    @property
    def lost(self) -> bool:
        """Whether the last that was sent is the loss of the device."""
        return self._sent is not None and self._sent.reason == COMM_LOSS

    def drain(self) -> list[Sample]:
        """The held sample, if any, when reading stops: the last state of the signal is never lost."""
        held, self._held = self._held, None
        return [held] if held is not None else []

    def _compare(self, sample: Sample, sent: Sample) -> list[Sample]:
        mode = self.config.mode
        if mode is ReportMode.ON_RECEIVED:
            return self._send(sample)
        if mode is not ReportMode.ON_PERIOD and self._has_changed(sample, sent):
            return self._send_with_held(sample)
        if mode is not ReportMode.ON_CHANGE and self._is_due(sample, sent):
            return self._send(sample)
        # a sample between two periods says nothing that the next one does not
        self._held = None if mode is ReportMode.ON_PERIOD else sample
        return []

    def _swing(self, door: SwingingDoorConfig, sample: Sample, sent: Sample) -> list[Sample]:
        if _elapsed_us(sent, sample) < door.min_time_s * 1e6:
            return []
        out: list[Sample] = []
        held = self._held
        if held is not None and not self._door.admits(sent, sample):
            out, sent = self._send(held), held
        self._door.close_on(sent, sample, door.threshold)
        max_us = min(door.max_time_s, self.config.period_s or inf) * 1e6
        if _elapsed_us(sent, sample) >= max_us:
            return out + self._send(sample)
        self._held = sample
        return out

    def _again(self, sample: Sample) -> list[Sample]:
        """The same bad state once more. A lost device is told once; a dead sensor as often as the mode asks for."""
        if sample.reason == COMM_LOSS or self._sent is None:
            return []
        mode = self.config.mode
        due = mode is not ReportMode.ON_CHANGE and self._is_due(sample, self._sent)
        return self._send(sample) if mode is ReportMode.ON_RECEIVED or due else []

    def _has_changed(self, sample: Sample, sent: Sample) -> bool:
        value, last = _number(sample), _number(sent)
        threshold = self.config.deadband or abs(last) * self.config.deadband_percent / 100
        return abs(value - last) > threshold

    def _is_due(self, sample: Sample, sent: Sample) -> bool:
        return _elapsed_us(sent, sample) >= self.config.period_s * 1e6

    def _send_with_held(self, sample: Sample) -> list[Sample]:
        return self.drain() + self._send(sample)

    def _send(self, sample: Sample) -> list[Sample]:
        self._sent, self._held = sample, None
        self._door.open()
        return [sample]


@dataclass(slots=True)
class _Door:
    """Slopes (per µs) that a line from the last sent sample may have without missing any sample since by too much."""

    low: float = -inf
    high: float = inf

    def open(self) -> None:
        self.low, self.high = -inf, inf

    def admits(self, pivot: Sample, sample: Sample) -> bool:
        elapsed_us = sample.time_us - pivot.time_us
        if elapsed_us <= 0:
            return False
        return self.low <= (_number(sample) - _number(pivot)) / elapsed_us <= self.high

    def close_on(self, pivot: Sample, sample: Sample, threshold: float) -> None:
        elapsed_us = sample.time_us - pivot.time_us
        if elapsed_us > 0:
            rise = _number(sample) - _number(pivot)
            self.low = max(self.low, (rise - threshold) / elapsed_us)
            self.high = min(self.high, (rise + threshold) / elapsed_us)


def _elapsed_us(earlier: Sample, later: Sample) -> int:
    """Time between two samples by the clock that has gone further."""
    return max(later.time_us - earlier.time_us, later.gateway_time_us - earlier.gateway_time_us)


def _state(sample: Sample) -> tuple[Quality, str | None]:
    return sample.quality, sample.reason


def _is_number(sample: Sample) -> bool:
    return isinstance(sample.value, int | float) and isfinite(sample.value)


def _number(sample: Sample) -> float:
    value = sample.value
    if not isinstance(value, int | float):
        raise TypeError(f"{sample.parameter}: {value!r} is not a number")
    return float(value)
