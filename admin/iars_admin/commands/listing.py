"""`iars listing`: how this node presents itself to others."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from iars_admin.command import command, group
from iars_admin.founding import write_new_file
from iars_admin.session import Session
from iars_node.vault.identity import Identity, identity_of
from iars_protocol.errors import ProtocolError
from iars_protocol.keys import fingerprint, read_history
from iars_protocol.listing import read_signed_listing

LABELS = {
    "name": "Organisation",
    "organisation_type": "Type",
    "country": "Country",
    "zone": "Time zone",
    "languages": "Languages",
    "services": "Services",
    "endpoints": "Addresses",
    "number": "Listing number",
    "node": "Node id",
    "fingerprint": "Fingerprint",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    listing = group(app, "listing", "How this node presents itself to other organisations.")
    command(listing, "show", examples=("iars listing show", "iars listing show --json"))(show)
    command(listing, "export", examples=("iars listing export shelter.listing",))(export)


def show(session: Session) -> None:
    """Show this node's own listing with the fingerprint that others compare."""
    with session.work("key.read") as work:
        session.screen.show_one(described(identity_of(work.vault)), LABELS)


def export(
    session: Session,
    file: Annotated[Path, typer.Argument(help="The file to write; - writes to standard output.")],
) -> None:
    """Write this node's listing to a file that you give to another organisation. It holds no secret.

    An earlier listing of this node is replaced; any other file is left as it is.
    """
    with session.work("key.read") as work:
        identity = identity_of(work.vault)
    presented = identity.signed_listing.to_bytes()
    if str(file) == "-":
        sys.stdout.buffer.write(presented)
        return
    if _is_of(identity, file):
        file.unlink()
    write_new_file(file, presented)
    session.screen.done(
        f"Wrote {file}. Let the other organisation read these digits back to you by telephone:\n"
        f"{fingerprint(identity.node_id)}",
        {"file": str(file), "node": identity.node_text, "fingerprint": fingerprint(identity.node_id)},
    )


def _is_of(identity: Identity, file: Path) -> bool:
    try:
        presented = read_signed_listing(file.read_bytes())
        return read_history(presented.statements).node_id == identity.node_id
    except (OSError, ProtocolError):
        return False


def described(identity: Identity) -> dict[str, object]:
    """Return a node's own listing as it is shown."""
    listing = identity.listing
    return {
        "node": identity.node_text,
        "fingerprint": fingerprint(identity.node_id),
        "name": listing.name(),
        "names": listing.names,
        "organisation_type": listing.organisation_type,
        "country": listing.country,
        "zone": listing.zone,
        "languages": list(listing.languages),
        "services": list(listing.services),
        "endpoints": list(identity.history.endpoints),
        "number": listing.number,
        "training": listing.training,
    }
