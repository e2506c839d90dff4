"""The columns of the tables that kernels read and fill. All numbers are int64, places are [start, end) in bytes.

Nothing is compiled here: who only needs the layout does not wait for that.
"""

from __future__ import annotations

from typing import Final

from ironstream.domain.series import NEVER

PADDING: Final = 16
"""Bytes that must be there behind the last record: kernels read by words."""

# -- a record, as split from a record batch ------------------------------------------------------------------------

OFFSET: Final = 0
TIMESTAMP: Final = 1
KEY: Final = 2
VALUE: Final = 4
HEADERS: Final = 6
RECORD_COLUMNS: Final = 8
"""Columns of a row that names a record: offset, timestamp (ms), then start and end of key, value and headers. The
headers' place holds their count and the headers as they are on the wire."""

PIECES: Final = 3
"""A value is put together from up to three pieces of the source, each followed by a piece of what was made."""
ROW_TIMESTAMP: Final = 0
ROW_KEY: Final = 1
ROW_ID: Final = 3
ROW_VALUE: Final = 5
ROW_COLUMNS: Final = ROW_VALUE + 4 * PIECES
"""Columns of a row to write: timestamp (ms), start and end of the key in `keys`, of the id in `made`, then of each
piece: in `source`, in `made`, in `source`, …"""

# -- a reading, as read from the value of a record -----------------------------------------------------------------

SLOW: Final = 0
TAKEN: Final = 1
TAKEN_LONG: Final = 2
"""In JSON; its value is to be read by float()."""
TAKEN_AVRO: Final = 3
NUMBER_OF_FATES: Final = 4

MISSING: Final = NEVER
"""Stands for a time that is not there, as in the columns of the stages."""

PARTS: Final = 0
"""Start and end of tenant, site, asset, parameter, unit, boot, in this order; -1 where there is none."""
NUMBER_OF_PARTS: Final = 6
DEVICE: Final = 12
GATEWAY: Final = 13
"""Times in µs since the epoch."""
SEQ: Final = 14
"""0 where there is none."""
QUALITY: Final = 15
"""Code of the device's own quality, -1 where it says none."""
QUALITY_AT: Final = 16
"""Start and end of its text, as it is on the wire."""
TIMES_END: Final = 18
"""Where the object `timestamps` can take one more field (JSON)."""
BEGIN: Final = 19
END: Final = 20
"""Where the object begins, and where it can take one more field."""
VERSION: Final = 21
"""1 where schema_version is said."""
VALUE_AT: Final = 22
"""Start and end of the value's text."""
READING_COLUMNS: Final = 24

# -- a clean reading, as read from JSON ----------------------------------------------------------------------------

CLEAN_TEXTS: Final = (
    "tenant_id", "site_id", "asset_id", "parameter", "unit", "quality", "site_name", "machine_type", "canonical_name",
    "pipeline_id", "adapter_id", "boot", "quality_reasons",
)  # fmt: skip
"""Start and end of each, in this order; -1 where there is none. The reasons are a list, with its brackets."""
CLEAN_WHOLE: Final = ("device_time", "gateway_time", "kafka_time", "clock_skew_ms", "topology_version", "seq")
"""Numbers behind the texts, in this order, times in µs since the epoch; `MISSING` where there is none."""
CLEAN_VALUE_AT: Final = 2 * len(CLEAN_TEXTS) + len(CLEAN_WHOLE)
"""Start and end of the value's text."""
CLEAN_READING_COLUMNS: Final = CLEAN_VALUE_AT + 2
