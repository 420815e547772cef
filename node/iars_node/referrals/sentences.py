"""What a person reads where an exchange went wrong: what happened, what was kept, what to do.

One table for every code that a referral, its proofs or the outbox can show. The sentences are English
sources; the pages translate them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What the other organisation's node refused, or this one.
_REFUSED = {
    "malformed": (
        "The message did not have the form that both nodes agreed on, or was too long for one message. "
        "Nothing of it was taken in; your record is unchanged. Send long texts as an attachment; tell your "
        "administrator if it was short."
    ),
    "unsupported-version": (
        "The other node's software does not know this kind of message. Nothing of it was taken in; your "
        "record is unchanged. Ask both administrators to use the same version."
    ),
    "signature": (
        "A signature did not verify, so nobody can say who wrote the message. Nothing of it was kept. Tell "
        "your administrator before you send it again."
    ),
    "decryption": (
        "The message could not be opened: it was altered on its way. Nothing of it was kept, and it is sent "
        "again by itself."
    ),
    "key-refused": (
        "A key of the other organisation is not one that may be used. Nothing was sent; the message is kept. "
        "Ask your administrator to get the organisation's new listing."
    ),
    "unknown-key": (
        "A key is not known to the other side, or no longer held there. Nothing was lost; the message is "
        "kept. Ask your administrator to exchange listings with the organisation."
    ),
    "unknown-sender": (
        "The organisation is not known here, or not verified. Nothing of the message was kept. Ask your "
        "administrator to compare fingerprints."
    ),
    "wrong-recipient": (
        "The message was meant for another organisation. Nothing of it was kept. Tell your administrator."
    ),
    "fork": (
        "An organisation's key history contradicts itself. Exchange with it has stopped; all records are "
        "kept. Call the organisation, and ask your administrator to look at it."
    ),
    "proof": (
        "What the other organisation says of its audit log is not proved. It was not taken in, and no "
        "referral is touched by it. Tell your administrator."
    ),
    "replay": (
        "Two different messages came under one number. The first one counts, and both are kept as evidence. "
        "Tell your administrator: a node was copied, or somebody is dishonest."
    ),
    "withheld": (
        "What the person agreed to had ended before this could leave. Nothing of it was sent but that there "
        "was a message. Ask the person again before you refer once more."
    ),
    "expired": (
        "The time for this was over. Nothing was taken in; your record is unchanged. Refer the person again "
        "if it is still needed."
    ),
    "clock": (
        "The clocks of the two nodes differ too much. Nothing was lost; the message waits and is sent again. "
        "Ask both administrators to set their clocks."
    ),
    "outside-grant": (
        "The message held more than the person agreed to share. Nothing of it was taken in. Check the "
        "consent, and send again what it covers."
    ),
    "transition": (
        "The referral had moved on, so this step was no longer possible for the other side. The step does "
        "not count; everything before it stands. Look at the referral again."
    ),
    "field": (
        "A value did not have the form of its field. Nothing of the message was taken in. Correct the record "
        "and send it again."
    ),
    "out-of-order": (
        "An earlier message of this referral has to come first. Nothing was lost; it is sent again by "
        "itself. Tell your administrator if this stays for a day."
    ),
    "unknown-seen": (
        "The other side has lost a message that this one answers, as after a restore. Nothing was lost here; "
        "it is tried again. Tell your administrator if this stays for a day."
    ),
    "thread-blocked": (
        "An earlier message of this referral was refused, and this one was built on it. It was not taken in, "
        "and the referral stands as before both. Look at the referral and take the step again."
    ),
    "thread-fork": (
        "The message contradicts an earlier one of the same referral. It was not taken in; the earlier one "
        "counts. Tell your administrator: a node was copied or restored."
    ),
    "stream-closed": (
        "The message was written before its node was restored, and the node no longer knows it. It was not "
        "taken in. Look at the referral and take the step again."
    ),
    "broken": (
        "The other node's software failed on this message. Nothing of it was taken in; it is kept here. Tell "
        "both administrators."
    ),
    "refused": (
        "The other node could not verify the message, several times. Nothing of it was taken in; it is kept "
        "here and set aside. Ask your administrator to look at what waits for this organisation."
    ),
    "conflict": (
        "The other organisation's record did not allow this, for example because its case is closed. Nothing "
        "of it was taken in; your record is unchanged. Call the organisation."
    ),
    "invalid": (
        "The other node can't use what the message says. Nothing of it was taken in; your record is "
        "unchanged. Check the values and send them again."
    ),
    "not-found": (
        "The other organisation no longer has the record that the message is about. Nothing of it was taken "
        "in; your record is unchanged. Call the organisation."
    ),
    "forbidden": (
        "The other organisation does not allow this. Nothing of the message was taken in; your record is "
        "unchanged. Call the organisation."
    ),
    "erased": (
        "What the message holds has been erased, so it can't be sent or taken in. Everything else is kept. "
        "Write a new message if something is still to be said."
    ),
}

# What consent, or a permission to pass on, does not cover.
_NOT_COVERED = {
    "no-consent": (
        "No consent is recorded that covers this. Nothing was sent. Record one with the person first."
    ),
    "consent-requested": (
        "The person has been asked and has not answered yet. Nothing was sent. Wait for the answer."
    ),
    "consent-refused": "The person refused. Nothing was sent, and nothing may be.",
    "consent-expired": (
        "The person's consent has expired. Nothing more was sent. Ask the person again, and record the "
        "answer."
    ),
    "consent-withdrawn": (
        "The person has withdrawn this consent. Nothing more was sent, and nothing may be sent under it."
    ),
    "consent-revoked": "This consent was revoked. Nothing more was sent, and nothing may be sent under it.",
    "consent-invalidated": (
        "This consent is no longer valid. Nothing more was sent. Ask the person again, and record the answer."
    ),
    "consent-not-yet-valid": (
        "This consent is not valid yet. Nothing was sent. Wait for its day, or ask the person again."
    ),
    "consent-replaced": (
        "A newer consent has taken the place of this one. Nothing was sent. Use the newer one."
    ),
    "consent-narrowed": (
        "The person has taken a detail out of what they share. The part of the record that it belongs to was "
        "taken back whole; the rest of the referral stands. Refer once more to share the rest of that part."
    ),
    "telling-narrowed": (
        "The person no longer wants the other organisation to tell you some things. What it told of them is "
        "closed here, and what still comes is not kept. Its node can't be told by itself: call them."
    ),
    "child-needs-guardian": (
        "The person is a child, and only the child was asked. Nothing was recorded. Ask a guardian too."
    ),
    "guardian-suspect": (
        "The guardian is marked as a suspect. Nothing was recorded. Another guardian has to be appointed."
    ),
    "exception-pending": (
        "Nobody has approved this disclosure without consent yet. Nothing was sent. Ask a supervisor."
    ),
    "exception-refused": (
        "This disclosure without consent was not approved. Nothing was sent. Ask the person themselves."
    ),
    "exception-lapsed": (
        "Nobody approved this disclosure without consent in time. What came under it is kept locked and "
        "shown to nobody. Ask the person for their consent."
    ),
    "exception-ended": (
        "The time of this disclosure without consent is over. Nothing more was sent. Ask the person for "
        "their consent, or write down why it has to go on."
    ),
    "consent-lost": (
        "The consent was lost when this node was restored from a backup. What was sent before stands; "
        "nothing more was sent. Record the consent again from its paper."
    ),
    "recipient-not-named": (
        "The person did not agree to share with this organisation. Nothing was sent. Ask the person first."
    ),
    "purpose-not-granted": (
        "The person did not agree to share for this kind of service. Nothing was taken in. Ask the person "
        "first."
    ),
    "services-not-granted": (
        "The person did not agree to share which services they need, so nobody can be asked. Nothing was "
        "sent. Ask the person first."
    ),
    "grant-not-yet-valid": (
        "The consent is not valid yet at the other side. Nothing was taken in. Send again on its first day; "
        "if that has come, have the clocks compared."
    ),
    "grant-expired": (
        "The consent had expired when the message arrived. Nothing was taken in. Ask the person again, and "
        "refer once more."
    ),
    "withdrawn": (
        "The person has withdrawn the consent. Nothing was taken in, and nothing may be sent under it."
    ),
    "onward-origin": (
        "The organisation that permitted passing this on is not known to the other side. Nothing was taken "
        "in. Ask both organisations to exchange listings."
    ),
    "onward-holder": (
        "The permission to pass on was given to another organisation. Nothing was taken in. Ask the origin "
        "for one."
    ),
    "onward-expired": (
        "The permission to pass on has expired. Nothing was taken in. Ask the origin for a new one."
    ),
    "onward-scope": (
        "The permission to pass on covers less than was sent. Nothing was taken in. Send what it covers."
    ),
    "onward-purpose": (
        "The permission to pass on is for other kinds of service. Nothing was taken in. Ask the origin."
    ),
    "onward-recipient": (
        "The permission to pass on does not name this organisation. Nothing was taken in. Ask the origin."
    ),
    "onward-not-allowed": (
        "The person did not agree to be passed on. Nothing was sent. Ask the person, and record a consent "
        "that allows it."
    ),
    "handed-over": (
        "The case was handed over; the new organisation refers from now on. Nothing was sent. Ask it to."
    ),
    "not-yours": (
        "What was named was given to another organisation. Nothing was taken in. Look at what went to whom."
    ),
}

# What keeps the two nodes apart for now.
_APART = {
    "peer-not-pinned": (
        "This organisation's node is not verified, or is blocked. Nothing was sent. Ask your administrator "
        "to compare fingerprints."
    ),
    "restoring": (
        "This node was restored from a backup and first asks the other organisation what it has missed. "
        "Nothing was sent. Try again when it has answered; your administrator can see whether it has."
    ),
    "training": (
        "A training node and a real one don't exchange. Nothing was sent. Refer to a node of the same kind."
    ),
    "unknown-recipient-key": (
        "The other node no longer holds the key that the message was sealed for. Nothing was lost; the "
        "message is sealed again for its new key. Nothing needs to be done."
    ),
    "locked": (
        "The other organisation's node is locked. Nothing was lost; the message waits. It is sent when the "
        "node is unlocked; call the organisation if it is urgent."
    ),
    "connection": (
        "The other organisation's node can't be reached. Nothing was lost; the message waits and is sent "
        "again by itself. Call the organisation if it is urgent."
    ),
    "timeout": (
        "The other organisation's node took too long to answer. Nothing was lost; the message is sent again "
        "by itself. Call the organisation if it is urgent."
    ),
    "tls": (
        "The other node's certificate is not one that this node trusts. Nothing was sent; the message waits. "
        "Ask your administrator to look at it."
    ),
    "no-endpoint": (
        "The other organisation's node publishes no address. Nothing was sent; the message waits. Ask your "
        "administrator how its node can be reached."
    ),
    "not-https": (
        "The other node's address is not protected (https). Nothing was sent; the message waits. Ask your "
        "administrator to get a protected address from the organisation."
    ),
    "answer-too-long": (
        "The other node's answer was longer than an answer can be. Nothing was lost; the message is sent "
        "again. Tell your administrator if this stays for a day."
    ),
}

SENTENCES: Mapping[str, str] = MappingProxyType(_REFUSED | _NOT_COVERED | _APART)

# Codes of a family, such as `http-503`: the end says more to an administrator than to a person.
FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "http-": (
            "The other organisation's node answered with an error. Nothing was lost; the message is sent "
            "again by itself. Tell your administrator if this stays for a day."
        ),
        "answer-": (
            "The other node's answer could not be read: it was altered or cut on its way. Nothing was lost; "
            "the message is sent again by itself. Tell your administrator if this stays for a day."
        ),
        "peer-": (
            "The other organisation's keys are past their time. Nothing was sent; the message waits. Ask "
            "your administrator to get the organisation's new listing."
        ),
        "consent-": (
            "The person's consent does not cover this now. Nothing was sent. Look at the consent, and ask "
            "the person again."
        ),
    }
)

UNKNOWN = (
    "The other organisation's node refused this for a reason of its own. Nothing of it was taken in; your "
    "record is unchanged. Call the organisation."
)


def sentence(code: str) -> str:
    """Return the sentence for a code; an unknown one is a refusal for the other node's own reason."""
    if code in SENTENCES:
        return SENTENCES[code]
    return next((said for family, said in FAMILIES.items() if code.startswith(family)), UNKNOWN)


def every_sentence() -> Iterator[str]:
    """Yield every sentence that a code can have, for the catalogue."""
    yield from SENTENCES.values()
    yield from FAMILIES.values()
    yield UNKNOWN
