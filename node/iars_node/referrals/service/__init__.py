"""The use cases of referrals."""

from iars_node.referrals.service.answering import (
    accept,
    appoint,
    begin,
    complete,
    erase,
    fail,
    hold,
    reject,
    write_note,
)
from iars_node.referrals.service.following import expire, follow_arrival, follow_resync
from iars_node.referrals.service.lasting import ending_soon, outlived, outlived_under
from iars_node.referrals.service.reading import (
    find,
    get,
    list_referrals,
    of_case,
    received_content,
    timeline,
)
from iars_node.referrals.service.receiving import follow_receipt, handlers
from iars_node.referrals.service.recovering import recoveries
from iars_node.referrals.service.sending import amend, cancel, enter_in_error, preview, send_referral
from iars_node.referrals.service.standing import follow_lapse, is_locked, locked_in_care
from iars_node.referrals.service.uploading import follow_disclosure, may_send_attachments
from iars_node.referrals.service.verifying import differences, history

__all__ = [
    "accept",
    "amend",
    "appoint",
    "begin",
    "cancel",
    "complete",
    "differences",
    "ending_soon",
    "enter_in_error",
    "erase",
    "expire",
    "fail",
    "find",
    "follow_arrival",
    "follow_disclosure",
    "follow_lapse",
    "follow_receipt",
    "follow_resync",
    "get",
    "handlers",
    "history",
    "hold",
    "is_locked",
    "list_referrals",
    "locked_in_care",
    "may_send_attachments",
    "of_case",
    "outlived",
    "outlived_under",
    "preview",
    "received_content",
    "recoveries",
    "reject",
    "send_referral",
    "timeline",
    "write_note",
]
