"""What is on screen, live: server-sent events."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Any, Final

import anyio
import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse

from ironstream.contract import IDENTITY_PART, SeriesId
from ironstream.domain.times import to_iso
from ironstream.errors import BrokerError
from ironstream.web.alarm_index import Told
from ironstream.web.auth import Principal
from ironstream.web.auth.entry import entry_of
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON, ApiError, problems
from ironstream.web.routes.alarms import item_of
from ironstream.web.routes.deps import Operator, PlantDep
from ironstream.web.routes.health import health_of
from ironstream.web.routes.overview import overview_of, rounded
from ironstream.web.routes.series import series_row
from ironstream.web.subscriptions import Subscription

router = APIRouter(tags=["stream"], responses=COMMON)
HEARTBEAT_S: Final = 5.0
OVERVIEW_S: Final = 2.0
MOST_SERIES: Final = 500
MOST_STREAMS: Final = 500
MOST_OF_ONE: Final = 64
"""Streams that are open at once, of all and of one login."""
_SEND_S: Final = 30
"""A client that takes nothing for so long is gone."""
_GRACE_S: Final = 2
_HOLDS_S: Final = 1.0
"""How often it is looked, at most, whether whoever listens still may; at least with each heartbeat."""
_LOOK_S: Final = 0.5
"""How often a quiet stream looks whether the process is to end."""


@router.get(
    "/stream",
    operation_id="stream",
    response_class=EventSourceResponse,
    responses=problems(404, 429)
    | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events, for ever."}},
)
async def stream(
    request: Request,
    plant: PlantDep,
    who: Operator,
    series: Annotated[
        list[str] | None, Query(max_length=MOST_SERIES, description="tenant/site/asset/parameter, any number of times.")
    ] = None,
    alarms: Annotated[bool, Query(description="Changes of alarms as well.")] = False,
    overview: Annotated[bool, Query(description="The overview as well, whenever it changes.")] = False,
) -> Response:
    """Server-sent events: `reading` and `window` of the series, `alarm`, `overview`, and `heartbeat` every 5 s.

    Readings come within about a tenth of a second of their being clean. A heartbeat says how far behind Kafka this
    process is, and how many events this client was too slow for. It ends with the login that it began with.
    """
    wanted = [_series(plant, who, one) for one in dict.fromkeys(series or ())]
    subscription = Subscription(wanted, who.sees if alarms else None, who.key)
    open_now = plant.live.subscriptions
    if len(open_now.all) >= MOST_STREAMS or open_now.of_owner(who.key) >= MOST_OF_ONE:
        raise ApiError(
            429, "Too many streams are open.", "Close some: one may have as many series as a page shows.",
            {"Retry-After": "10"},
        )  # fmt: skip
    ending = anyio.Event()
    login = entry_of(request).login
    events = while_it_holds(_events(plant, who, subscription, overview, ending), lambda: login.still_asks(request, who))
    return EventSourceResponse(
        events, ping=0, send_timeout=_SEND_S, shutdown_event=ending, shutdown_grace_period=_GRACE_S
    )


def _series(plant: Plant, who: Principal, name: str) -> SeriesId:
    parts = name.split("/")
    if len(parts) != 4 or not all(IDENTITY_PART.fullmatch(part) for part in parts):
        raise ApiError(400, f"{name[:200]!r} names no series.", "Write tenant/site/asset/parameter.")
    found = SeriesId(*parts)
    series_row(plant, who, found)
    return found


async def while_it_holds(
    events: AsyncGenerator[ServerSentEvent], holds: Callable[[], bool], clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[ServerSentEvent]:
    """Events until one is due more than a second after `holds` was last asked, and it says no."""
    async with aclosing(events):
        asked_s = clock()
        async for event in events:
            if clock() >= asked_s + _HOLDS_S:
                if not holds():
                    return
                asked_s = clock()
            yield event


async def _events(
    plant: Plant, who: Principal, subscription: Subscription, overview: bool, ending: anyio.Event
) -> AsyncGenerator[ServerSentEvent]:
    live = plant.live
    live.subscriptions.add(subscription)
    try:
        yield _event("heartbeat", _heartbeat(plant, subscription))
        for one in sorted(subscription.series, key=str):
            if (reading := live.last(one)) is not None:
                yield _event("reading", live.event_of(reading))
        beat_s, shown_s, shown = time.monotonic(), 0.0, b""
        while not ending.is_set():
            due_s = min(beat_s + HEARTBEAT_S, shown_s + OVERVIEW_S if overview else float("inf"))
            for name, data in await subscription.take(min(_LOOK_S, max(0.0, due_s - time.monotonic()))):
                yield _event(name, item_of(data) if isinstance(data, Told) else data)
            now_s = time.monotonic()
            if overview and now_s >= shown_s + OVERVIEW_S:
                shown_s, text = now_s, _overview(plant, who)
                if text is not None and text != shown:
                    shown = text
                    yield ServerSentEvent(text.decode(), event="overview")
            if now_s >= beat_s + HEARTBEAT_S:
                beat_s = now_s
                yield _event("heartbeat", _heartbeat(plant, subscription))
    finally:
        live.subscriptions.remove(subscription)


def _overview(plant: Plant, who: Principal) -> bytes | None:
    try:
        return overview_of(plant, who).model_dump_json().encode()
    except BrokerError:
        # the state is being read: the heartbeat says so
        return None


def _heartbeat(plant: Plant, subscription: Subscription) -> dict[str, Any]:
    health = health_of(plant)
    return {
        "time": to_iso(round(plant.now_ms()) * 1000),
        "status": health.status,
        "kafka": health.kafka,
        "behind_s": health.behind_s,
        "down": health.down,
        "lag_records": plant.backlog.total,
        "uncommitted_s": rounded(plant.uncommitted_s),
        "lost": subscription.lost,
    }


def _event(name: str, data: Any) -> ServerSentEvent:
    text = data.model_dump_json() if isinstance(data, BaseModel) else msgspec.json.encode(data).decode()
    return ServerSentEvent(text, event=name)
