"""A file of somebody else's case is read only under an opening, and its event names that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iars_node.accounts import store as account_store
from iars_node.accounts.model import Account
from iars_node.attachments.folder import AttachmentFolder
from iars_node.attachments.service import add_attachment, read_attachment
from iars_node.audit import store as audit_store
from iars_node.audit.model import AuditFilter
from iars_node.cases.service import break_glass, open_case
from iars_node.errors import NotAssignedError
from iars_node.work import SYSTEM, Actor, AssignmentRule, Works

if TYPE_CHECKING:
    from pathlib import Path

ROLES = frozenset({"case-worker"})


def test_reading_a_file_of_anothers_case_names_the_opening_that_allowed_it(
    works: Works, tmp_path: Path
) -> None:
    ruled = Works(works.database, works.vault, works.clock, assignment=AssignmentRule(is_on=True))
    with works.write(SYSTEM) as work:
        for letter in "ad":
            account = Account(letter * 32, f"name-{letter}", "X", "", ROLES, "en", work.now)
            account_store.insert_account(work.connection, account, "none")
    owner, other = (Actor("account", letter * 32, ROLES) for letter in "ad")
    stored = AttachmentFolder(tmp_path / "attachments").write([b"x" * 2000], most=10_000)
    with ruled.write(owner) as work:
        case = open_case(work, country="AL")
        file = add_attachment(work, case.id, "identity", stored, name="pass.png", media_type="image/png").id
    with ruled.write(other) as work, pytest.raises(NotAssignedError):
        read_attachment(work, file)
    with ruled.write(other) as work:
        opened = break_glass(work, case.id, "Her worker is away, and the clinic asks for it.")
    for actor in (other, owner):
        with ruled.write(actor) as work:
            assert read_attachment(work, file).id == file
    with works.read(SYSTEM) as work:
        found = audit_store.page(work.connection, AuditFilter(action="attachment.read")).events
    details = [each.event.detail for each in found]
    assert [detail.get("opening", "") for detail in details] == ["", opened.id]
