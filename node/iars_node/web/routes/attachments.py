"""A case's attachments: listed under their parts, added with a look at what they are, saved, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node.attachments import service as attachments
from iars_node.cases import service as cases
from iars_node.cases.model import OWN
from iars_node.errors import NotFoundError
from iars_node.web.file_kinds import ENDINGS, kind_of, safe_name
from iars_node.web.pages import Pages
from iars_node.web.people import colleagues, organisations
from iars_node.web.visit import Page, Redirect, SealedFile, Sheet
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from iars_node.attachments.model import Attachment
    from iars_node.web.uploads import Upload
    from iars_node.web.visit import Answer, Faults, Visit

pages = Pages()

PATH = "/cases/{case_id}/attachments"


@pages.get(PATH, "attachment.read")
def show_attachments(visit: Visit, case_id: str) -> Answer:
    """Show a case's attachments, part by part."""
    return _page(visit, case_id, Sheet({"scope": [visit.asked("scope", SCOPES)]}))


def _page(visit: Visit, case_id: str, sheet: Sheet) -> Page:
    head = cases.case_head(visit.work, case_id)
    readable = cases.access_to(visit.work, head).scopes
    found: dict[str, list[Attachment]] = {}
    for each in attachments.list_attachments(visit.work, case_id):
        found.setdefault(each.scope, []).append(each)
    people = colleagues(visit, (each.created_by for held in found.values() for each in held))
    return Page(
        "attachments.html",
        {
            "case": head,
            "sheet": sheet,
            "found": {code: found[code] for code in SCOPES if code in found},
            "choices": {code: visit.speech.scope(code) for code in SCOPES if code in readable},
            "endings": ", ".join(ENDINGS),
            "accept": ",".join(f".{ending}" for ending in ENDINGS),
            "most": visit.node.settings.attachment_bytes // (1024 * 1024),
            "names": {**organisations(visit), **people},
            "own": OWN,
        },
    )


@pages.attach(PATH, "attachment.add")
def add(visit: Visit, case_id: str) -> Answer:
    """Keep a file that has arrived, if it is what it is called; else nothing of it stays."""
    upload = visit.received.upload if visit.received else None
    kept = False
    try:
        _add(visit, case_id, upload)
        kept = True
    finally:
        if upload is not None and not kept:
            visit.node.folder.remove(upload.stored.file)
    return Redirect(f"/cases/{case_id}/attachments?done=added")


def _add(visit: Visit, case_id: str, upload: Upload | None) -> None:
    def again(sheet: Sheet) -> Page:
        return _page(visit, case_id, sheet)

    scope = next(iter(visit.chosen("scope", SCOPES)), "")
    faults: Faults = {}
    if not scope:
        faults["scope"] = visit.gettext("Choose from the list.")
    if visit.received and visit.received.error:
        faults["file"] = visit.gettext(
            "The file is larger than this node takes, or did not arrive whole. Nothing of it was kept."
        )
    elif upload is None:
        faults["file"] = visit.gettext("Choose a file that is not empty.")
    kind = kind_of(upload.name, upload.first) if upload else None
    if upload is not None and kind is None:
        faults["file"] = visit.gettext(
            "This is not a file of a kind that can be kept, or it is not what its name says. "
            "Nothing of it was kept."
        )
    if faults and "file" not in faults:
        # No page can fill a file in again.
        faults["file"] = visit.gettext("Choose the file again; a browser does not keep it.")
    if faults or upload is None or kind is None:
        raise visit.unfinished(again, faults)
    with visit.keeping(again, named={"name": "file"}):
        attachments.add_attachment(
            visit.work, case_id, scope, upload.stored, name=safe_name(upload.name), media_type=kind.media_type
        )


@pages.get(f"{PATH}/{{attachment_id}}", "attachment.read", writes=True)
def save(visit: Visit, case_id: str, attachment_id: str) -> Answer:
    """Give an attachment to be saved; that it was opened is an event."""
    found = attachments.read_attachment(visit.work, attachment_id)
    if found.case_id != case_id or found.content is None:
        raise NotFoundError("There is no such attachment.")
    # Verified whole before the first byte leaves.
    pieces = visit.node.folder.open(attachments.stored_file(found))
    return SealedFile(pieces, found.content.seal.length, found.content.name)


@pages.post(f"{PATH}/{{attachment_id}}/remove", "attachment.add")
def remove(visit: Visit, case_id: str, attachment_id: str) -> Answer:
    """Remove a file that was added by mistake."""
    known = {each.id: each for each in attachments.list_attachments(visit.work, case_id)}
    if attachment_id not in known or known[attachment_id].source != OWN:
        raise NotFoundError("There is no such attachment.")
    attachments.remove_attachment(visit.work, attachment_id, visit.node.folder)
    return Redirect(f"/cases/{case_id}/attachments?done=removed")
