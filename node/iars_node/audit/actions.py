"""What can be recorded: every audit action of the node, by topic. Add a word here before recording it."""

from __future__ import annotations

_BY_TOPIC = {
    "access": "refused",
    "case": (
        "opened read searched listed changed assigned closed reopened imported exported erased reported "
        "scope-read content-received noted locked unlocked retained duplicates-listed opened-unassigned "
        "opening-seen opening-reviewed task-added task-done draft-erased"
    ),
    "person": ("merged unmerged told-apart access-reported corrected correction-told correction-forwarded"),
    "household": "opened linked unlinked",
    "attachment": "added expected read sent not-sent received refused removed erased",
    "consent": (
        "requested given renewed refused narrowed withdrawn revoked expired invalidated read "
        "exception-recorded exception-approved exception-refused exception-lapsed exception-received "
        "exception-reviewed exported receipt-made person-told onward-permitted onward-received "
        "onward-noticed onward-told onward-untold handed-over handover-kept answers-ended answers-erased "
        "overtaken opened-again"
    ),
    "referral": (
        "previewed offered read opened accepted rejected started held completed failed cancelled expired "
        "entered-in-error disclosed amended message-sent appointment-sent refused escalated erased listed "
        "scope-read"
    ),
    "erasure": "asked reported answered proved retained overdue paused confirmed",
    "exchange": (
        "envelope-received receipt-received receipt-refused refused duplicate gap gap-filled tampered "
        "out-of-order conflicting peer-unreachable peer-reached parked unparked withheld resync-asked "
        "resync-answered restored-peer stream-skipped"
    ),
    "peer": "added verified suspended listing-received listing-refused fork-seen tested",
    "account": (
        "created changed roles-changed teams-changed disabled enabled password-set signed-in sign-in-failed "
        "signed-out signed-out-everywhere session-locked session-unlocked code-issued reset codes-set "
        "codes-removed recovery-codes-set recovery-code-used passkey-added passkey-removed passkey-copied "
        "notifications-chosen notifications-ended notified"
    ),
    "site": "created closed",
    "team": "created closed",
    "token": "created revoked",
    "key": "created rotated exported",
    "vault": "passphrase-changed keys-erased",
    "job": "parked retried",
    "backup": "made restored",
    "clock": "skewed corrected",
    "alarm": "raised acknowledged",
    "audit": (
        "read exported verified checkpointed cosigned witnessed origin-opened gap-found fork-seen "
        "rollback-seen witness-asked rebuilt"
    ),
    "retention": "rule-set rule-removed previewed applied",
    "hold": "set lifted",
    "processing": "read exported",
    "node": "initialised started stopped migrated",
}

ACTIONS = frozenset(f"{topic}.{word}" for topic, words in _BY_TOPIC.items() for word in words.split())


def is_meant(action: str, wanted: str) -> bool:
    """Say whether an action is the one that is wanted, or begins with a prefix such as `exchange.`."""
    # `case.opened` means no `case.opened-unassigned`: whoever names a whole action wants that one.
    return action == wanted if wanted in ACTIONS else action.startswith(wanted)


def meant_by(wanted: str) -> list[str]:
    """Return the actions that a whole action or a prefix means, in order."""
    return sorted(action for action in ACTIONS if is_meant(action, wanted))
