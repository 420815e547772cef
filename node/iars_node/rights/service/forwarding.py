"""A correction that came goes on to everybody who holds the person through this node (GDPR art. 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iars_node import audit
from iars_node.consent import onward_store
from iars_node.consent import service as consents
from iars_node.db import new_id
from iars_node.jobs.service import schedule
from iars_node.referrals import store as referral_store
from iars_node.rights import store
from iars_node.rights.model import Correction
from iars_node.rights.service.correcting import holders, tell

if TYPE_CHECKING:
    from iars_node.jobs.model import Job
    from iars_node.referrals.model import Amended
    from iars_node.rights.service.correcting import Holder
    from iars_node.work import Work

FORWARD_JOB = "correction.forward"


def follow_amendment(work: Work, amended: Amended) -> None:
    """Note what another organisation has put right, if anybody holds it through this node.

    It goes on in a job of its own: an amendment that came is not refused because it can't be passed on, and
    nobody waits for two organisations at once.
    """
    came = amended.referral
    if not _holders_through(work, came.case_id, came.grant_id, amended.fields):
        return
    made = Correction(new_id(), came.case_id, amended.fields, work.now, came.peer.hex())
    store.add(work.connection, made, ())
    schedule(work, FORWARD_JOB, work.now, made.id, {"grant": came.grant_id})


def forward(work: Work, job: Job) -> None:
    """Amend the copies of those who hold it through this node; who can't be sent it becomes a task."""
    made = store.find_correction(work.connection, job.subject)
    if made is None:
        return
    found = _holders_through(work, made.case_id, str(job.payload["grant"]), made.fields)
    told = [each for holder in found for each in tell(work, made, holder)]
    store.add_told(work.connection, told)
    audit.record(
        work,
        "person.correction-forwarded",
        subject=made.id,
        case_id=made.case_id,
        peer_id=made.by,
        scopes={name.partition(".")[0] for name in made.fields},
        detail={"recipients": len(found)},
    )


def _holders_through(work: Work, case_id: str, grant_id: str, names: tuple[str, ...]) -> list[Holder]:
    """Return who holds what came here under a grant: by its permissions, or after a handover."""
    everybody = holders(work, case_id, names)
    if grant_id in referral_store.handed_over_grants(work.connection, case_id):
        return everybody
    return [holder for holder in everybody if _came_under(work, holder.grant_id, grant_id)]


def _came_under(work: Work, issued: str, received: str) -> bool:
    onward = consents.kept_grant(work, issued).grant.onward
    permission = onward_store.find_permission(work.connection, onward, way="in") if onward else None
    return permission is not None and permission.grant_id == received
