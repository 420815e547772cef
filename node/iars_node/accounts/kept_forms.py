"""Forms that met a locked session: kept sealed for their account a while, and offered again.

Each has a content key of its own, which is destroyed when the form is taken back or its time is over: then no
backup of the database opens it either.
"""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from iars_node.accounts.model import KeptForm
from iars_node.accounts.tables import kept_form
from iars_node.db import new_id
from iars_node.vault.vault import context

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iars_node.work import Work

KEPT_FOR = timedelta(hours=2)
MOST = 5

_COLUMNS = (kept_form.c.id, kept_form.c.account_id, kept_form.c.path, kept_form.c.kept_at)


def keep(work: Work, account_id: str, path: str, typed: Mapping[str, list[str]]) -> KeptForm:
    """Keep a form; the oldest beyond a few is forgotten, so that nobody fills the disk with them."""
    kept = KeptForm(new_id(), account_id, path, work.now)
    content = json.dumps(typed).encode()
    ((key_id, sealed),) = work.vault.seal_anew([(content, _place(kept.id))])
    work.connection.execute(
        insert(kept_form).values(
            id=kept.id, account_id=account_id, path=path, key_id=key_id, sealed=sealed, kept_at=work.now
        )
    )
    for old in kept_forms_of(work, account_id)[MOST:]:
        discard(work, account_id, old.id)
    return kept


def kept_forms_of(work: Work, account_id: str) -> list[KeptForm]:
    """Return what is kept for an account, the newest first."""
    query = select(*_COLUMNS).where(
        kept_form.c.account_id == account_id, kept_form.c.kept_at > work.now - KEPT_FOR
    )
    rows = work.connection.execute(query.order_by(kept_form.c.kept_at.desc(), kept_form.c.id)).mappings()
    return [KeptForm(**row) for row in rows]


def kept_form_by_id(
    work: Work, account_id: str, kept_id: str
) -> tuple[KeptForm, dict[str, list[str]]] | None:
    """Return one of an account's kept forms with what was typed."""
    found = next((each for each in kept_forms_of(work, account_id) if each.id == kept_id), None)
    if found is None:
        return None
    query = select(kept_form.c.key_id, kept_form.c.sealed).where(kept_form.c.id == kept_id)
    row = work.connection.execute(query).one()
    (opened,) = work.vault.open_many([(bytes(row.key_id), bytes(row.sealed), _place(kept_id))])
    return None if opened is None else (found, json.loads(opened))


def discard(work: Work, account_id: str, kept_id: str, path: str = "") -> None:
    """Forget one of an account's kept forms, of one page if it is said; its key goes with it."""
    own = (kept_form.c.account_id == account_id) & (kept_form.c.id == kept_id)
    condition = own & (kept_form.c.path == path) if path else own
    query = delete(kept_form).where(condition).returning(kept_form.c.key_id)
    keys = [bytes(row.key_id) for row in work.connection.execute(query)]
    if keys:
        work.after_commit.append(partial(_destroy, work, keys))


def forget_old(work: Work) -> None:
    """Forget the forms whose time is over."""
    # The keys first: should this process die between the two, the rows are found again.
    over = kept_form.c.kept_at <= work.now - KEPT_FOR
    keys = [bytes(row.key_id) for row in work.connection.execute(select(kept_form.c.key_id).where(over))]
    if keys:
        _destroy(work, keys)
        work.connection.execute(delete(kept_form).where(over))


def _destroy(work: Work, keys: Iterable[bytes]) -> None:
    work.vault.erase_content_keys(keys, at=work.now)


def _place(kept_id: str) -> bytes:
    return context("kept_form", "sealed", kept_id)
