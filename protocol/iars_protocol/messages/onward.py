"""Messages about passing a person on under another's permission (SPEC § 7.9 and § 10.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from iars_protocol import fields
from iars_protocol.consent import Signed
from iars_protocol.errors import MalformedError
from iars_protocol.messages.consent import OUTCOMES
from iars_protocol.messages.registry import Body, checked, code_of, message
from iars_protocol.permissions import Onward
from iars_protocol.vocabulary import SCOPES

NOTHING_HELD = "nothing-held"
STATED = OUTCOMES | {NOTHING_HELD}


def _signed_onward(value: object) -> tuple[bytes, ...]:
    signed = Signed.from_plain(value)
    if not isinstance(signed.content, Onward):
        raise MalformedError("an onward permission is expected")
    return tuple(signed.to_plain())


def _id(value: object) -> str:
    return fields.hexadecimal(value, 16, "id")


def _node(value: object) -> str:
    return fields.hexadecimal(value, 32, "recipient")


def _time(value: object) -> int:
    return fields.time(value, "expires")


def _scopes(value: object) -> tuple[str, ...]:
    found = fields.texts(value, "scopes")
    if not found or not frozenset(found) <= SCOPES.keys():
        raise MalformedError("scopes: empty, or a code is not known")
    return found


@message("onward.permit/1")
@dataclass(frozen=True, slots=True)
class PermitOnward(Body):
    """Give the recipient a permission to pass a person on: the one that it received under `grant`."""

    carries_scopes: ClassVar[bool] = False
    grant: str = checked(_id)
    signed: tuple[bytes, ...] = checked(_signed_onward)

    @property
    def permission(self) -> Signed:
        """The permission as it was signed; `verify_issued` checks by whom."""
        return Signed.from_plain(list(self.signed))


@message("onward.notice/1")
@dataclass(frozen=True, slots=True)
class NoticeOnward(Body):
    """Tell the origin that a person is passed on under its permission.

    `passing` is the id of the holder's own grant, a random one. `recipient`, with the scopes that were
    granted, is left out where the person objects to the origin's knowing. `outcome` says later what the
    recipient has stated about the end of it.
    """

    carries_scopes: ClassVar[bool] = False
    onward: str = checked(_id)
    passing: str = checked(_id)
    expires: int = checked(_time)
    recipient: str = checked(_node, default="")
    scopes: tuple[str, ...] = checked(_scopes, default=())
    outcome: str = checked(code_of(STATED, "outcome"), default="")

    def __post_init__(self) -> None:
        # Scopes alone would tell a part of what the person wants kept from the origin.
        if bool(self.recipient) != bool(self.scopes):
            raise MalformedError("a recipient and its scopes are told together")
