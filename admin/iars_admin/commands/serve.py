"""`iars serve` and `iars upgrade`: run the node."""

import errno
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from iars_admin import logs
from iars_admin.command import command
from iars_admin.passphrases import passphrase_of
from iars_admin.session import Session
from iars_node.audit.service import record
from iars_node.errors import SetupError
from iars_node.exchange.transport import is_loopback
from iars_node.migrations import is_current, upgrade
from iars_node.node import Node, breached_passwords
from iars_node.settings import Settings
from iars_node.work import SYSTEM

STOP_SECONDS = 20
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "serve", examples=("iars serve", "iars --passphrase-file /run/passphrase serve"))(serve)
    command(app, "upgrade", examples=("iars upgrade",))(upgrade_database)


def serve(
    session: Session,
    host: Annotated[str, typer.Option(help="The address to listen on, instead of the settings'.")] = "",
    port: Annotated[int | None, typer.Option(help="The port, instead of the settings'.")] = None,
) -> None:
    """Run the node: unlock it, listen, exchange, until it is told to stop (Ctrl-C or SIGTERM).

    Beyond this machine it listens only with TLS (tls_certificate and tls_key), or behind a proxy that does
    TLS (behind_proxy = true, and proxy_addresses where it is not on this machine).
    """
    settings = session.settings
    address = host or settings.host
    number = settings.port if port is None else port
    check_address(settings, address)
    if (breached := breached_passwords(settings)) is not None:
        breached.check()
    node = session.locked_node()
    try:
        check_port(address, number)
        node.vault.unlock(passphrase_of(settings))
        upgrade(node.database)
        _note(node, "node.started")
        session.screen.say(f"Serving on {address}:{number}. Ctrl-C stops.")
        _run(node, address, number)
        _note(node, "node.stopped")
    finally:
        node.close()


def _run(node: Node, address: str, port: int) -> None:
    # Imported late: no other command needs a web server.
    import uvicorn  # noqa: PLC0415

    from iars_node.app import create_app  # noqa: PLC0415

    settings = node.settings
    config = uvicorn.Config(
        create_app(node),
        host=address,
        port=port,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        log_config=logs.configure(settings.log_level),
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        # What anybody else says of itself in these headers is not listened to.
        forwarded_allow_ips=list(settings.proxy_addresses) if settings.behind_proxy else [],
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    with _stopping_quietly():
        uvicorn.Server(config).run()


@contextmanager
def _stopping_quietly() -> Iterator[None]:
    # Once it has stopped, the server repeats the signal that stopped it; the node then still has to close.
    before = {number: signal.signal(number, lambda *_: None) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_address(settings: Settings, address: str) -> None:
    """Refuse to listen beyond this machine in the clear."""
    is_here = is_loopback(f"http://[{address}]" if ":" in address else f"http://{address}")
    if is_here or settings.tls_certificate is not None or settings.behind_proxy:
        return
    raise SetupError(
        f"The node won't listen on {address} in the clear: set tls_certificate and tls_key, or "
        "behind_proxy = true where a proxy in front does TLS."
    )


def check_port(address: str, port: int) -> None:
    """Refuse a port that another program holds, or that this user may not open."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise SetupError(f"The address {address} is not known on this machine; correct host.") from error
    for family, kind, protocol, _, place in found:
        with socket.socket(family, kind, protocol) as tried:
            # As the server opens it: what a stopped one left behind a moment ago is not in the way.
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            _open(tried, place, address, port)


def _open(tried: socket.socket, place: Any, address: str, port: int) -> None:  # noqa: ANN401 - of its family
    try:
        tried.bind(place)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SetupError(
                f"The port {port} of {address} is in use: stop what listens there, this node perhaps, or "
                "name another with --port."
            ) from error
        if error.errno == errno.EACCES:
            raise SetupError(
                f"The port {port} of {address} is not for this user: name one above 1023 with --port."
            ) from error
        # Of several addresses of a name one may be missing here; the server does with the others.


def upgrade_database(session: Session) -> None:
    """Bring the database to the shape that this version needs. Make a backup first."""
    node = session.locked_node()
    try:
        needed = not is_current(node.database)
        upgrade(node.database)
        if needed:
            _note(node, "node.migrated")
    finally:
        node.close()
    said = "The database was upgraded." if needed else "The database has the newest shape already."
    session.screen.done(said, {"upgraded": needed})


def _note(node: Node, action: str) -> None:
    with node.works.write(SYSTEM) as work:
        record(work, action)
