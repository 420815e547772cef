"""What keeps a page to itself: its headers, the proof that a form is ours, where a link may lead."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import URL

from iars_node.errors import ForbiddenError
from iars_node.settings import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import Message, Scope, Send

TOKEN_FIELD = "csrf"  # noqa: S105 - the name of a form's field
_LONGEST_PATH = 500

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_EVERYWHERE: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
}
PAGE_HEADERS: Mapping[str, str] = {**_EVERYWHERE, "Cache-Control": "no-store"}
ASSET_HEADERS: Mapping[str, str] = {**_EVERYWHERE, "Cache-Control": "public, max-age=31536000, immutable"}


# A browser that was here once comes back over TLS alone, whatever a link or a stranger on the line says.
_TLS_FOR_GOOD = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def keeping_tls(scope: Scope, send: Send) -> Send:
    """Return a way to answer that tells browsers to use TLS here for good, where they just did."""
    # On this machine the promise would bind every other service under the same name, too.
    if scope["type"] != "http" or scope["scheme"] != "https" or URL(scope=scope).hostname in LOOPBACK:
        return send

    async def send_with_promise(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], _TLS_FOR_GOOD]
        await send(message)

    return send_with_promise


class ForeignFormError(ForbiddenError):
    """A form that another site sent, or that does not carry the session's token."""

    code = "foreign-form"


def form_token(secret: bytes) -> str:
    """Return what each form of a session carries: only pages of this session can know it."""
    return hmac.new(secret, b"iars form", hashlib.sha256).hexdigest()


def check_form(request: Request, secret: bytes, token: str) -> None:
    """Refuse a form that another site sent, or that does not carry the session's token."""
    if not _is_own_site(request) or not hmac.compare_digest(form_token(secret).encode(), token.encode()):
        raise ForeignFormError("The form did not come from this page; open the page again.")


def _is_own_site(request: Request) -> bool:
    fetched_from = request.headers.get("sec-fetch-site")
    if fetched_from is not None:
        return fetched_from == "same-origin"
    # Our own pages send `null`, for they refer to nothing; the token decides then.
    origin = request.headers.get("origin", "null")
    return origin == "null" or urlsplit(origin).netloc == request.headers.get("host")


def is_from_elsewhere(request: Request) -> bool:
    """Say whether a link on another site led here: the browser then leaves our cookies at home."""
    return request.headers.get("sec-fetch-site") == "cross-site"


def is_plain_loopback(request: Request) -> bool:
    """Say whether the browser runs on this machine and speaks to it without TLS."""
    return request.url.scheme == "http" and request.url.hostname in LOOPBACK


def own_path(wanted: str) -> str:
    """Return where to go after signing in: a path of this site, or the first page."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    if not is_path or "\\" in wanted or len(wanted) > _LONGEST_PATH:
        return "/"
    parts = urlsplit(wanted)
    return "/" if parts.scheme or parts.netloc else wanted
