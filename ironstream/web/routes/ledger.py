"""The ledger: what was sent of every series and what has become of it, as far back as can be read at once."""

from __future__ import annotations

import asyncio
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from ironstream.contract import Topic
from ironstream.domain.times import to_iso
from ironstream.engine.log_reader import LogReader
from ironstream.engine.stretches import spans_between
from ironstream.ledger.book import Account, Book
from ironstream.ledger.read import LedgerReader
from ironstream.ledger.report import accounts_of, place_text
from ironstream.settings import Settings
from ironstream.web.apart import apart
from ironstream.web.auth import Principal
from ironstream.web.models import Time, us_of
from ironstream.web.problems import COMMON, ApiError
from ironstream.web.routes.deps import Operator, PartOfQuery, PlantDep

router = APIRouter(tags=["ledger"], responses=COMMON)
_HOUR_US = 3_600_000_000
_MOST_RECORDS = 200_000
_NARROWINGS = 12
_KEPT_S = 10.0
_MOST_SERIES = 10_000
_MOST_PLACES = 5


class Covers(BaseModel):
    """What was read: records of telemetry.raw that reached Kafka since `from`; their number is told to whoever sees
    all tenants.
    """

    from_: Time = Field(alias="from", serialization_alias="from")
    to: Time
    records: int | None


class LedgerItem(BaseModel):
    """A series: how many readings were sent, and what has become of them. `unexplained` came to nothing."""

    tenant: str
    site: str
    asset: str
    parameter: str
    sent: int
    raw: int
    clean: int
    duplicate: int
    refused: dict[str, int]
    expired: int
    pending: int
    overflow: int
    missing: int
    unexplained: int
    unexplained_records: list[str]


class Ledger(BaseModel):
    """The accounts. `truncated`: more was asked for than is read at once; `covers` says what was read.

    `explained`: nothing of it is missing or unexplained. `undecided`: what is missing may have come longer ago than was
    looked. `unreadable` records name no series.
    """

    items: list[LedgerItem]
    next: str | None = None
    covers: Covers
    truncated: bool
    explained: bool
    undecided: bool
    unreadable: int | None


class _Read(NamedTuple):
    """The book since `since_ms`, which is as long ago as can be read, and how many records that are."""

    book: Book
    since_ms: int
    records: int
    undecided: bool


@router.get("/ledger", operation_id="getLedger", response_model=Ledger)
async def ledger(
    plant: PlantDep,
    who: Operator,
    tenant: PartOfQuery = None,
    site: PartOfQuery = None,
    asset: PartOfQuery = None,
    from_: Annotated[AwareDatetime | None, Query(alias="from", description="Left out: an hour ago.")] = None,
) -> Response:
    """What was sent of each series, and what has become of it."""
    if tenant is not None and not who.sees(tenant):
        # the same answer as for one that there is not
        tenant = ""
    now_us = int(plant.now_ms()) * 1000
    since_ms = us_of(from_, now_us - _HOUR_US) // 1000
    # a page that asks for the last hour again and again asks for nearly the same
    since_ms -= since_ms % 10_000
    read = await plant.heavy.remembered(
        ("ledger", since_ms), _KEPT_S, lambda: apart(lambda: _read(plant.settings, since_ms, now_us // 1000))
    )
    # so many accounts take long to write down, too
    text = await asyncio.to_thread(_text, read, since_ms, now_us, who, (tenant, site, asset))
    return Response(text, media_type="application/json")


def _text(read: _Read, since_ms: int, now_us: int, who: Principal, wanted: tuple[str | None, ...]) -> str:
    book, covered_ms, records, undecided = read
    told = records if who.sees_all else None
    accounts = [one for one in accounts_of(book) if _fits(one, who, *wanted)]
    ledger = Ledger.model_validate(
        {
            "items": [_item(one) for one in accounts[:_MOST_SERIES]],
            "covers": {
                "from": to_iso(covered_ms * 1000),
                "to": to_iso(now_us),
                "records": told,
            },
            "truncated": covered_ms > since_ms or len(accounts) > _MOST_SERIES,
            "explained": all(one.explained for one in accounts) and not (who.sees_all and book.unnamed.unexplained),
            "undecided": undecided,
            "unreadable": book.unnamed.raw if who.sees_all else None,
        }
    )
    return ledger.model_dump_json(by_alias=True)


async def _read(settings: Settings, since_ms: int, now_ms: int) -> _Read:
    async with LogReader(settings, [Topic.TELEMETRY_RAW], missing_ok=True) as reader:
        if not reader.partitions:
            raise ApiError(
                503, "There is no telemetry.raw yet.", "Has a worker run on this Kafka?", {"Retry-After": "5"}
            )
        begin_ms = since_ms
        for _ in range(_NARROWINGS):
            spans = await spans_between(reader, begin_ms, None)
            records = sum(end - start for start, end in spans.values())
            if records <= _MOST_RECORDS:
                break
            # as if they had come evenly
            begin_ms = now_ms - max(1, (now_ms - begin_ms) * _MOST_RECORDS // (records + records // 4))
    reading = LedgerReader(settings, None, begin_ms, lambda what, done, total: None, most_before=_MOST_RECORDS)
    return _Read(await reading.read(), begin_ms, records, reading.undecided)


def _fits(account: Account, who: Principal, *wanted: str | None) -> bool:
    parts = account.asset.split("/")
    return who.sees(parts[0]) and all(one is None or one == part for one, part in zip(wanted, parts, strict=True))


def _item(account: Account) -> LedgerItem:
    tenant, site, asset = account.asset.split("/")
    return LedgerItem(
        tenant=tenant, site=site, asset=asset, parameter=account.parameter, sent=account.sent, raw=account.raw,
        clean=account.clean, duplicate=account.duplicate, refused=dict(account.refused), expired=account.expired,
        pending=account.pending, overflow=account.overflow, missing=account.missing,
        unexplained=len(account.unexplained),
        unexplained_records=[place_text(one) for one in account.unexplained[:_MOST_PLACES]],
    )  # fmt: skip
