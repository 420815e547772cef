"""Disclosing without consent, for tests: writing an exception down, deciding on it, referring under it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from iars_node.audit.model import AuditFilter
from iars_node.audit.store import page
from iars_node.consent import exceptions
from iars_node.consent import service as consents
from iars_node.consent.approvals import basis_shown
from iars_node.consent.exception import KeptException, NewException
from iars_node.referrals import service as referrals
from iars_node.referrals.model import Offering
from iars_node.work import SYSTEM, Actor
from iars_protocol.consent import ScopeGrant

if TYPE_CHECKING:
    from tests.federation.neighbours import Neighbour

    from iars_node.cases.model import Case
    from iars_node.referrals.model import Referral

    Pair = tuple[Neighbour, Neighbour]


WORKER = Actor("account", "a" * 32, frozenset({"case-worker"}))


SUPERVISOR = Actor("account", "b" * 32, frozenset({"supervisor"}))


OTHER = Actor("account", "e" * 32, frozenset({"supervisor"}))


AUDITOR = Actor("account", "d" * 32, frozenset({"auditor"}))


def new_exception(side: Neighbour, to: Neighbour, **changes: Any) -> NewException:
    now = side.node.clock.now()
    plain = {
        "kind": "vital-interest",
        "recipient": to.id.hex(),
        "purposes": ("assistance",),
        "scopes": (
            consents.default_scope("services"),
            consents.default_scope("demographics"),
            ScopeGrant("medical", "acceptance", (), ("conditions",)),
        ),
        "expires": now + timedelta(days=7),
        "review": now + timedelta(days=2),
        "reason": "She is unconscious.",
        **changes,
    }
    return NewException(**plain)


def record(side: Neighbour, case: Case, to: Neighbour, by: Actor = WORKER, **changes: Any) -> KeptException:
    with side.node.works.write(by) as work:
        return exceptions.record_exception(work, case.id, new_exception(side, to, **changes))


def decide(side: Neighbour, use_case: Any, exception_id: str, by: Actor = SUPERVISOR) -> KeptException:
    with side.node.works.write(by) as work:
        found: KeptException = use_case(work, exception_id)
        return found


def refer(side: Neighbour, kept: KeptException, to: Neighbour, priority: str = "emergency") -> Referral:
    with side.node.works.write(WORKER) as work:
        return referrals.send_referral(work, Offering(kept.case_id, kept.id, "MED-SCREEN", priority), to.id)


def shown(side: Neighbour, referral_id: str) -> Any:
    with side.node.works.read(SYSTEM) as work:
        current = referrals.get(work, referral_id)
        return basis_shown(work, consents.kept_grant(work, current.grant_id))


def seen_by(side: Neighbour, referral_id: str) -> dict[str, Any]:
    with side.node.works.write(SYSTEM) as work:
        return dict(referrals.received_content(work, referral_id))


def actions(side: Neighbour, prefix: str = "consent.exception") -> list[str]:
    with side.node.works.read(SYSTEM) as work:
        return [
            one.event.action for one in reversed(page(work.connection, AuditFilter(action=prefix)).events)
        ]
