"""Clean readings of two versions, compared chunk by chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from ironstream.engine.records import Records
from ironstream.kernels.layout import HEADERS, PADDING, VALUE
from ironstream.whatif.pairs import AFTER, BEFORE, SIDES
from ironstream.whatif.report import Clean, Counts


class _Reading(msgspec.Struct, gc=False):
    """What is counted of a clean reading, and whose it is."""

    tenant_id: str
    site_id: str
    asset_id: str
    parameter: str
    quality: str
    quality_reasons: list[str] = []


_decode = msgspec.json.Decoder(_Reading).decode


class CleanReadings:
    """Counts clean readings of both sides.

    A reading has its place on the log as id, and leaves with its chunk: so those of one chunk find their counterparts
    among themselves, and nothing is kept.
    """

    def __init__(self) -> None:
        self.series: set[str] = set()
        """Series with a reading that is not the same on both sides."""
        self._kinds: tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]] = (Counter(), Counter())
        """By quality and then the reasons."""
        self._changed = 0
        self._unequal = 0

    def take(self, before: Sequence[Records], after: Sequence[Records]) -> None:
        """Take what both sides made of one chunk."""
        if _alike(before, after):
            # nearly always, and then half of the work is enough
            same = Counter(_kind(_decode(value)) for _, value in _rows(before))
            for kinds in self._kinds:
                kinds.update(same)
            return
        left, right = dict(_rows(before)), dict(_rows(after))
        for key in left | right:
            was, now = left.get(key), right.get(key)
            if was == now and was is not None:
                kind = _kind(_decode(was))
                for kinds in self._kinds:
                    kinds[kind] += 1
                continue
            self._unequal += 1
            self._changed += was is not None and now is not None
            for side, value in ((BEFORE, was), (AFTER, now)):
                if value is not None:
                    reading = _decode(value)
                    self._kinds[side][_kind(reading)] += 1
                    self.series.add(f"{reading.tenant_id}/{reading.site_id}/{reading.asset_id}/{reading.parameter}")

    @property
    def same(self) -> bool:
        """Whether both sides had the same readings until now."""
        return not self._unequal

    def report(self) -> Clean:
        """What has been counted."""
        qualities: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        reasons: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        for side in SIDES:
            for (quality, *given), count in self._kinds[side].items():
                qualities[side][quality] += count
                for reason in given:
                    reasons[side][reason] += count
        totals = Counts(*(kinds.total() for kinds in self._kinds))
        return Clean(totals, counts(*qualities), counts(*reasons), self._changed)


def counts(before: Counter[str], after: Counter[str]) -> dict[str, Counts]:
    """Two counters side by side, in the order of the names."""
    return {name: Counts(before[name], after[name]) for name in sorted(before.keys() | after.keys())}


def _kind(reading: _Reading) -> tuple[str, ...]:
    return (reading.quality, *reading.quality_reasons)


def _rows(chunks: Iterable[Records]) -> Iterable[tuple[bytes, bytes]]:
    """Headers, of which there is the id alone, and value of each record."""
    for records in chunks:
        raw = records.buffer.tobytes()
        for row in records.places.tolist():
            yield raw[row[HEADERS] : row[HEADERS + 1]], raw[row[VALUE] : row[VALUE + 1]]


def _alike(before: Sequence[Records], after: Sequence[Records]) -> bool:
    return len(before) == len(after) and all(
        len(one) == len(other) and one.buffer[:-PADDING].tobytes() == other.buffer[:-PADDING].tobytes()
        for one, other in zip(before, after, strict=True)
    )
