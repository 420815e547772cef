"""Messages about the end of consent: its withdrawal, and what became of what was shared (SPEC § 10.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from iars_protocol import fields
from iars_protocol.consent import Signed
from iars_protocol.errors import MalformedError
from iars_protocol.messages.registry import Body, checked, code_of, message
from iars_protocol.permissions import Withdrawal
from iars_protocol.vocabulary import SCOPES, VOCABULARIES

if TYPE_CHECKING:
    from collections.abc import Callable

CAUSES = frozenset({"withdrawal", "expiry", "not-accepted", "lapse"})
OUTCOMES = frozenset({"erased", "retained", "failed"})


def _signed_withdrawal(value: object) -> tuple[bytes, ...]:
    signed = Signed.from_plain(value)
    if not isinstance(signed.content, Withdrawal):
        raise MalformedError("a withdrawal is expected")
    return tuple(signed.to_plain())


def _id(value: object) -> str:
    return fields.hexadecimal(value, 16, "id")


def _leaf(value: object) -> bytes:
    return fields.octets(value, 32, "leaf")


@dataclass(frozen=True, slots=True)
class ScopeOutcome:
    """What became of one scope: `erased` with three dates, `retained` on a ground until a day, or `failed`.

    All times are seconds since 1970. `access_ended` is when nobody could read it any more, `keys_destroyed`
    when its live keys were, `backups_expire` when the last backup of a key expires; `until` ends a retention.
    """

    scope: str
    outcome: str
    access_ended: int = 0
    keys_destroyed: int = 0
    backups_expire: int = 0
    ground: str = ""
    until: int = 0
    code: str = ""

    def to_plain(self) -> dict[str, Any]:
        """Return the entry as it is encoded: what belongs to its outcome and no more."""
        names = ("scope", "outcome", *_NAMES[self.outcome])
        return {name: getattr(self, name) for name in names}


_NAMES = {
    "erased": ("access_ended", "keys_destroyed", "backups_expire"),
    "retained": ("access_ended", "ground", "until"),
    "failed": ("access_ended", "code"),
}
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "access_ended": lambda value: fields.time(value, "access_ended"),
    "keys_destroyed": lambda value: fields.time(value, "keys_destroyed"),
    "backups_expire": lambda value: fields.time(value, "backups_expire"),
    "ground": lambda value: fields.known(value, VOCABULARIES["retention_ground"], "ground"),
    "until": lambda value: fields.time(value, "until"),
    "code": lambda value: fields.code(value, "code"),
}


def read_outcome(entry: object) -> ScopeOutcome:
    """Read what became of one scope.

    Raises:
        MalformedError: a name is missing or unknown, or a value has another form.

    """
    plain = fields.typed(entry, dict, "outcome")
    outcome = fields.known(plain.get("outcome"), OUTCOMES, "outcome")
    names = _NAMES[outcome]
    fields.mapping(plain, frozenset({"scope", "outcome", *names}))
    scope = fields.known(plain["scope"], SCOPES, "scope")
    found = ScopeOutcome(scope, outcome, **{name: _CHECKS[name](plain[name]) for name in names})
    if found.outcome == "erased" and not found.access_ended <= found.keys_destroyed <= found.backups_expire:
        raise MalformedError("the dates of an erasure are out of order")
    return found


def _outcomes(value: object) -> tuple[dict[str, Any], ...]:
    entries = fields.typed(value, list, "outcomes")
    found = [read_outcome(entry) for entry in entries]
    if len({entry.scope for entry in found}) != len(found):
        raise MalformedError("a scope is named twice")
    return tuple(entries)


@message("consent.withdraw/1")
@dataclass(frozen=True, slots=True)
class Withdraw(Body):
    """Carry a signed withdrawal: it counts by its own signature, whoever brings it."""

    carries_scopes: ClassVar[bool] = False
    signed: tuple[bytes, ...] = checked(_signed_withdrawal)

    @property
    def withdrawal(self) -> Signed:
        """The withdrawal as it was signed; `verify_issued` checks by whom."""
        return Signed.from_plain(list(self.signed))


@message("erasure.report/1")
@dataclass(frozen=True, slots=True)
class ErasureReport(Body):
    """State what became of what was received under a grant: its author's statement, which binds nobody else.

    No outcome at all says that nothing was held. `leaf` is the leaf hash of the event that tells of it in the
    author's audit log; `withdrawal` names the withdrawal that it answers, `referral` the thread of a referral
    that was never accepted.
    """

    carries_scopes: ClassVar[bool] = False
    cause: str = checked(code_of(CAUSES, "cause"))
    grant: str = checked(_id)
    leaf: bytes = checked(_leaf)
    outcomes: tuple[dict[str, Any], ...] = checked(_outcomes, default=())
    withdrawal: str = checked(_id, default="")
    referral: str = checked(_id, default="")

    def scopes(self) -> tuple[ScopeOutcome, ...]:
        """Return what became of each scope."""
        return tuple(read_outcome(entry) for entry in self.outcomes)
