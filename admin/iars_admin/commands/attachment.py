"""`iars attachment`: files of a case, kept sealed."""

import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from iars_admin.command import command, group
from iars_admin.founding import write_new_file
from iars_admin.naming import find_case
from iars_admin.session import Session
from iars_node.attachments import service as attachments
from iars_node.attachments.model import Attachment
from iars_node.errors import SetupError
from iars_protocol.attachment import CHUNK_BYTES
from iars_protocol.record import SCOPES

CaseArgument = Annotated[str, typer.Argument(help="The case's reference, file number or id.")]
UNKNOWN_TYPE = "application/octet-stream"

COLUMNS = {
    "id": "Attachment",
    "name": "Name",
    "scope": "Scope",
    "media_type": "Type",
    "length": "Bytes",
    "state": "State",
    "created_at": "Since",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    attachment = group(app, "attachment", "Files of a case. They are sealed before they touch the disk.")
    command(attachment, "add", examples=("iars attachment add K-4F7Q x-ray.png --scope medical",))(add)
    command(attachment, "list", examples=("iars attachment list K-4F7Q",))(list_attachments)
    command(attachment, "save", examples=("iars attachment save 5f0c... x-ray.png",))(save)


def add(
    session: Session,
    case: CaseArgument,
    file: Annotated[Path, typer.Argument(help="The file to add.", exists=True, dir_okay=False)],
    scope: Annotated[str, typer.Option(help=f"The scope that it belongs to: {', '.join(SCOPES)}.")],
    name: Annotated[str, typer.Option(help="What it is called, instead of the file's name.")] = "",
    media_type: Annotated[str, typer.Option(help="Its media type, such as image/png.")] = "",
) -> None:
    """Add a file to a case, under the scope that it touches."""
    with session.work("attachment.add") as work:
        case_id = find_case(work, case).id
    node = session.node
    with session.screen.progress("Sealing", file.stat().st_size) as move:
        stored = node.folder.write(_pieces(file, move), most=session.settings.attachment_bytes)
    try:
        with session.work("attachment.add") as work:
            added = attachments.add_attachment(
                work,
                case_id,
                scope,
                stored,
                name=name or file.name,
                media_type=media_type or mimetypes.guess_type(file.name)[0] or UNKNOWN_TYPE,
            )
    except BaseException:
        node.folder.remove(stored.file)
        raise
    session.screen.done(f"Added as {added.id}.", described(added))


def _pieces(file: Path, move: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    try:
        with file.open("rb") as opened:
            while piece := opened.read(CHUNK_BYTES):
                yield piece
                done += len(piece)
                move(done)
    except OSError as error:
        raise SetupError(f"The file {file} can't be read.") from error


def list_attachments(session: Session, case: CaseArgument) -> None:
    """List a case's attachments in the scopes that you may read."""
    with session.work("attachment.read") as work:
        found = [described(one) for one in attachments.list_attachments(work, find_case(work, case).id)]
    session.screen.show_list(found, COLUMNS, none="This case has no attachment.")


def save(
    session: Session,
    attachment: Annotated[str, typer.Argument(help="The attachment's id.")],
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
) -> None:
    """Write an attachment to a file, in the clear. It is verified first; reading is recorded."""
    with session.work("attachment.read") as work:
        found = attachments.read_attachment(work, attachment)
        stored = attachments.stored_file(found)
    write_new_file(file, b"")
    try:
        _write(session, file, session.node.folder.open(stored), stored.seal.length)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    session.screen.done(f"Wrote {file}. It lies there in the clear.", described(found) | {"file": str(file)})


def _write(session: Session, file: Path, pieces: Iterator[bytes], length: int) -> None:
    done = 0
    with session.screen.progress("Opening", length) as move, file.open("wb") as opened:
        for piece in pieces:
            opened.write(piece)
            done += len(piece)
            move(done)


def described(attachment: Attachment) -> dict[str, object]:
    """Return an attachment as it is shown; name and type are gone once it is locked or erased."""
    content = attachment.content
    return {
        "id": attachment.id,
        "case_id": attachment.case_id,
        "scope": attachment.scope,
        "source": attachment.source,
        "state": attachment.state,
        "name": None if content is None else content.name,
        "media_type": None if content is None else content.media_type,
        "length": None if content is None else content.seal.length,
        "sealed_size": attachment.size,
        "created_at": attachment.created_at,
        "created_by": attachment.created_by,
    }
