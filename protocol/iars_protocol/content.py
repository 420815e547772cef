"""A message's content, and the one rule that both sides hold it against (SPEC § 7.4 and § 10.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iars_protocol import fields, messages, parts
from iars_protocol.consent import Grant, Onward, Signed
from iars_protocol.errors import DisclosureError, MalformedError
from iars_protocol.messages.referral import Offer
from iars_protocol.messages.registry import Body, read_body
from iars_protocol.record import check_disclosed, check_values
from iars_protocol.vocabulary import SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iars_protocol.consent import Answer
    from iars_protocol.envelope import Message
    from iars_protocol.parts import Part, ScopePart
    from iars_protocol.referral import Side
    from iars_protocol.vocabulary import Step

# Importing the package is what fills the registry.
MESSAGE_TOPICS = messages.__all__

TEXTS = "texts"
ATTACHMENTS = "attachments"


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says: its body, the grant and onward permission it carries, and each scope's part."""

    body: Body
    grant: Signed | None = None
    onward: Signed | None = None
    scopes: tuple[ScopePart, ...] = ()

    def to_parts(self) -> list[Part]:
        """Return the salted parts in their order: body, grant, onward permission, scopes."""
        found = [parts.part(parts.BODY, {"body": self.body.to_plain()})]
        if self.grant is not None:
            found.append(parts.part(parts.GRANT, {"signed": self.grant.to_plain()}))
        if self.onward is not None:
            found.append(parts.part(parts.ONWARD, {"signed": self.onward.to_plain()}))
        return found + [scope.to_part() for scope in self.scopes]


def is_withheld(message: Message) -> bool:
    """Say whether a verified message came without its body: nothing of it was to leave (SPEC § 5.7)."""
    return not message.parts or message.parts[0].hash != message.header.parts[0]


def read_content(message: Message) -> Content:
    """Read a verified message's parts.

    Raises:
        MalformedError: parts of an unknown kind, out of order, or one kind or scope twice; permissions where
            none belong, or an offer's lacking; content of scopes, or a grant, that the header's `grant` does
            not name.
        UnsupportedVersionError: the message type is not known.

    """
    plains = [part.plain for part in message.parts]
    kinds = [plain.get("part") for plain in plains]
    order: list[object] = [parts.BODY]
    order += [kind for kind in (parts.GRANT, parts.ONWARD) if kind in kinds]
    scopes_from = len(order)
    if kinds != order + [parts.SCOPE] * (len(kinds) - scopes_from):
        raise MalformedError("the parts are not body, grant, onward, scopes in this order")
    body_plain = fields.mapping(plains[0], frozenset({"part", "body"}))["body"]
    body = read_body(message.header.type, fields.typed(body_plain, dict, "body"))
    scopes = tuple(parts.read_scope_part(plain) for plain in plains[scopes_from:])
    if len({scope.scope for scope in scopes}) != len(scopes):
        raise MalformedError("a scope has two parts")
    if not body.carries_scopes and len(plains) > 1:
        raise MalformedError("this message carries a body only")
    signed = {
        str(plain["part"]): Signed.from_plain(fields.mapping(plain, frozenset({"part", "signed"}))["signed"])
        for plain in plains[1:scopes_from]
    }
    content = Content(body, signed.get(parts.GRANT), signed.get(parts.ONWARD), scopes)
    _check_permissions(content)
    _check_grant_named(content, message.header.grant)
    return content


def _check_permissions(content: Content) -> None:
    # A grant beside a later message would be a second word on what an offer's grant has settled.
    carried = content.grant, content.onward
    if not isinstance(content.body, Offer):
        if carried != (None, None):
            raise MalformedError("only an offer carries permissions")
        return
    grant, onward = (None if signed is None else signed.content for signed in carried)
    if not isinstance(grant, Grant):
        raise MalformedError("an offer carries a grant")
    if (onward is None) == bool(grant.onward) or not isinstance(onward, Onward | None):
        raise MalformedError("an onward permission goes with the grant that names one")


def _check_grant_named(content: Content, named: bytes) -> None:
    # The header outlives the parts: once they are erased, it alone proves which grant covered them.
    if content.grant is not None and content.grant.hash != named:
        raise MalformedError("the header names another grant than the message carries")
    if content.scopes and not named:
        raise MalformedError("the header names no grant for the scopes")


def check_content(scopes: Sequence[ScopePart], grant: Grant, by: Side, step: Step) -> None:
    """Hold scope parts against a grant: the same rule before signing and after opening.

    Args:
        scopes: the parts.
        grant: what the person agreed to.
        by: who discloses. The receiver's feedback is bound by the grant's `feedback` scopes.
        step: `offer`, or `acceptance` once the referral was accepted.

    Raises:
        DisclosureError: something lies outside the grant; the text names codes only.
        FieldError: a known field's value does not have the form of its kind.

    """
    for scope in scopes:
        if by == "receiver":
            _check_feedback(scope, grant)
            continue
        check_disclosed({scope.scope: scope.fields}, grant, step)
        granted = grant.scope(scope.scope)
        for name, present in ((TEXTS, scope.texts), (ATTACHMENTS, scope.attachments)):
            if present and (granted is None or not granted.allows(name, step)):
                raise DisclosureError(f"{name} of a scope lie outside the grant")


def _check_feedback(scope: ScopePart, grant: Grant) -> None:
    if scope.scope not in grant.feedback:
        raise DisclosureError("a scope lies outside the feedback that was agreed to")
    check_values(scope.scope, scope.fields)


def covers_service(grant: Grant, service: str, *, at: int) -> Answer:
    """Answer whether a grant covers a referral for a service at a moment (SPEC § 7.4)."""
    return grant.permits(purpose=SERVICES[service].purpose, at=at)
