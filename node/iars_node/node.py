"""One node, put together: settings, database, vault, exchange. The composition root's result."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from iars_node.accounts.events import CameBack
from iars_node.accounts.jobs import FORGET_JOB, forget_job
from iars_node.accounts.refusals import REFUSALS_JOB, refusals_job
from iars_node.attachments.folder import AttachmentFolder
from iars_node.attachments.intake import Intake, Limits
from iars_node.attachments.service import remove_erased
from iars_node.attachments.uploading import Uploader
from iars_node.cases.events import ContentErased
from iars_node.cases.service import take_out_erased
from iars_node.cases.service.indexing import INDEX_JOB, index_codes_job
from iars_node.cases.spreadsheet import uploading
from iars_node.clock import Clock, SystemClock
from iars_node.consent.approvals import outcome_handler
from iars_node.consent.closing import EXPIRE_CONSENTS_JOB
from iars_node.consent.events import ConsentExpired, ConsentInvalidated, ConsentNarrowed, ExceptionLapsed
from iars_node.consent.exceptions import LAPSE_JOB, lapse
from iars_node.consent.onward import notice_handler
from iars_node.consent.onward_recovering import recoveries as onward_recoveries
from iars_node.consent.onward_use import permit_handler
from iars_node.consent.overtaken import OVERTAKEN_JOB, close_overtaken, write_down
from iars_node.consent.recovering import recover_outcome
from iars_node.db import Database
from iars_node.drafts import service as drafts
from iars_node.drafts.model import EXPIRE_JOB as EXPIRE_DRAFTS_JOB
from iars_node.drafts.model import FORGET_KEY_JOB
from iars_node.drafts.progress import Board
from iars_node.events import Events
from iars_node.exchange.announcing import ROTATE_JOB, listing_handler, rotate_keys_job
from iars_node.exchange.inbox import apply_opened
from iars_node.exchange.model import Outgoing, PutBack, Receipted, Resynced
from iars_node.exchange.opening import Opened
from iars_node.exchange.reception import Reception
from iars_node.exchange.restoring import GAPS_JOB, ask_for_gaps_job
from iars_node.exchange.returning import resync_handler
from iars_node.exchange.sending import Sender, Sending
from iars_node.exchange.transport import Transport
from iars_node.holds.model import HoldLifted
from iars_node.notifications.mail import mail_server
from iars_node.notifications.model import LOOK_JOB
from iars_node.notifications.sending import Notifier
from iars_node.notifications.service import Looking, follow_coming
from iars_node.referrals import service as referrals
from iars_node.referrals.model import ERASE_JOB, EXPIRE_JOB, Amended, Arrived, Erased
from iars_node.retention import service as retention
from iars_node.retention.model import RETENTION_JOB
from iars_node.rights import service as rights
from iars_node.vault.breached import BreachedPasswords
from iars_node.vault.vault import Vault
from iars_node.web.letters import letters
from iars_node.withdrawals import service as withdrawals
from iars_node.withdrawals.model import CLOCK_JOB, DESTROY_JOB, WATCH_JOB, Rules, TellingBackEnded
from iars_node.withdrawals.model import EXPIRE_JOB as END_GRANTS_JOB
from iars_node.withdrawals.service.handing_over import HANDOVER_JOB
from iars_node.withdrawals.service.handing_over import follow_lifting as follow_lifting_after_handover
from iars_node.withdrawals.service.onward_ending import follow_narrowing
from iars_node.withdrawals.service.onward_ending import follow_receipt as follow_onward_receipt
from iars_node.witness.jobs import WITNESS_JOB, witness_job
from iars_node.witness.model import Policy
from iars_node.witness.service import ask_after_restore
from iars_node.witness.witnessing import handlers as witness_handlers
from iars_node.work import AssignmentRule, OpeningLimits, Work, Works
from iars_protocol.content import read_content
from iars_protocol.crypto import probe
from iars_protocol.messages.administration import AnnounceListing, ResyncStreams
from iars_protocol.messages.consent import ErasureReport, Withdraw
from iars_protocol.messages.exception import DecideException
from iars_protocol.messages.onward import NoticeOnward, PermitOnward
from iars_protocol.messages.proof import ErasureProof

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iars_node.exchange.model import Handler, Threads
    from iars_node.jobs.model import Job
    from iars_node.peers.model import Peer
    from iars_node.settings import Settings
    from iars_protocol.envelope import Message


@dataclass(frozen=True)
class Node:
    """Everything that a server, a command or a test needs of one node."""

    settings: Settings
    database: Database
    vault: Vault
    clock: Clock
    works: Works
    folder: AttachmentFolder
    transport: Transport
    sender: Sender
    reception: Reception
    uploader: Uploader
    intake: Intake
    notifier: Notifier
    board: Board
    jobs: Mapping[str, Callable[[Work, Job], None]]

    def close(self) -> None:
        """Let what comes in be applied to its end, then close the database and the key store."""
        self.reception.close()
        self.sender.close()
        self.database.close()
        self.vault.close()


def erasure_rules(settings: Settings) -> Rules:
    """Return how long the node waits before it destroys, and when it asks a person first."""
    return Rules(
        hold=timedelta(hours=settings.erasure_hold_hours),
        grace=timedelta(days=settings.expiry_grace_days),
        backups=timedelta(days=settings.key_backup_days),
        peer_withdrawals_a_day=settings.peer_withdrawals_a_day,
    )


def message_handlers(rules: Rules | None = None) -> dict[str, Handler]:
    """Return what each message type does at this node."""
    found = {
        **referrals.handlers(),
        **witness_handlers(),
        AnnounceListing.type: listing_handler(),
        DecideException.type: outcome_handler(),
        Withdraw.type: withdrawals.Obedience(rules or Rules()).handler(),
        ErasureReport.type: withdrawals.report_handler(),
        PermitOnward.type: permit_handler(),
        NoticeOnward.type: notice_handler(),
        ErasureProof.type: withdrawals.proof_handler(),
    }

    def apply_again(work: Work, peer: Peer, message: Message) -> None:
        opened = Opened(message, message.header, read_content(message))
        apply_opened(work, peer, opened, found, is_again=True)

    recoveries = {
        **referrals.recoveries(),
        **withdrawals.recoveries(),
        **onward_recoveries(),
        DecideException.type: recover_outcome,
    }
    return {**found, ResyncStreams.type: resync_handler(recoveries, apply_again)}


def job_handlers(rules: Rules | None = None) -> dict[str, Callable[[Work, Job], None]]:
    """Return what each kind of job does at this node."""
    rules = rules or Rules()
    return {
        DESTROY_JOB: withdrawals.Destruction(rules).destroy,
        END_GRANTS_JOB: withdrawals.Obedience(rules).expire,
        WATCH_JOB: withdrawals.watch,
        CLOCK_JOB: withdrawals.watch_clock,
        EXPIRE_JOB: referrals.expire,
        ERASE_JOB: referrals.erase,
        ROTATE_JOB: rotate_keys_job,
        GAPS_JOB: ask_for_gaps_job,
        LAPSE_JOB: lapse,
        OVERTAKEN_JOB: write_down,
        HANDOVER_JOB: withdrawals.HandingOver(rules).release,
        withdrawals.OUTCOME_JOB: withdrawals.tell_again,
        withdrawals.REOPEN_JOB: withdrawals.reopen,
        withdrawals.PROVE_JOB: withdrawals.prove_job(withdrawals.may_report),
        EXPIRE_CONSENTS_JOB: withdrawals.expire_consents,
        RETENTION_JOB: retention.apply_rules_job,
        FORGET_KEY_JOB: drafts.forget_key_job,
        EXPIRE_DRAFTS_JOB: drafts.expire_job,
        INDEX_JOB: index_codes_job,
        rights.FORWARD_JOB: rights.forward,
        FORGET_JOB: forget_job,
        REFUSALS_JOB: refusals_job,
    }


STANDING_JOBS = (
    EXPIRE_JOB,
    ROTATE_JOB,
    GAPS_JOB,
    WITNESS_JOB,
    CLOCK_JOB,
    END_GRANTS_JOB,
    WATCH_JOB,
    EXPIRE_CONSENTS_JOB,
    RETENTION_JOB,
    FORGET_JOB,
    EXPIRE_DRAFTS_JOB,
    LOOK_JOB,
)
"""Jobs that schedule their own next run; a server that starts makes sure that they are there."""


def follow_events(events: Events, folder: AttachmentFolder, rules: Rules | None = None) -> None:
    """Wire what one slice announces to the slices that follow it."""
    events.follow(ConsentNarrowed, withdrawals.follow_narrowing)
    events.follow(ConsentInvalidated, withdrawals.follow_invalidation)
    events.follow(ConsentExpired, withdrawals.follow_expiry)
    events.follow(ExceptionLapsed, withdrawals.Lapses(rules or Rules()).follow)
    events.follow(TellingBackEnded, withdrawals.Answers(rules or Rules()).follow)
    events.follow(Erased, withdrawals.Destruction(rules or Rules()).report_unaccepted)
    events.follow(Arrived, referrals.follow_arrival)
    events.follow(Receipted, referrals.follow_receipt)
    events.follow(Receipted, referrals.follow_disclosure)
    events.follow(Amended, rights.follow_amendment)
    events.follow(Resynced, referrals.follow_resync)
    events.follow(ExceptionLapsed, referrals.follow_lapse)
    events.follow(Receipted, withdrawals.HandingOver(rules or Rules()).follow)
    events.follow(Resynced, withdrawals.HandingOver(rules or Rules()).follow_resync)
    events.follow(Receipted, follow_onward_receipt)
    events.follow(ConsentNarrowed, follow_narrowing)
    events.follow(Resynced, ask_after_restore)
    events.follow(HoldLifted, withdrawals.follow_lifting)
    events.follow(HoldLifted, follow_lifting_after_handover)
    events.follow(ContentErased, remove_erased(folder))
    events.follow(PutBack, take_out_erased)
    events.follow(PutBack, close_overtaken)
    events.follow(PutBack, withdrawals.close_forgotten)
    events.follow(CameBack, follow_coming)


def build_node(
    settings: Settings,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
    threads: Threads = ThreadPoolExecutor,
) -> Node:
    """Put a node together from its settings; nothing is started, the vault stays locked."""
    # Fail closed: a library that computes something else must not seal a person's file.
    probe()
    used_clock = clock or SystemClock()
    database = Database(settings.database_url)
    vault = Vault.at(settings.key_store_url)
    folder = AttachmentFolder(settings.attachment_folder)
    events = Events()
    rules = erasure_rules(settings)
    follow_events(events, folder, rules)
    assignment = AssignmentRule(settings.assignment_rule, timedelta(hours=settings.break_glass_hours))
    works = Works(
        database,
        vault,
        used_clock,
        events,
        assignment,
        limits=opening_limits(settings),
        breached=breached_passwords(settings),
    )
    board = Board(database)
    importing = uploading.Importing(board)
    used_transport = transport or Transport(settings.ca_file, seconds=settings.exchange_timeout_seconds)
    sending = Sending(
        settings.batch_envelopes,
        settings.batch_bytes,
        settings.batches_in_flight,
        timedelta(seconds=settings.lease_seconds),
    )
    sender = Sender(works, used_transport, sending, threads)
    events.follow(Outgoing, lambda work, queued: work.after_commit.append(partial(sender.wake, queued.peer)))
    reception = Reception(
        works, message_handlers(rules), largest_envelope=settings.envelope_bytes, threads=threads
    )
    return Node(
        settings=settings,
        database=database,
        vault=vault,
        clock=used_clock,
        works=works,
        folder=folder,
        transport=used_transport,
        sender=sender,
        reception=reception,
        uploader=Uploader(works, used_transport, folder, referrals.may_send_attachments),
        intake=Intake(works, reception, folder, attachment_limits(settings)),
        board=board,
        notifier=Notifier(works, mail_server(settings), letters(settings)),
        jobs={
            **job_handlers(rules),
            WITNESS_JOB: witness_job(witness_policy(settings)),
            LOOK_JOB: Looking(settings).look,
            uploading.CHECK_JOB: importing.check,
            uploading.WRITE_JOB: importing.write,
        },
    )


def witness_policy(settings: Settings) -> Policy:
    """Return how the log's head is shown to other organisations."""
    return Policy(
        settings.witnesses,
        timedelta(minutes=settings.witness_minutes),
        timedelta(hours=settings.witness_alarm_hours),
    )


def breached_passwords(settings: Settings) -> BreachedPasswords | None:
    """Return the list of passwords that became known, where one is named."""
    path = settings.breached_passwords
    return None if path is None else BreachedPasswords(path)


def opening_limits(settings: Settings) -> OpeningLimits:
    """Return how many cases one account or token opens until somebody is told, and at most."""
    return OpeningLimits(
        settings.cases_told_an_hour,
        settings.cases_most_an_hour,
        settings.cases_told_a_day,
        settings.cases_most_a_day,
    )


def attachment_limits(settings: Settings) -> Limits:
    """Return how much of its peers' attachments the node takes in."""
    return Limits(
        settings.attachment_bytes, settings.peer_attachment_bytes, settings.received_attachment_bytes
    )
