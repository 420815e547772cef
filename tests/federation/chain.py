"""Three nodes in a row: an origin, a holder that may pass people on, and who they are passed on to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.federation.endings import refer_and_accept
from tests.federation.neighbours import settle

from iars_node.cases import service as cases
from iars_node.consent import onward
from iars_node.consent.model import Recipient
from iars_node.consent.onward_model import ALL, Ceilings
from iars_node.db import new_id
from iars_node.exchange.messages import own_key, stored_receipt
from iars_node.exchange.model import Draft
from iars_node.exchange.outbox import queue
from iars_node.peers import service as peers
from iars_node.referrals import service as referrals
from iars_node.withdrawals import service as withdrawals
from iars_node.work import SYSTEM
from iars_protocol.content import Content

if TYPE_CHECKING:
    from datetime import datetime

    from tests.federation.neighbours import Neighbour

    from iars_node.cases.model import Case
    from iars_node.consent.model import Consent
    from iars_node.consent.onward_model import KeptPermission
    from iars_node.referrals.model import Offering, Preview, Referral
    from iars_node.withdrawals.service import Matrix
    from iars_node.work import Work
    from iars_protocol.messages.registry import Body


Chain = tuple["Neighbour", "Neighbour", "Neighbour"]


def agree(shelter: Neighbour, mission: Neighbour, *others: Neighbour, **changes: object) -> Consent:
    """Record that a person agrees to the mission, and to being passed on to others."""
    terms = {
        "recipients": tuple(Recipient(node=each.id.hex()) for each in (mission, *others)),
        "is_onward_allowed": True,
        **changes,
    }
    return shelter.give_consent(shelter.open_case(), mission, **terms)  # type: ignore[arg-type]


def permit(side: Neighbour, given: Consent, holder: Neighbour, wanted: Ceilings = ALL) -> KeptPermission:
    with side.node.works.write(SYSTEM) as work:
        return onward.permit_onward(work, given.id, peers.get(work, holder.id), wanted)


def case_of(side: Neighbour, referral: Referral) -> Case:
    case_id = side.referral(referral.id).case_id
    with side.node.works.read(SYSTEM) as work:
        return cases.case_head(work, case_id)


async def passed_to_mission(
    chain: Chain, service: str = "MED-SCREEN", **changes: object
) -> tuple[Referral, Consent, KeptPermission]:
    """Refer a person to the mission and let it pass them on to the clinic."""
    shelter, mission, clinic = chain
    given = agree(shelter, mission, clinic, **changes)
    sent, given = await refer_and_accept(shelter, mission, given, service=service)
    permission = permit(shelter, given, mission)
    await settle(*chain)
    return sent, given, permission


def pass_on(
    mission: Neighbour, sent: Referral, to: Neighbour, permission: KeptPermission, **changes: object
) -> tuple[Referral, Consent]:
    """Ask the person at the mission, and refer them on under the permission."""
    case = case_of(mission, sent)
    scopes = ("services", "demographics", "identity")
    own = mission.give_consent(case, to, scopes=scopes)
    return mission.refer(case, own, to, onward=permission.id, **changes), own


def matrix(side: Neighbour, case_id: str) -> Matrix:
    with side.node.works.read(SYSTEM) as work:
        return withdrawals.matrix_of_case(work, case_id)


def say(side: Neighbour, to: Neighbour, body: Body) -> bytes:
    """Sign and queue anything at all."""
    with side.node.works.write(SYSTEM) as work:
        key = ((own_key(work),),)
        draft = Draft(peers.get(work, to.id), new_id().encode()[:16], Content(body), key, soon(work))
        return queue(work, draft).id


def soon(work: Work) -> datetime:
    return work.now + timedelta(days=1)


def answer_to(side: Neighbour, message: bytes) -> str:
    """Return what the other side answered to a message: the code of a refusal, else the outcome."""
    with side.node.works.read(SYSTEM) as work:
        found = stored_receipt(work.connection, message)
    assert found is not None
    return found.receipt.code or found.receipt.outcome


def preview_of(side: Neighbour, offering: Offering, to: Neighbour) -> Preview:
    with side.node.works.write(SYSTEM) as work:
        return referrals.preview(work, offering, peers.get(work, to.id))
