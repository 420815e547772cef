"""Withdrawals: end a consent, read whom it was told and what each has answered."""

from datetime import datetime, timedelta

from iars_node.api.bodies.withdrawals import (
    AskedWithdrawal,
    NewWithdrawal,
    StatedOutcome,
    Statement,
    WithdrawalList,
)
from iars_node.api.callers import CallerParam
from iars_node.api.operations import Topic
from iars_node.api.routes.parameters import CaseId, ConsentId
from iars_node.audit import record
from iars_node.cases.service import case_head
from iars_node.db import EPOCH
from iars_node.withdrawals import service, store
from iars_node.withdrawals.model import Notice, Part, Report
from iars_node.work import Work
from iars_protocol.messages.consent import ScopeOutcome

withdrawals = Topic("Withdrawals")


@withdrawals.change("POST", "/consents/{consent_id}/withdrawals", "consent.withdraw", status=201)
def withdraw_consent(consent_id: ConsentId, body: NewWithdrawal, caller: CallerParam) -> WithdrawalList:
    """End a consent, whole or in part, and tell every recipient. Asked again it is as once."""
    with caller.work() as work:
        part = Part(body.scopes, body.purposes, body.recipients)
        notices = service.withdraw(work, [consent_id], part, by=body.by)
        return WithdrawalList(withdrawals=[_asked(work, each) for each in notices], statements=[])


@withdrawals.read("/cases/{case_id}/withdrawals", "consent.read")
def list_withdrawals(case_id: CaseId, caller: CallerParam) -> WithdrawalList:
    """List whom the end of a case's consents was told, and what recipients have stated."""
    with caller.work() as work:
        case_head(work, case_id)
        record(work, "consent.read", case_id=case_id)
        found = [_asked(work, one.notice) for one in service.asked_of_case(work, case_id)]
        said = [_statement(report) for report in service.reports_of_case(work, case_id)]
        return WithdrawalList(withdrawals=found, statements=said)


def _asked(work: Work, notice: Notice) -> AskedWithdrawal:
    return AskedWithdrawal(
        id=notice.id,
        consent_id=notice.consent_id,
        case_id=notice.case_id,
        node=notice.peer.hex(),
        by=notice.by,
        scopes=list(notice.scopes),
        purposes=list(notice.purposes),
        asked_at=notice.asked_at,
        deadline_at=notice.deadline_at,
        outcome=notice.outcome,
        answered_at=notice.answered_at,
        overdue_at=notice.overdue_at,
        statements=[_statement(report) for report in store.reports_on(work.connection, notice.id)],
    )


def _statement(report: Report) -> Statement:
    return Statement(
        message=report.message.hex(),
        node=report.peer.hex(),
        cause=report.cause,
        grant_id=report.grant_id,
        referral_id=report.referral_id,
        outcome=report.outcome,
        outcomes=[_outcome(each) for each in report.outcomes],
        leaf=report.leaf.hex(),
        received_at=report.received_at,
    )


def _outcome(each: ScopeOutcome) -> StatedOutcome:
    return StatedOutcome(
        scope=each.scope,
        outcome=each.outcome,
        access_ended=EPOCH + timedelta(seconds=each.access_ended),
        keys_destroyed=_moment(each.keys_destroyed),
        backups_expire=_moment(each.backups_expire),
        ground=each.ground,
        until=_moment(each.until),
        code=each.code,
    )


def _moment(seconds: int) -> datetime | None:
    return EPOCH + timedelta(seconds=seconds) if seconds else None
