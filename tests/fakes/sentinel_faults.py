"""What may go wrong between a client and Sentinel Hub: answers, and faults that change them."""

from __future__ import annotations

import json
from collections.abc import Callable


class Answer:
    """What goes over the wire: a fault changes it.

    Attributes:
        cut_to: bytes that are sent of the body before the connection is closed, or None for all of them.
        echo: the request's own text, for services that quote it.
    """

    def __init__(
        self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None, echo: str = ""
    ) -> None:
        self.status, self.body, self.kind, self.headers, self.echo = status, body, kind, headers or {}, echo
        self.cut_to: int | None = None
        self.delay_s = 0.0


def json_answer(status: int, value: object, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(value).encode(), "application/json", headers)


def refused(status: int, code: str, message: str) -> Answer:
    """Return an error as the APIs write it, e.g. CDSE's 403 at the end of the account's units:

    ``{"error": {"status": 403, "reason": "Forbidden", "message": "Insufficient processing units or requests available
    in your account.", "code": "ACCESS_INSUFFICIENT_PROCESSING_UNITS"}}``.
    """
    reasons = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests"}
    return json_answer(
        status, {"error": {"status": status, "reason": reasons.get(status, "Error"), "message": message, "code": code}}
    )


Fault = Callable[[Answer], Answer]

# --- faults ----------------------------------------------------------------------------------------------------------


def rate_limited(retry_after: str | None) -> Fault:
    """429; ``Retry-After`` counts milliseconds (docs: api/overview/rate-limiting, response headers)."""

    def change(_: Answer) -> Answer:
        answer = refused(429, "RATE_LIMIT_EXCEEDED", "You have exceeded your rate limit")
        answer.headers = {} if retry_after is None else {"Retry-After": retry_after}
        return answer

    return change


def server_error(status: int = 500) -> Fault:
    return lambda _: Answer(status, b"<html>internal error</html>", "text/html")


def truncated(_: Answer) -> Answer:
    """The connection breaks in the middle of the body that ``Content-Length`` promised."""
    _.cut_to = len(_.body) // 2
    return _


def halved(answer: Answer) -> Answer:
    """Half a body under a length that fits: what a proxy leaves of an answer."""
    answer.body = answer.body[: len(answer.body) // 2]
    return answer


def out_of_units(_: Answer) -> Answer:
    return refused(
        403,
        "ACCESS_INSUFFICIENT_PROCESSING_UNITS",
        "Insufficient processing units or requests available in your account.",
    )


def expired(_: Answer) -> Answer:
    return refused(401, "COMMON_UNAUTHORIZED", "You are not authorized! Please provide a valid access token")


def redirect(where: str) -> Fault:
    return lambda _: Answer(307, b"", "text/plain", {"Location": where})


def slow(seconds: float) -> Fault:
    def change(answer: Answer) -> Answer:
        answer.delay_s = seconds
        return answer

    return change


def echoing(answer: Answer) -> Answer:
    """A service that quotes the whole request in its error, credentials and all."""
    return Answer(401, f"refused: {answer.echo}".encode(), "text/plain")
