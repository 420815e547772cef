"""The way from a request to a page: who asks, whether they may, one transaction, one answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, quote
from zoneinfo import ZoneInfo

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from iars_node.accounts import sessions
from iars_node.accounts.access import may, require
from iars_node.errors import (
    ForbiddenError,
    InvalidError,
    NodeError,
    NotAssignedError,
    NotFoundError,
    TooManyCasesError,
)
from iars_node.web import callers, keeping, languages, live, refusing, safety, uploads
from iars_node.web.frame import frame_of, framed
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
        if self.received is not None and self.received.error is not None and self.entry.takes_file:
            raise self.received.error
        if self.body is None:
            raise uploads.TooLargeError("The form is too long.")
        if not self.body:
            return NOTHING_TYPED
        try:
            text = self.body.decode("ascii")
            fields = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise InvalidError("The form can't be read; open the page again.") from error
        return {name: [_cleaned(value) for value in values] for name, values in fields.items()}

    @property
    def token(self) -> str:
        """The proof that the form came from a page of this session."""
        return next(iter(self.form.get(safety.TOKEN_FIELD, ())), "")

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
        most = node.settings.live_pages
        self._watch = live.Watch(node.works, most=most)
        self._imports = live.Watch(node.works, most=most, state=node.board.mark)

    def route(self, entry: Entry) -> Route:
        """Return the route of a page."""

        async def answer(request: Request) -> Response:
            if (entry.takes_file or entry.takes_attachment) and uploads.carries_file(request):
                return await self._take(request, entry)
            body = await _read(request) if entry.method == "POST" else b""
            return await run_in_threadpool(self._respond, request, entry, body)

        return Route(entry.path, answer, methods=[entry.method], name=entry.name)

    def answer_lost(self, request: Request) -> Response:
        """Return the page for an address where there is none."""
        return self._respond(request, _LOST, b"")

    async def _take(self, request: Request, entry: Entry) -> Response:
        caller = await run_in_threadpool(callers.find_caller, request, self._node.works, self._policy)
        if caller.session is None or not may(caller.actor, entry.action):
            # Nothing of the file is taken from who may not bring it; the answer says why.
            return await run_in_threadpool(self._respond, request, entry, b"")
        check = partial(safety.check_form, request, caller.secret)
        if entry.takes_file:
            received = await uploads.receive_in_memory(request, check=check)
        else:
            most = self._node.settings.attachment_bytes
            received = await uploads.receive_sealed(request, self._node.folder, most=most, check=check)
        respond = partial(self._respond, request, entry, received.body, received=received)
        return await run_in_threadpool(respond)

    def _respond(
        self,
        request: Request,
        entry: Entry,
        body: bytes | None,
        received: Received | None = None,
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
            # With the token that it came with: it names the kept form that this one was.
            values = {**unfinished.page.values, safety.TOKEN_FIELD: call.token}
            return replace(unfinished.page, status=422, values=values), self._plain_frame(call)
        except NotAssignedError as error:
            # What is asked for is not refused for good: the next page asks why it must be seen.
            refusing.note(self._node.works, call.caller, call.request, call.entry, error)
            return self._to_reason(call, error), self._plain_frame(call)
        except NodeError as error:
            if isinstance(error, ForbiddenError):
                refusing.note(self._node.works, call.caller, call.request, call.entry, error)
            kept = call.request.query_params.get(keeping.FIELD, "")
            if kept and call.caller.session and call.request.url.path != keeping.PAGE:
                # Its own page can't show it now: there is one for all such forms.
                return Redirect(with_query(keeping.PAGE, kept=kept)), {}
            return self._problem(call, error), self._plain_frame(call)

    def _answer(self, call: Call) -> tuple[Answer, Frame]:
        entry, caller = call.entry, call.caller
        if entry.method == "POST" and (entry.action == ANYONE or caller.session or caller.behind):
            safety.check_form(call.request, caller.secret, keeping.token_alone(call.token))
        if entry.action != ANYONE and caller.session is None:
            return self._to_sign_in(call), {}
        if entry.action not in (ANYONE, SIGNED_IN):
            require(caller.actor, entry.action)
        named = _checked_ids(call.request.path_params)
        self._notice(call)
        works = self._node.works
        with (works.write if entry.writes else works.read)(caller.actor) as work:
            visit = self._visit(call, work)
            kept = keeping.asked_for(visit, entry)
            answer = entry.function(visit if kept is None else kept.visit(visit), **named)
            if kept is not None:
                answer = kept.filled(visit, answer)
            elif entry.keeps and entry.writes and visit.account is not None:
                keeping.forget_sent(visit, call.token)
            return answer, frame_of(visit, call.address, self._languages)

    def _notice(self, call: Call) -> None:
        # In a transaction of its own: a page that checks a password opens others, and none may wait for this.
        session = call.caller.session
        if session is None or call.entry.is_unasked:
            return
        if not sessions.is_unnoticed(session, self._node.clock.now(), self._policy):
            return
        with self._node.works.write(call.caller.actor) as work:
            sessions.keep_alive(work, session)

    def _to_sign_in(self, call: Call) -> Answer:
        is_link = call.entry.method == "GET"
        if is_link and safety.is_from_elsewhere(call.request) and not call.caller.cookies:
            # A strict cookie does not travel with another site's link; our own reload brings it.
            return Page("again.html", headers=_CROSS_SITE_PAUSE)
        target = call.address if is_link else self._kept(call)
        is_locked = call.caller.behind is not None and call.caller.behind.state == "locked"
        return Redirect(
            with_query("/unlock" if is_locked else "/sign-in", next=target if target != "/" else "")
        )

    def _kept(self, call: Call) -> str:
        """Keep a form that meets a session which is locked or over; return where it is offered again."""
        behind = call.caller.behind
        if behind is None or not call.entry.keeps:
            return ""
        with self._node.works.write(behind.account.actor) as work:
            kept = keeping.keep(work, behind.account.id, call.request.url.path, call.form)
        return with_query(kept.path, kept=kept.id)

    def _visit(self, call: Call, work: Any) -> Visit:  # noqa: ANN401 - a unit of work, or none on a plain frame
        return Visit(
            node=self._node,
            speech=call.speech,
            path=call.request.url.path,
            query=dict(call.request.query_params),
            form=call.form if call.entry.method == "POST" else NOTHING_TYPED,
            browser=callers.browser_of(call.request, call.caller.cookies),
            file=call.received.octets if call.received else b"",
            cookies=call.caller.cookies,
            actor=call.caller.actor,
            form_token=call.caller.form_token,
            secret=call.caller.secret,
            work=work,
            session=call.caller.session,
            account=call.caller.account,
            behind=call.caller.behind,
            received=call.received,
        )

    def _plain_frame(self, call: Call) -> Frame:
        with self._node.works.read(call.caller.actor) as work:
            visit = self._visit(replace(call, body=b"", received=None), work)
            return frame_of(visit, call.address, self._languages)

    def _problem(self, call: Call, error: NodeError) -> Page:
        sentence = call.speech.problem(error)
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, TooManyCasesError) else {}
        return Page("problem.html", {"sentence": sentence, "code": error.code}, error.status, headers=headers)

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
            return self._stream(call, self._imports if answer.is_about_imports else self._watch)
        text = render(call.speech, answer.template, framed(frame or self._plain_frame(call), answer.values))
        response = HTMLResponse(text, answer.status, {**safety.PAGE_HEADERS, **answer.headers})
        response.headers["Content-Language"] = call.speech.language.code
        callers.set_cookies(call.request, response, answer.cookies)
        if call.caller.session is None and callers.VISIT not in call.caller.cookies:
            callers.set_cookies(call.request, response, {callers.VISIT: call.caller.visit})
        return response

    def _stream(self, call: Call, watch: live.Watch) -> Response:
        def may_stay() -> bool:
            found = callers.find_caller(call.request, self._node.works, self._policy)
            return found.session is not None and may(found.actor, call.entry.action)

        if live.MEDIA_TYPE not in call.request.headers.get("accept", ""):
            # Only a script that listens has a use for it.
            return Response(live.STILL_HERE, media_type=live.MEDIA_TYPE, headers=dict(safety.PAGE_HEADERS))
        known = call.request.headers.get("last-event-id", "")[:64]
        events = watch.stream(call.caller.actor.id, known, may_stay)
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
