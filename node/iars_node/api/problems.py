"""Errors as problem details (RFC 9457): a stable code, one sentence, the faults by field; never a value."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from iars_node.api.errors import MalformedRequestError
from iars_node.errors import InvalidError, NodeError, NotFoundError, TooManyCasesError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.responses import Response

PROBLEM_JSON = "application/problem+json"
UNAUTHENTICATED, FORBIDDEN, NOT_FOUND = 401, 403, 404

# Which codes a status stands for in the description, and the sentence of its example.
_EXAMPLES: dict[int, tuple[str, str]] = {
    400: ("malformed", "The request can't be read."),
    401: ("unauthenticated", "This token is unknown, expired or revoked."),
    403: ("forbidden", "This token does not allow the action, or not this scope."),
    404: ("not-found", "There is no such record."),
    409: ("conflict", "Someone else changed the record first; look at it again."),
    410: ("erased", "The content's key has been destroyed; nothing can show it again."),
    412: ("precondition", "The record has another version than If-Match names; read it again."),
    413: ("too-large", "The request is longer than this node takes."),
    422: ("invalid", "Some fields can't be used as they are."),
    428: ("precondition-missing", "Name the version that you change, in If-Match."),
    429: (
        "too-many-cases",
        "This token has opened as many cases as it may; wait as long as Retry-After says.",
    ),
    503: ("locked", "The node's keys are locked; an administrator must unlock it."),
}

SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "Problem details (RFC 9457). `code` is stable; `detail` is a sentence for a person.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "description": "urn:iars:problem: and the code"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "reason": {"type": "string", "description": "Which rule refused, as a stable code"},
        "faults": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "What is wrong, by field",
        },
    },
}


def answer_problem(error: Exception) -> Response:
    """Answer an error that a caller can act on; raise any other."""
    known = _as_node_error(error)
    headers = {}
    if known.status == UNAUTHENTICATED:
        headers["WWW-Authenticate"] = 'Bearer realm="iars"'
    if known.status == FORBIDDEN:
        headers["WWW-Authenticate"] = 'Bearer realm="iars", error="insufficient_scope"'
    if isinstance(known, TooManyCasesError):
        headers["Retry-After"] = str(known.seconds)
    return JSONResponse(problem_of(known), known.status, headers, PROBLEM_JSON)


def problem_of(error: NodeError) -> dict[str, Any]:
    """Return the problem details of an error."""
    content = _plain(error.status, error.code, str(error))
    for name in ("reason", "faults"):
        if value := getattr(error, name, None):
            content[name] = value
    return content


def _as_node_error(error: Exception) -> NodeError:
    if isinstance(error, NodeError):
        return error
    if isinstance(error, RequestValidationError):
        return InvalidError("Some fields can't be used as they are.", _faults(error))
    if isinstance(error, HTTPException) and error.status_code == NOT_FOUND:
        return NotFoundError("There is nothing at this address.")
    if isinstance(error, HTTPException):
        return MalformedRequestError("The request can't be read.")
    raise error


def _faults(error: RequestValidationError) -> dict[str, str]:
    # The library's sentences name what is accepted, and never repeat what was sent.
    return {
        ".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]): str(fault["msg"])
        for fault in error.errors()
    }


def _plain(status: int, code: str, sentence: str) -> dict[str, Any]:
    return {
        "type": f"urn:iars:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": sentence,
    }


def describe(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """Return how an operation's errors are described, with an example of each."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                PROBLEM_JSON: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": _plain(status, *_EXAMPLES[status]),
                }
            },
        }
        for status in sorted(set(statuses))
    }
