"""The recovery sheet: what to write down, and what to do when the machine is lost. It holds no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_protocol.keys import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from iars_node.settings import Settings
    from iars_node.vault.identity import Identity

RULE = "=" * 78

_INSTRUCTIONS = """\
WRITE DOWN, AND KEEP APART FROM THE MACHINE
  The passphrase. Nobody can restore it, and without it nothing can be read.
  Where the root keys and the backups are, and who has access to them.

MAKE BACKUPS
  `iars backup FOLDER`, every day, to a medium that leaves the house. Keep each for
  35 days at the most: an erased person lives on in older ones.

IF THE MACHINE IS LOST OR STOLEN
  1. Tell the other organisations by telephone, so that they stop sending.
  2. Install IARS on another machine, and run: iars restore FOLDER
  3. Was it switched on, or did the thief know the passphrase? Then the keys count as
     stolen: ask for help to replace them with the root keys, and tell whoever must be
     told of the loss.
  4. Run: iars doctor

IF THE PASSPHRASE WAS SEEN BY SOMEBODY
  iars keys passphrase"""


def recovery_sheet(
    identity: Identity, settings: Settings, *, administrator: str, root_file: Path | None
) -> str:
    """Return the sheet as text that fits on one page."""
    training = ["TRAINING NODE: made-up people only.", ""] if settings.training else []
    lines = [
        RULE,
        f"IARS RECOVERY SHEET: {identity.listing.name()}",
        RULE,
        *training,
        f"Node id        {identity.node_text[:32]}",
        f"               {identity.node_text[32:]}",
        f"Fingerprint    {fingerprint(identity.node_id)}",
        f"Address        {settings.public_url or '(none yet)'}",
        "",
        f"Folder         {settings.folder}",
        f"Database       {_place(settings.database_url)}",
        f"Key store      {_place(settings.key_store_url)}",
        f"Root keys      {_root_place(root_file)}",
        f"Administrator  {administrator}",
        "",
        _INSTRUCTIONS,
        RULE,
    ]
    return "\n".join(lines) + "\n"


def _place(url: str) -> str:
    # A server's address may hold a password, and this sheet is printed.
    return (
        url.removeprefix("sqlite:///") if url.startswith("sqlite") else "a PostgreSQL server (see settings)"
    )


def _root_place(root_file: Path | None) -> str:
    if root_file is None:
        return "in the key store, for trials only"
    return f"{root_file}: take it off this machine now"
