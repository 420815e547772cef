"""The web application of one node: every route, and the loops that run beside them."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.routing import Route

from iars_node.api.gathering import api_routes
from iars_node.attachments.routes import upload_routes
from iars_node.audit import sequencing
from iars_node.errors import NodeError
from iars_node.exchange.routes import EnvelopesFirst, listing_route
from iars_node.jobs.model import Worker
from iars_node.jobs.service import run_due, schedule
from iars_node.node import STANDING_JOBS
from iars_node.process import settle_in
from iars_node.web.routes import add_pages
from iars_node.web.safety import keeping_tls
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from starlette.types import Receive, Scope, Send

    from iars_node.node import Node

JOB_SECONDS = 1.0

log = structlog.get_logger()


class _Application(FastAPI):
    """The frameworks' application, past which other nodes' envelopes are taken in."""

    envelopes: EnvelopesFirst

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.envelopes.takes(scope):
            await self.envelopes(scope, receive, send)
        else:
            await super().__call__(scope, receive, keeping_tls(scope, send))


def create_app(node: Node) -> FastAPI:
    """Return the application of a node that was put together before."""
    app = _Application(
        title="IARS",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # An address with a slash too many would be answered with one made of whatever host the request names.
        redirect_slashes=False,
        lifespan=_lifespan(node),
        # The framework would tell a collector named in the environment about every request and error.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.add_exception_handler(NodeError, answer_error)
    app.state.node = node
    # As they are, not included: the framework would make every route once more, with all that it checks.
    app.router.routes += [
        _health(node),
        listing_route(node.vault),
        *upload_routes(node.intake),
        *api_routes(),
    ]
    add_pages(app, node)
    app.envelopes = EnvelopesFirst(node.reception, answer_error)
    return app


def _health(node: Node) -> Route:
    def show(_request: Request) -> Response:
        return JSONResponse({"unlocked": node.vault.is_unlocked})

    return Route("/health", show, methods=["GET"])


async def answer_error(_request: Request, error: Exception) -> Response:
    """Answer a program with the error's code and sentence; pages have their own."""
    if not isinstance(error, NodeError):
        raise error
    content: dict[str, object] = {"code": error.code, "message": str(error)}
    for name in ("faults", "reason"):
        if value := getattr(error, name, None):
            content[name] = value
    return JSONResponse(content, error.status)


def _lifespan(node: Node):  # type: ignore[no-untyped-def]  # noqa: ANN202 - FastAPI names the type
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        settle_in()
        running = (
            node.sender.run(),
            node.uploader.run(),
            node.notifier.run(),
            _run_jobs(node),
            _run_sequencer(node),
        )
        loops = [asyncio.create_task(loop) for loop in running]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await node.transport.close()

    return lifespan


async def _run_jobs(node: Node) -> None:
    worker = Worker(f"server-{secrets.token_hex(8)}", node.jobs)
    await asyncio.to_thread(_schedule_standing_jobs, node)
    while True:
        try:
            await asyncio.to_thread(run_due, node.works, worker)
        except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not end the loop
            log.warning("jobs.paused", error=type(error).__name__)
        await asyncio.sleep(JOB_SECONDS)


def _run_sequencer(node: Node) -> Coroutine[Any, Any, None]:
    settings = node.settings
    return sequencing.run(
        node.works, seconds=settings.sequence_seconds, checkpoint_seconds=settings.checkpoint_seconds
    )


def _schedule_standing_jobs(node: Node) -> None:
    with suppress(NodeError), node.works.write(SYSTEM) as work:
        for kind in STANDING_JOBS:
            schedule(work, kind, work.now)
