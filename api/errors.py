"""Which exception answers with which HTTP status: the one table, and the RFC 9457 problem it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.schemas import FieldError, Problem
from findings.errors import (
    InputError,
    MigrationNeeded,
    MizuhashiError,
    NotFound,
    OutputError,
    StaleWrite,
    SurveyConflict,
)

MEDIA_TYPE = "application/problem+json"


class InvalidRequest(InputError):
    """A query that cannot be answered, found after its parts were read one by one (e.g. a forged cursor)."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where


STATUS: dict[type[MizuhashiError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    SurveyConflict: HTTPStatus.CONFLICT,
    StaleWrite: HTTPStatus.PRECONDITION_FAILED,
    InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    MigrationNeeded: HTTPStatus.SERVICE_UNAVAILABLE,
    OutputError: HTTPStatus.INSUFFICIENT_STORAGE,
    MizuhashiError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def status_of(error: MizuhashiError) -> HTTPStatus:
    """Return the status of an error: that of its nearest ancestor in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def install_problems(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Make every refusal of the application a problem document.

    Args:
        app: the application.
        headers: what an answer to an unforeseen exception carries: it is made outside every middleware.
    """

    def unforeseen(_request: Request, _error: Exception) -> JSONResponse:
        # the reason stands in the server's log, not in the answer
        return problem(500, "Internal server error", headers=headers)

    app.add_exception_handler(MizuhashiError, _known)
    app.add_exception_handler(HTTPException, _http)  # the base class: routing raises it for 404 and 405
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, unforeseen)


def problem(
    status: int,
    title: str,
    *,
    detail: str | None = None,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return a problem document (RFC 9457, section 3)."""
    body = Problem(title=title, status=status, detail=detail, errors=errors)
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, MEDIA_TYPE)


def _known(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MizuhashiError):  # registered for this class only; the check tells the type checker
        raise error
    status = status_of(error)
    errors = None
    if isinstance(error, InvalidRequest):
        errors = [FieldError(loc=error.where, msg=str(error), type="value_error")]
    return problem(status, status.phrase, detail=str(error), errors=errors)


def _http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return problem(error.status_code, str(error.detail), headers=error.headers)  # headers carry Allow


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    errors = [  # never the input itself: it may hold secrets
        FieldError(loc=".".join(map(str, e["loc"])), msg=e["msg"], type=e["type"]) for e in error.errors()
    ]
    return problem(422, "Invalid request", errors=errors)
