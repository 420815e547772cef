"""What `iars doctor` asks of the mail server: is it reached, with TLS, and does it know this node?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_admin.checks import Finding, ok
from iars_node.errors import SetupError
from iars_node.notifications.mail import mail_server
from iars_node.notifications.model import MailError

if TYPE_CHECKING:
    from iars_node.node import Node


def check_mail(node: Node) -> list[Finding]:
    """Go as far as the mail server would take a message, and send none."""
    try:
        server = mail_server(node.settings)
    except SetupError as error:
        return [Finding("mail server", "failed", "its password can't be read", str(error))]
    if server is None:
        return [ok("mail server", "none is set: nobody is told outside of the pages")]
    place = f"{server.host}:{server.port}"
    try:
        server.probe()
    except MailError as error:
        advice = "Look at smtp_host, smtp_port, smtp_tls, smtp_user, its password, and ca_file."
        return [Finding("mail server", "failed", f"{place} takes no mail ({error.reason})", advice)]
    return [ok("mail server", f"{place} answers ({server.tls})")]
