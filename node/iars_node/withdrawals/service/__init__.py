"""The use cases of withdrawals and erasures."""

from iars_node.withdrawals.service.answers import Answers
from iars_node.withdrawals.service.asking import watch, withdraw
from iars_node.withdrawals.service.deciding import (
    GROUNDS,
    confirm_clock,
    confirm_withdrawals,
    expire_consents,
    retain,
    watch_clock,
)
from iars_node.withdrawals.service.destroying import Destruction, may_report
from iars_node.withdrawals.service.forgotten import REOPEN_JOB, close_forgotten, reopen
from iars_node.withdrawals.service.handing_over import (
    HandedOver,
    HandingOver,
    handed_over,
    keep_after_handover,
)
from iars_node.withdrawals.service.hearing import report_handler
from iars_node.withdrawals.service.holding import follow_lifting
from iars_node.withdrawals.service.lapsing import Lapses
from iars_node.withdrawals.service.matrix import Matrix, matrix_of_case, still_held
from iars_node.withdrawals.service.narrowing import (
    Foreseen,
    follow_expiry,
    follow_invalidation,
    follow_narrowing,
    foresee_narrowing,
)
from iars_node.withdrawals.service.obeying import Obedience
from iars_node.withdrawals.service.onward_ending import withdraw_onward
from iars_node.withdrawals.service.proving import PROVE_JOB, Proved, proof_handler, proof_lines, prove_job
from iars_node.withdrawals.service.reading import (
    Asked,
    Held,
    asked_of_case,
    asked_of_consent,
    consent_to_withdraw,
    doubted_clock,
    endings_of_case,
    find_asked,
    find_ending,
    list_endings,
    reports_of_case,
)
from iars_node.withdrawals.service.recovering import recoveries
from iars_node.withdrawals.service.shares import gone
from iars_node.withdrawals.service.telling import OUTCOME_JOB, tell_again

__all__ = [
    "GROUNDS",
    "OUTCOME_JOB",
    "PROVE_JOB",
    "REOPEN_JOB",
    "Answers",
    "Asked",
    "Destruction",
    "Foreseen",
    "HandedOver",
    "HandingOver",
    "Held",
    "Lapses",
    "Matrix",
    "Obedience",
    "Proved",
    "asked_of_case",
    "asked_of_consent",
    "close_forgotten",
    "confirm_clock",
    "confirm_withdrawals",
    "consent_to_withdraw",
    "doubted_clock",
    "endings_of_case",
    "expire_consents",
    "find_asked",
    "find_ending",
    "follow_expiry",
    "follow_invalidation",
    "follow_lifting",
    "follow_narrowing",
    "foresee_narrowing",
    "gone",
    "handed_over",
    "keep_after_handover",
    "list_endings",
    "matrix_of_case",
    "may_report",
    "proof_handler",
    "proof_lines",
    "prove_job",
    "recoveries",
    "reopen",
    "report_handler",
    "reports_of_case",
    "retain",
    "still_held",
    "tell_again",
    "watch",
    "watch_clock",
    "withdraw",
    "withdraw_onward",
]
