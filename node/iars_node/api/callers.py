"""Who calls: a token of one of the organisation's own systems, and what it may do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel

from iars_node.accounts.access import action, readable_scopes, require
from iars_node.accounts.model import TOKEN_PREFIX
from iars_node.accounts.refusals import note_refusal, refusal_of, route_code
from iars_node.accounts.tokens import find_token, is_use_unnoticed, notice_use
from iars_node.api.idempotency import HEADER, do_once
from iars_node.cases.checks import check_scope
from iars_node.errors import ForbiddenError, UnauthenticatedError
from iars_node.work import SYSTEM, Actor, Work

if TYPE_CHECKING:
    from iars_node.node import Node

PREFIX = "/api/v1"
SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated request: the node, the token's actor, and the request itself."""

    node: "Node"
    actor: Actor
    request: Request

    @contextmanager
    def work(self) -> Iterator[Work]:
        """Open a unit of work; reading writes too, because it is recorded."""
        with self.node.works.write(self.actor) as work:
            yield work

    def once(self, work: Work, body: BaseModel, act: Callable[[], str]) -> str:
        """Do what a request asks, once under its idempotency key; return the id of what it led to."""
        return self.once_for(work, body.model_dump_json().encode(), act)

    def once_for(self, work: Work, content: bytes, act: Callable[[], str]) -> str:
        """Do what a request with this content asks, once under its idempotency key."""
        done = do_once(work, self.request.headers.get(HEADER, ""), self._operation(), content, act)
        self.request.state.is_repeated = done.is_repeated
        return done.result

    def _operation(self) -> str:
        # With the ids of its path: the same body under another case is another request.
        path = self.request.scope["path"].removeprefix(f"{PREFIX}/")
        return f"{self.request.method} {path}"[:64]

    def note_refusal(self, error: ForbiddenError, path: str, action: str) -> None:
        """Record that the request was refused."""
        route = route_code(self.request.method, path)
        refused = refusal_of(error, route, action, self.request.path_params)
        note_refusal(self.node.works, self.actor, refused)

    def scopes(self, asked: str) -> frozenset[str]:
        """Return the scopes that a request asks for by name; one that the token may not read is refused."""
        wanted = frozenset(word.strip() for word in asked.split(",") if word.strip())
        for scope in wanted:
            check_scope(scope)
        if missing := wanted - readable_scopes(self.actor):
            raise ForbiddenError(f"This token may not read: {', '.join(sorted(missing))}.")
        return wanted


def authenticate(node: "Node", header: str) -> Actor:
    """Return the actor of a request's token, and note that the token was used."""
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != SCHEME or not secret.strip().startswith(TOKEN_PREFIX):
        raise UnauthenticatedError("A token is needed: Authorization: Bearer iars_…")
    with node.works.read(SYSTEM) as work:
        token = find_token(work, secret.strip())
        is_unnoticed = is_use_unnoticed(token, work.now)
    if is_unnoticed:
        with node.works.write(token.actor) as work:
            notice_use(work, token)
    return token.actor


class Permission:
    """What an operation needs: known when its module is imported, checked before its function runs."""

    def __init__(self, code: str) -> None:
        self.action = action(code)

    def __call__(self, request: Request) -> None:
        """Authenticate a request and refuse a token without the action."""
        node = request.app.state.node
        actor = authenticate(node, request.headers.get("authorization", ""))
        # Known before it is let in: a refusal is noted with who was refused.
        request.state.caller = Caller(node, actor, request)
        require(actor, self.action)


def current_caller(request: Request) -> Any:  # noqa: ANN401 - the state of a request has no type
    """Return the caller that the operation's permission let in."""
    return request.state.caller


CallerParam = Annotated[Caller, Depends(current_caller)]
