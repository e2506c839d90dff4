"""Errors of the API as problem+json (RFC 9457): what is wrong, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from ironstream.errors import BrokerError, ConfigurationError, DecodeError, EngineError, IronstreamError
from ironstream.web.auth.headers import security_headers

PROBLEM_JSON: Final = "application/problem+json"
RETRY_AFTER_S: Final = "2"
_DESCRIBED: Final = "The API describes itself: /api/v1/openapi.json"
_KAFKA_HINT: Final = "Is it running? The state that was read before is shown meanwhile, with its age."


class Fault(BaseModel):
    """One thing that is wrong with a request: where (`query.limit`), and what."""

    where: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). `detail` says what is wrong, `hint` what to do next."""

    type: str = "about:blank"
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no series acme/north-works/pump-1/heat."])
    hint: str | None = Field(None, examples=["GET /api/v1/assets lists what there is."])
    errors: list[Fault] = Field(default_factory=list)


class ApiError(IronstreamError):
    """A request that is answered with `status`, the message and the hint."""

    def __init__(self, status: int, message: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, hint)
        self.status = status
        self.headers = headers


def not_found(what: str, hint: str = "GET /api/v1/assets lists what there is.") -> ApiError:
    """There is no such thing, or nothing that the asker may see: the same answer, which tells nothing."""
    return ApiError(404, f"There is no {what}.", hint)


def problem(
    status: int,
    detail: str,
    hint: str = "",
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Fault] = (),
) -> Response:
    """The response."""
    body = Problem(title=_title(status), status=status, detail=detail, hint=hint or None, errors=list(errors))
    text = body.model_dump_json(exclude_none=True)
    return Response(text, status, {"Cache-Control": "no-store", **(headers or {})}, PROBLEM_JSON)


_SAID: Final = {
    400: "What was asked for makes no sense; `detail` says why.",
    401: "Nobody is logged in.",
    403: "The role of whoever asks does not allow it.",
    404: "There is no such thing, or nothing that whoever asks may see.",
    409: "It is not possible as things are; `detail` says why.",
    413: "The body is too large.",
    422: "A parameter or the body is not what it should be; `errors` names each.",
    429: "Too many requests; `Retry-After` says when to try again.",
    503: "Kafka does not answer, or the state is still being read; `Retry-After` says when to try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: the errors that it may answer with."""
    return {status: {"model": Problem, "description": _SAID[status]} for status in statuses}


COMMON: Final = problems(400, 401, 403, 422, 429, 503)
"""What every route of the API may answer with."""


def install(app: FastAPI) -> None:
    """Answer every error of the app so."""
    app.add_exception_handler(IronstreamError, _ironstream)
    app.add_exception_handler(KafkaError, _kafka)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


def _title(status: int) -> str:
    return HTTPStatus(status).phrase


async def _ironstream(request: Request, error: Exception) -> Response:
    assert isinstance(error, IronstreamError)
    match error:
        case ApiError():
            return problem(error.status, error.message, error.hint, error.headers)
        case BrokerError() | EngineError():
            return problem(503, error.message, error.hint, {"Retry-After": RETRY_AFTER_S})
        case ConfigurationError() | DecodeError():
            return problem(400, error.message, error.hint)
    return problem(500, error.message, error.hint)


async def _kafka(request: Request, error: Exception) -> Response:
    return problem(503, f"Kafka does not answer: {error}", _KAFKA_HINT, {"Retry-After": RETRY_AFTER_S})


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [Fault(where=".".join(str(part) for part in one["loc"]), message=one["msg"]) for one in error.errors()]
    detail = "; ".join(f"{one.where}: {one.message}" for one in faults[:5]) or "The request is not valid."
    return problem(422, detail, _DESCRIBED, errors=faults)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, headers=error.headers)


async def _defect(request: Request, error: Exception) -> Response:
    # the server logs the traceback, which is nobody else's business; this answer goes past all middleware
    return problem(
        500, "This is a defect of ironstream.", "The log of the web process has more.", security_headers(request.scope)
    )
