"""The organisation's mail server: reached with TLS, given one message at a time.

What a server answers stays here: it may repeat an address. Only its code goes on.
"""

from __future__ import annotations

import smtplib
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from iars_node.notifications.model import MailError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from iars_node.notifications.model import Letter
    from iars_node.settings import Settings

SECONDS = 10.0
_FIRST_FINAL = 500


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and as whom."""

    host: str
    port: int
    tls: str
    sender: str
    own_name: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None

    def send(self, letter: Letter, address: str, at: datetime) -> None:
        """Hand over a message for one address, or raise MailError."""
        message = _message(letter, self.sender, address, at)
        with self._open() as server, _mapping(is_address=True):
            server.send_message(message, self.sender, [address])

    def probe(self) -> None:
        """Do everything but send, or raise MailError."""
        with self._open() as server, _mapping():
            server.noop()

    @contextmanager
    def _open(self) -> Iterator[smtplib.SMTP]:
        with _mapping():
            server = self._connected()
        try:
            with _mapping():
                server.ehlo_or_helo_if_needed()
                if self.tls == "starttls":
                    server.starttls(context=self._context())
                if self.user:
                    server.login(self.user, self.password)
            yield server
        finally:
            # The message was taken or refused before: what becomes of the good-bye changes nothing.
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
            server.close()

    def _connected(self) -> smtplib.SMTP:
        if self.tls == "implicit":
            return smtplib.SMTP_SSL(
                self.host, self.port, self.own_name, timeout=SECONDS, context=self._context()
            )
        return smtplib.SMTP(self.host, self.port, self.own_name, timeout=SECONDS)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))


def mail_server(settings: Settings) -> MailServer | None:
    """Return the mail server of a node's settings, or None where none is set."""
    if not settings.sends_mail:
        return None
    return MailServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_tls,
        settings.smtp_from,
        # The machine's own name is nobody's business.
        urlsplit(settings.public_url).hostname or "localhost",
        settings.smtp_user,
        settings.read_smtp_password(),
        settings.ca_file,
    )


def _message(letter: Letter, sender: str, address: str, at: datetime) -> EmailMessage:
    message = EmailMessage()
    message["From"] = Address(addr_spec=sender)
    message["To"] = Address(addr_spec=address)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    # No out-of-office answer comes back to this.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body)
    message["Content-Language"] = letter.language
    return message


@contextmanager
def _mapping(*, is_address: bool = False) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code = next((code for code, _said in error.recipients.values()), 0)
        raise _refused(code, is_address=is_address) from None
    except smtplib.SMTPResponseException as error:
        # Of these only a refused sender or text is about the message; both are the same for everybody.
        raise _refused(error.smtp_code) from None
    except smtplib.SMTPNotSupportedError:
        raise MailError("not-offered", is_final=True) from None
    except smtplib.SMTPException:
        raise MailError("broken-off") from None
    except ssl.SSLError:
        raise MailError("tls", is_final=True) from None
    except OSError:
        raise MailError("unreachable") from None


def _refused(code: int, *, is_address: bool = False) -> MailError:
    return MailError(f"smtp-{code}", is_final=code >= _FIRST_FINAL, is_address=is_address)
