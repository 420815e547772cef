"""A real mail server on loopback: what it was handed over lies here to be read."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.browser.site import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from tests.bench.certificate import Certificate

HOST = "127.0.0.1"
USER, PASSWORD = "node", "a long one for mail"


@dataclass
class Mailbox:
    """What arrived, in order, and what the server answers to a recipient."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    answer: str = "250 OK"

    def empty(self) -> None:
        """Forget what arrived, and take everything again."""
        self.messages, self.names, self.logins, self.answer = [], [], [], "250 OK"

    async def handle_RCPT(  # noqa: N802 - the server's name for it
        self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or say what the test wants said."""
        if self.answer.startswith("2"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return self.answer

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        """Keep a message."""
        self.names.append(session.host_name)
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 kept"


@contextmanager
def mail_server(certificate: Certificate | None = None, *, tls: str = "starttls") -> Iterator[Mailbox]:
    """Run a server: with a certificate it takes nothing in the clear; after STARTTLS it wants a password."""
    box = Mailbox(free_port())

    def known(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        box.logins.append(given.login.decode())
        is_right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)

    more: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.certificate, certificate.key)
        if tls == "implicit":
            more = {"ssl_context": context}
        else:
            more = {
                "tls_context": context,
                "require_starttls": True,
                "authenticator": known,
                "auth_required": True,
            }
    running = Controller(box, hostname=HOST, port=box.port, **more)
    running.start()
    try:
        yield box
    finally:
        running.stop()
