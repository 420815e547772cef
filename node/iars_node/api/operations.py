"""Operations: routes that declare their action, their example and their errors when they are imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from iars_node.api.callers import PREFIX, Permission
from iars_node.api.idempotency import HEADER
from iars_node.api.problems import answer_problem, describe
from iars_node.errors import ForbiddenError, NodeError
from iars_node.exchange.routes import read_body

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.responses import Response
    from starlette.types import Message, Receive

LARGEST_BODY = 1024 * 1024
STREAMED = "x-iars-streamed"
ACTION = "x-iars-action"

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

_ALWAYS = (401, 403, 422, 503)
_CHANGING = (400, 409, 413)
_OF_CONTENT = (410,)
_IDEMPOTENT: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 200},
    "description": "Under the same key the same request happens once, for 24 hours.",
    "example": "2f1d7c0e-admissions-118",
}


class ApiRoute(APIRoute):
    """A route that answers errors as problems and reads no more of a body than it may."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()
        path = self.path_format
        is_streamed = bool((self.openapi_extra or {}).get(STREAMED))

        async def answer(request: Request) -> Response:
            try:
                if not is_streamed:
                    request = await _bounded(request)
                response = await handle(request)
            except (NodeError, RequestValidationError, HTTPException) as error:
                if isinstance(error, ForbiddenError):
                    await run_in_threadpool(
                        request.state.caller.note_refusal, error, path, (self.openapi_extra or {})[ACTION]
                    )
                return answer_problem(error)
            if getattr(request.state, "is_repeated", False):
                response.headers["Idempotency-Replayed"] = "true"
            response.headers["Cache-Control"] = "no-store"
            return response

        return answer


async def _bounded(request: Request) -> Request:
    body = await read_body(request, LARGEST_BODY)
    return Request(request.scope, _replay(body, request.receive))


def _replay(body: bytes, later: Receive) -> Receive:
    given: list[bool] = []

    async def receive() -> Message:
        if given:
            return await later()
        given.append(True)
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


class Topic:
    """The operations of one topic."""

    def __init__(self, name: str) -> None:
        self.router = APIRouter(prefix=PREFIX, tags=[name], route_class=ApiRoute)

    def read(
        self, path: str, action: str, *, errors: tuple[int, ...] = (), extra: dict[str, Any] | None = None
    ) -> Callable[[FunctionT], FunctionT]:
        """Declare an operation that reads."""
        return self._declare("GET", path, action, errors=(*_found(path), *_OF_CONTENT, *errors), extra=extra)

    def change(  # noqa: PLR0913 - an operation has these properties, all by name
        self,
        method: str,
        path: str,
        action: str,
        *,
        errors: tuple[int, ...] = (),
        extra: dict[str, Any] | None = None,
        status: int = 200,
    ) -> Callable[[FunctionT], FunctionT]:
        """Declare an operation that changes something."""
        described = dict(extra or {})
        if method == "POST":
            described["parameters"] = [*described.get("parameters", []), _IDEMPOTENT]
        return self._declare(
            method, path, action, errors=(*_found(path), *_CHANGING, *errors), extra=described, status=status
        )

    def ask(
        self, path: str, action: str, *, errors: tuple[int, ...] = ()
    ) -> Callable[[FunctionT], FunctionT]:
        """Declare a question that is too personal, or too long, for an address."""
        return self._declare("POST", path, action, errors=(400, 404, 409, 413, *errors))

    def _declare(  # noqa: PLR0913 - as above
        self,
        method: str,
        path: str,
        action: str,
        *,
        errors: tuple[int, ...],
        extra: dict[str, Any] | None = None,
        status: int = 200,
    ) -> Callable[[FunctionT], FunctionT]:
        permission = Permission(action)

        def add(function: FunctionT) -> FunctionT:
            sentence = (function.__doc__ or "").strip().split("\n")[0]
            self.router.add_api_route(
                path,
                function,
                methods=[method],
                status_code=status,
                summary=sentence.rstrip("."),
                operation_id=function.__name__,
                dependencies=[Depends(permission)],
                responses=describe((*_ALWAYS, *errors)),
                response_class=StreamingResponse if "responses" in (extra or {}) else JSONResponse,
                openapi_extra={ACTION: action, **(extra or {})},
            )
            return function

        return add


def _found(path: str) -> tuple[int, ...]:
    return (404,) if "{" in path else ()
