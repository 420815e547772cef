"""Passing on: permit it, end it, read who holds what of a case."""

from datetime import timedelta
from typing import Annotated

from fastapi import Path

from iars_node.api.bodies.base import REFERRAL
from iars_node.api.bodies.onward import (
    EndedOnward,
    EndOnward,
    MatrixCell,
    MatrixRow,
    NewOnwardPermission,
    OnwardPermission,
    OnwardPermissionList,
    SharingMatrix,
)
from iars_node.api.callers import CallerParam
from iars_node.api.operations import Topic
from iars_node.api.routes.parameters import CaseId, ConsentId
from iars_node.audit import record
from iars_node.cases.service import case_head
from iars_node.consent import onward as service
from iars_node.consent import onward_store
from iars_node.consent.onward_model import Ceilings, KeptPermission
from iars_node.db import EPOCH
from iars_node.errors import NotFoundError
from iars_node.peers import service as peers
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.service.matrix import Row

onward = Topic("Passing on")

PermissionId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=[REFERRAL])]


@onward.read("/cases/{case_id}/matrix", "consent.read")
def read_matrix(case_id: CaseId, caller: CallerParam) -> SharingMatrix:
    """Show who holds what of a case: since when, under which consent, until when, what became of it."""
    with caller.work() as work:
        case_head(work, case_id)
        record(work, "consent.read", case_id=case_id)
        found = withdrawals.matrix_of_case(work, case_id)
        return SharingMatrix(recipients=[_row(row) for row in found.rows])


@onward.read("/cases/{case_id}/onward-permissions", "consent.read")
def list_permissions(case_id: CaseId, caller: CallerParam) -> OnwardPermissionList:
    """List who may pass a person on, and under whose permission they came here."""
    with caller.work() as work:
        case_head(work, case_id)
        record(work, "consent.read", case_id=case_id)
        found = service.permissions_of_case(work, case_id)
        return OnwardPermissionList(permissions=[_permission(kept) for kept in found])


@onward.change("POST", "/consents/{consent_id}/onward-permissions", "consent.record", status=201)
def permit_onward(consent_id: ConsentId, body: NewOnwardPermission, caller: CallerParam) -> OnwardPermission:
    """Allow an organisation to pass a person on, as far as the person agreed."""
    with caller.work() as work:
        wanted = Ceilings(body.scopes, body.purposes, body.recipients, body.kinds)

        def permit() -> str:
            holder = peers.get(work, bytes.fromhex(body.holder))
            return service.permit_onward(work, consent_id, holder, wanted).id

        found = onward_store.find_permission(work.connection, caller.once(work, body, permit), way="out")
        if found is None:
            raise NotFoundError("There is no permission of this id.")
        return _permission(found)


@onward.change("POST", "/onward-permissions/{permission_id}/withdrawal", "consent.withdraw", status=201)
def end_permission(permission_id: PermissionId, body: EndOnward, caller: CallerParam) -> EndedOnward:
    """End a permission; what was passed on under it ends too."""
    with caller.work() as work:
        notice = withdrawals.withdraw_onward(work, permission_id, by=body.by)
        return EndedOnward(withdrawal_id=notice.id, node=notice.peer.hex(), asked_at=notice.asked_at)


def _row(row: Row) -> MatrixRow:
    return MatrixRow(
        node=row.node.hex(),
        via=row.via.hex(),
        consent_id=row.consent_id,
        grant_id=row.grant_id,
        onward_id=row.onward_id,
        since=row.since,
        until=row.until,
        state=row.state,
        untold_to=row.untold_to.hex(),
        scopes=[
            MatrixCell(
                scope=cell.scope,
                state=cell.state,
                since=cell.since,
                stated_at=cell.stated_at,
                backups_expire=cell.backups_expire,
                kept_until=cell.until,
                ground=cell.ground,
            )
            for cell in row.cells
        ],
    )


def _permission(kept: KeptPermission) -> OnwardPermission:
    return OnwardPermission(
        id=kept.id,
        way=kept.way,
        node=kept.peer.hex(),
        case_id=kept.case_id,
        consent_id=kept.consent_id,
        grant_id=kept.grant_id,
        scopes=list(kept.onward.scopes),
        purposes=list(kept.onward.purposes),
        kinds=list(kept.onward.classes),
        named_recipients=len(kept.onward.recipients),
        expires=EPOCH + timedelta(seconds=kept.onward.expires),
        recorded_at=kept.recorded_at,
        ended_at=kept.ended_at,
    )
