"""The use cases of withdrawals and erasures."""

from iars_node.withdrawals.service.asking import watch, withdraw
from iars_node.withdrawals.service.deciding import (
    GROUNDS,
    confirm_clock,
    confirm_withdrawals,
    retain,
    watch_clock,
)
from iars_node.withdrawals.service.destroying import Destruction
from iars_node.withdrawals.service.hearing import report_handler
from iars_node.withdrawals.service.holding import follow_lifting
from iars_node.withdrawals.service.obeying import Obedience
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

__all__ = [
    "GROUNDS",
    "Asked",
    "Destruction",
    "Held",
    "Obedience",
    "asked_of_case",
    "asked_of_consent",
    "confirm_clock",
    "confirm_withdrawals",
    "consent_to_withdraw",
    "doubted_clock",
    "endings_of_case",
    "find_asked",
    "find_ending",
    "follow_lifting",
    "list_endings",
    "recoveries",
    "report_handler",
    "reports_of_case",
    "retain",
    "watch",
    "watch_clock",
    "withdraw",
]
