"""The web view's application: the API under /api/v1, the pages, and the plant behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, FastAPI

from ironstream import __version__
from ironstream.settings import Settings
from ironstream.web import problems
from ironstream.web.auth import install as auth
from ironstream.web.auth import routes as login
from ironstream.web.options import WebOptions
from ironstream.web.plant import Plant
from ironstream.web.routes import (
    alarm_commands,
    alarms,
    assets,
    audit,
    dlq,
    health,
    ledger,
    overview,
    records,
    running,
    series,
    series_log,
    stream,
    tables,
    tokens,
    topology,
)
from ironstream.web.static import mount_pages

API: Final = "/api/v1"
ROUTERS: Final = (
    login.router,
    health.api,
    overview.router,
    assets.router,
    series.router,
    series_log.router,
    alarm_commands.router,
    alarms.router,
    tables.router,
    stream.router,
    topology.router,
    running.router,
    dlq.router,
    records.router,
    ledger.router,
    audit.router,
    tokens.router,
)
"""All of the API; the pages and what tells a supervisor of this process come besides."""
_ABOUT: Final = """The plant as Kafka has it: assets, series, windows, alarms, tables, dead letters, the topology.

Times are ISO-8601 in UTC. Lists are pages of `items`; `next` is the cursor of the page that follows, null on the last.
Tables are as of the workers' last commits, whose age is told; what is on screen is live by `GET /stream`. Errors are
problem+json (RFC 9457)."""


def build_web(settings: Settings, options: WebOptions) -> FastAPI:
    """The application; it follows Kafka between its start and its end, and may start before there is a Kafka."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with trail, Plant(settings) as plant:
            app.state.plant = plant
            yield

    app = FastAPI(
        title="ironstream",
        version=__version__,
        description=_ABOUT,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.options = options
    trail = auth.install(app, settings, options.host, options.auth)
    problems.install(app)
    app.include_router(health.router)
    api = APIRouter(prefix=API)
    for router in ROUTERS:
        api.include_router(router)
    app.include_router(api)
    mount_pages(app)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """The description of the API names the media type that errors have (FastAPI writes that of the answers), and sums
    up each operation in its own words.
    """
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = made()
            for path in schema["paths"].values():
                for operation in path.values():
                    # of the name of a function nobody learns anything
                    operation["summary"] = " ".join(operation["description"].split("\n\n")[0].split()).rstrip(".")
                    for status, response in operation["responses"].items():
                        content = response.get("content", {})
                        if status >= "4" and "application/json" in content:
                            response["content"] = {problems.PROBLEM_JSON: content["application/json"]}
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend its description
