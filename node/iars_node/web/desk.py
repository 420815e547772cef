"""The way from a request to a page: who asks, whether they may, one transaction, one answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, quote
from zoneinfo import ZoneInfo

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from iars_node.accounts import sign_in
from iars_node.accounts.access import may, require
from iars_node.errors import InvalidError, NodeError, NotAssignedError, NotFoundError
from iars_node.web import callers, languages, live, safety, uploads
from iars_node.web.frame import frame_of
from iars_node.web.pages import ANYONE, SIGNED_IN, Entry
from iars_node.web.rendering import render
from iars_node.web.speech import Speech
from iars_node.web.visit import (
    NOTHING_TYPED,
    Answer,
    Document,
    Page,
    Redirect,
    SealedFile,
    Stream,
    Typed,
    UnfinishedError,
    Visit,
    with_query,
)

if TYPE_CHECKING:
    from starlette.requests import Request

    from iars_node.accounts.model import Session
    from iars_node.web.callers import Caller
    from iars_node.web.node import WebNode
    from iars_node.web.uploads import Received

MOST_BYTES = 512 * 1024
MOST_FIELDS = 3000
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")
_CROSS_SITE_PAUSE = {"Refresh": "0"}

Frame: TypeAlias = dict[str, Any]

log = structlog.get_logger()


def _nowhere(_visit: Visit) -> Answer:
    raise NotFoundError("There is no such page.")


_LOST = Entry("GET", "", ANYONE, _nowhere, writes=False)


class TooLargeError(NodeError):
    """A form that is longer than any honest one."""

    code = "too-large"
    status = 413


@dataclass(frozen=True)
class Call:
    """One request, as far as it is known before its page is asked."""

    request: Request
    entry: Entry
    body: bytes | None
    caller: Caller
    speech: Speech
    received: Received | None = None

    @cached_property
    def form(self) -> Typed:
        """What was typed, without signs that no keyboard gives."""
        if self.body is None:
            raise TooLargeError("The form is too long.")
        if not self.body:
            return NOTHING_TYPED
        try:
            text = self.body.decode("ascii")
            fields = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise InvalidError("The form can't be read; open the page again.") from error
        return {name: [_cleaned(value) for value in values] for name, values in fields.items()}

    @property
    def address(self) -> str:
        """The path and its query, to come back to."""
        query = self.request.url.query
        return f"{self.request.url.path}?{query}" if query else self.request.url.path


class Desk:
    """Answers the requests for every page of a node."""

    def __init__(self, node: WebNode) -> None:
        self._node = node
        self._policy = callers.policy_of(node.settings)
        self._zone = ZoneInfo(node.settings.zone)
        self._languages = languages.offered(node.settings.languages)
        self._watch = live.Watch(node.works, most=node.settings.live_pages)

    def route(self, entry: Entry) -> Route:
        """Return the route of a page."""

        async def answer(request: Request) -> Response:
            if entry.takes_file and uploads.is_form_with_file(request.headers.get("content-type", "")):
                return await self._answer_with_file(request, entry)
            body = await _read(request) if entry.method == "POST" else b""
            return await run_in_threadpool(self._respond, request, entry, body)

        return Route(entry.path, answer, methods=[entry.method], name=entry.name)

    def answer_lost(self, request: Request) -> Response:
        """Return the page for an address where there is none."""
        return self._respond(request, _LOST, b"")

    async def _answer_with_file(self, request: Request, entry: Entry) -> Response:
        caller = await run_in_threadpool(callers.find_caller, request, self._node.works, self._policy)
        if caller.session is None or not may(caller.actor, entry.action):
            # Nothing of the file is taken from who may not bring it; the answer says why.
            return await run_in_threadpool(self._respond, request, entry, b"")
        received = await uploads.receive(
            request.stream(),
            request.headers.get("content-type", ""),
            self._node.folder,
            most=self._node.settings.attachment_bytes,
            check=lambda token: safety.check_form(request, caller.secret, token),
        )
        return await run_in_threadpool(self._respond, request, entry, received.body, received)

    def _respond(
        self, request: Request, entry: Entry, body: bytes | None, received: Received | None = None
    ) -> Response:
        caller = callers.find_caller(request, self._node.works, self._policy)
        call = Call(request, entry, body, caller, self._speech(request, caller), received)
        try:
            return self._written(call, *self._settled(call))
        except Exception as error:  # noqa: BLE001 - whatever broke, a person gets a calm page and the log a place
            # Where, not what: the message of a foreign error may hold a person's data.
            log.warning("web.failed", page=entry.name, error=type(error).__name__, place=_place(error))
        return self._written(
            call, self._problem(call, NodeError("Something broke.")), self._plain_frame(call)
        )

    def _settled(self, call: Call) -> tuple[Answer, Frame]:
        """Return the answer after the transaction has ended: committed, or undone where it was refused."""
        try:
            return self._answer(call)
        except UnfinishedError as unfinished:
            return replace(unfinished.page, status=422), self._plain_frame(call)
        except NotAssignedError as error:
            # What is asked for is not refused for good: the next page asks why it must be seen.
            return self._to_reason(call, error), self._plain_frame(call)
        except NodeError as error:
            return self._problem(call, error), self._plain_frame(call)

    def _answer(self, call: Call) -> tuple[Answer, Frame]:
        entry, caller = call.entry, call.caller
        if entry.action != ANYONE and caller.session is None:
            return self._to_sign_in(call), {}
        if entry.method == "POST":
            token = next(iter(call.form.get(safety.TOKEN_FIELD, ())), "")
            safety.check_form(call.request, caller.secret, token)
        if entry.action not in (ANYONE, SIGNED_IN):
            require(caller.actor, entry.action)
        named = _checked_ids(call.request.path_params)
        unnoticed = self._unnoticed(call)
        works = self._node.works
        with (works.write if entry.writes or unnoticed else works.read)(caller.actor) as work:
            if unnoticed is not None:
                sign_in.keep_alive(work, unnoticed)
            visit = self._visit(call, work)
            answer = entry.function(visit, **named)
            return answer, frame_of(visit, call.address, self._languages)

    def _unnoticed(self, call: Call) -> Session | None:
        # Signing in opens transactions of its own: none may stand around it that keeps others waiting.
        session = call.caller.session
        if session is None or call.entry.action == ANYONE or call.entry.is_unasked:
            return None
        return session if sign_in.is_unnoticed(session, self._node.clock.now(), self._policy) else None

    def _to_sign_in(self, call: Call) -> Answer:
        is_link = call.entry.method == "GET"
        if is_link and safety.is_from_elsewhere(call.request) and not call.caller.cookies:
            # A strict cookie does not travel with another site's link; our own reload brings it.
            return Page("again.html", headers=_CROSS_SITE_PAUSE)
        target = "" if not is_link or call.address == "/" else call.address
        return Redirect(with_query("/sign-in", next=target))

    def _visit(self, call: Call, work: Any) -> Visit:  # noqa: ANN401 - a unit of work, or none on a plain frame
        client = call.request.client
        return Visit(
            node=self._node,
            speech=call.speech,
            path=call.request.url.path,
            query=dict(call.request.query_params),
            form=call.form if call.entry.method == "POST" else NOTHING_TYPED,
            address=client.host if client else "",
            cookies=call.caller.cookies,
            actor=call.caller.actor,
            form_token=call.caller.form_token,
            work=work,
            session=call.caller.session,
            account=call.caller.account,
            received=call.received,
        )

    def _plain_frame(self, call: Call) -> Frame:
        with self._node.works.read(call.caller.actor) as work:
            visit = self._visit(replace(call, body=b""), work)
            return frame_of(visit, call.address, self._languages)

    def _problem(self, call: Call, error: NodeError) -> Page:
        sentence = call.speech.problem(error)
        return Page("problem.html", {"sentence": sentence, "code": error.code}, error.status)

    def _to_reason(self, call: Call, error: NotAssignedError) -> Answer:
        if may(call.caller.actor, "case.break-glass"):
            return Redirect(f"/cases/{error.case_id}/look")
        return self._problem(call, error)

    def _speech(self, request: Request, caller: Caller) -> Speech:
        own = caller.account.language if caller.account else ""
        chosen = caller.cookies.get(callers.LANGUAGE, "")
        accepted = request.headers.get("accept-language", "")
        return Speech(languages.negotiate(self._languages, own, chosen, accepted=accepted), self._zone)

    def _written(self, call: Call, answer: Answer, frame: Frame) -> Response:
        response: Response
        if isinstance(answer, Redirect):
            response = RedirectResponse(answer.path, 303, dict(safety.PAGE_HEADERS))
            callers.set_cookies(call.request, response, answer.cookies)
            return response
        if isinstance(answer, Document):
            return _document(answer)
        if isinstance(answer, SealedFile):
            return _sealed_file(answer)
        if isinstance(answer, Stream):
            return self._stream(call)
        text = render(call.speech, answer.template, {**(frame or self._plain_frame(call)), **answer.values})
        response = HTMLResponse(text, answer.status, {**safety.PAGE_HEADERS, **answer.headers})
        response.headers["Content-Language"] = call.speech.language.code
        if call.caller.session is None and callers.VISIT not in call.caller.cookies:
            callers.set_cookies(call.request, response, {callers.VISIT: call.caller.visit})
        return response

    def _stream(self, call: Call) -> Response:
        def may_stay() -> bool:
            found = callers.find_caller(call.request, self._node.works, self._policy)
            return found.session is not None and may(found.actor, call.entry.action)

        if live.MEDIA_TYPE not in call.request.headers.get("accept", ""):
            # Only a script that listens has a use for it.
            return Response(live.STILL_HERE, media_type=live.MEDIA_TYPE, headers=dict(safety.PAGE_HEADERS))
        known = call.request.headers.get("last-event-id", "")[:64]
        events = self._watch.stream(call.caller.actor.id, known, may_stay)
        headers = {**safety.PAGE_HEADERS, "X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type=live.MEDIA_TYPE, headers=headers)


def _document(answer: Document) -> Response:
    kept = Response(answer.content, media_type=answer.media_type, headers=dict(safety.PAGE_HEADERS))
    kept.headers["Content-Disposition"] = f'attachment; filename="{answer.file_name}"'
    return kept


def _sealed_file(answer: SealedFile) -> Response:
    kept = StreamingResponse(
        answer.pieces, media_type="application/octet-stream", headers=dict(safety.PAGE_HEADERS)
    )
    # What somebody brought is never of this site: it is saved, not shown, whatever it claims to be.
    kept.headers["Content-Security-Policy"] = f"{safety.CONTENT_POLICY}; sandbox"
    kept.headers["Content-Length"] = str(answer.length)
    kept.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(answer.file_name, safe='')}"
    return kept


async def _read(request: Request) -> bytes | None:
    pieces, length = [], 0
    async for piece in request.stream():
        length += len(piece)
        if length > MOST_BYTES:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def _cleaned(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\x00", "")


def _checked_ids(named: dict[str, Any]) -> dict[str, str]:
    for name, value in named.items():
        if name.endswith("_id") and _ID.fullmatch(value) is None:
            raise NotFoundError("There is no such record.")
    return named


def _place(error: Exception) -> str:
    step, found = error.__traceback__, ""
    while step is not None:
        found = f"{step.tb_frame.f_globals.get('__name__', '?')}:{step.tb_lineno}"
        step = step.tb_next
    return found
