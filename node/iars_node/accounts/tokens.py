"""Access tokens of the organisation's own systems."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from iars_node.accounts import credential_store
from iars_node.accounts.access import ACTIONS, TABLE, require
from iars_node.accounts.model import LONGEST_LABEL, TOKEN_PREFIX, NewToken, Token, new_secret, secret_hash
from iars_node.audit import record
from iars_node.db import new_id
from iars_node.errors import InvalidError, NotFoundError, UnauthenticatedError
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from datetime import datetime

    from iars_node.work import Work

LONGEST_LIFE = timedelta(days=400)
_NOTICED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class WantedToken:
    """What a token is to do and read, and until when."""

    label: str
    actions: frozenset[str]
    scopes: frozenset[str]
    life: timedelta


def create_token(work: Work, wanted: WantedToken) -> NewToken:
    """Create a token; its secret is in the answer and nowhere else."""
    require(work.actor, "token.manage")
    if faults := _faults(wanted):
        raise InvalidError("The token can't be made like this; nothing was made.", faults)
    secret = TOKEN_PREFIX + new_secret()
    token = Token(
        id=new_id(),
        label=wanted.label.strip(),
        actions=wanted.actions,
        scopes=wanted.scopes,
        created_at=work.now,
        created_by=work.actor.id,
        expires_at=work.now + wanted.life,
    )
    credential_store.insert_token(work.connection, token, secret_hash(secret))
    detail = {"actions": len(token.actions), "days": wanted.life.days}
    record(work, "token.created", subject=token.id, scopes=token.scopes, detail=detail)
    return NewToken(secret, token)


def revoke_token(work: Work, token_id: str) -> None:
    """Revoke a token; from now on nobody gets in with it."""
    require(work.actor, "token.manage")
    if not credential_store.revoke_token(work.connection, token_id, work.now):
        raise NotFoundError("There is no valid token of this id.")
    record(work, "token.revoked", subject=token_id)


def find_token(work: Work, secret: str) -> Token:
    """Return the valid token of a secret."""
    found = credential_store.token_by_secret(work.connection, secret_hash(secret))
    if found is None or found.revoked_at is not None or work.now >= found.expires_at:
        raise UnauthenticatedError("This token is unknown, expired or revoked.")
    return found


def is_use_unnoticed(token: Token, now: datetime) -> bool:
    """Say whether the token's last use should be written again."""
    return token.last_used_at is None or now >= token.last_used_at + _NOTICED_EVERY


def notice_use(work: Work, token: Token) -> None:
    """Write that a token was used; needs a writing unit of work."""
    credential_store.notice_token(work.connection, token.id, work.now)


def _faults(wanted: WantedToken) -> dict[str, str]:
    faults = {}
    if not 0 < len(wanted.label.strip()) <= LONGEST_LABEL:
        faults["label"] = "Write which system uses the token."
    if not wanted.actions or wanted.actions - (ACTIONS - TABLE.people_only):
        faults["actions"] = "Choose actions that a system may take, from the list."
    if wanted.scopes - SCOPES.keys():
        faults["scopes"] = "Choose scopes from the list."
    if not timedelta(0) < wanted.life <= LONGEST_LIFE:
        faults["life"] = f"Choose between 1 and {LONGEST_LIFE.days} days."
    return faults
