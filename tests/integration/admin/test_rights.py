"""The first test of each command: an account without the right is refused, and nothing happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.admin.organisations import Organisation

SEND = ("K-0000", "--to", "mission", "--service", "MED-SCREEN")
AGREED = ("--purpose", "return", "--scope", "services", "--notice-language", "sq")
WITHOUT_CONSENT = (
    "--kind", "judicial", "--to", "mission", "--purpose", "assistance", "--scope", "services",
    "--reason-file", "{person}",
)  # fmt: skip
REFUSED = [
    # An auditor may read the log, accounts and peers, and no case.
    ("ada", "user", "add", "x", "--role", "auditor"),
    ("ada", "user", "roles", "mira", "supervisor"),
    ("ada", "user", "disable", "mira"),
    ("ada", "user", "enable", "mira"),
    ("ada", "user", "password", "mira"),
    ("ada", "token", "add", "Statistics", "--action", "case.search"),
    ("ada", "token", "list"),
    ("ada", "token", "revoke", "0" * 32),
    ("ada", "keys", "rotate"),
    ("ada", "keys", "passphrase"),
    ("ada", "peer", "add", "{person}"),
    ("ada", "peer", "verify", "mission", "12345"),
    ("ada", "peer", "block", "mission"),
    ("ada", "peer", "test", "mission"),
    ("ada", "exchange", "retry", "mission"),
    ("ada", "exchange", "go-on", "mission"),
    ("ada", "alarm", "acknowledge", "0" * 32),
    ("ada", "backup", "{folder}"),
    ("ada", "case", "list"),
    ("ada", "case", "show", "K-0000"),
    ("ada", "case", "open", "{person}"),
    ("ada", "case", "import", "{person}"),
    ("ada", "case", "import", "{person}", "--suggest-mapping", "{folder}.toml"),
    ("ada", "consent", "list", "K-0000"),
    ("ada", "consent", "show", "0" * 32),
    ("ada", "consent", "give", "K-0000", *AGREED),
    ("ada", "consent", "request", "K-0000", *AGREED),
    ("ada", "consent", "refuse", "0" * 32),
    ("ada", "consent", "renew", "0" * 32, "--notice-language", "sq"),
    ("ada", "consent", "narrow", "0" * 32, "--without-scope", "medical"),
    ("ada", "consent", "invalidate", "0" * 32, "--reason", "not-free"),
    ("ada", "consent", "export", "0" * 32, "{folder}"),
    ("ada", "consent", "receipt", "0" * 32, "{folder}"),
    ("ada", "exception", "record", "K-0000", *WITHOUT_CONSENT),
    ("mira", "exception", "approve", "0" * 32),
    ("mira", "exception", "refuse", "0" * 32),
    ("mira", "exception", "list"),
    ("ada", "exception", "list", "K-0000"),
    ("ada", "exception", "show", "0" * 32),
    ("ada", "exception", "review", "0" * 32, "--days", "2"),
    ("ada", "exception", "told", "0" * 32),
    ("ada", "exception", "count", "--since", "2026-01-01"),
    ("ada", "consent", "withdraw", "0" * 32),
    ("ada", "erasure", "asked", "K-0000"),
    ("ada", "erasure", "show", "0" * 32),
    ("ada", "erasure", "list"),
    ("ada", "erasure", "retain", "0" * 32, "--scope", "medical", "--ground", "x", "--until", "2031-12-31"),
    ("ada", "erasure", "confirm", "mission"),
    ("ada", "erasure", "confirm-clock"),
    ("ada", "referral", "preview", *SEND),
    ("ada", "referral", "send", *SEND),
    ("ada", "referral", "list"),
    ("ada", "referral", "show", "R-0000"),
    ("ada", "referral", "accept", "R-0000"),
    ("ada", "referral", "reject", "R-0000", "--reason", "safety"),
    ("ada", "referral", "begin", "R-0000"),
    ("ada", "referral", "hold", "R-0000", "--reason", "safety"),
    ("ada", "referral", "complete", "R-0000"),
    ("ada", "referral", "fail", "R-0000", "--reason", "safety"),
    ("ada", "referral", "cancel", "R-0000", "--reason", "safety"),
    ("ada", "referral", "mistake", "R-0000"),
    ("ada", "referral", "note", "R-0000", "--text", "medical=Well"),
    ("ada", "referral", "amend", "R-0000"),
    ("ada", "referral", "appoint", "R-0000", "scheduled", "2026-05-04 10:00"),
    ("ada", "referral", "verify", "R-0000"),
    ("ada", "attachment", "add", "K-0000", "{person}", "--scope", "medical"),
    ("ada", "attachment", "list", "K-0000"),
    ("ada", "attachment", "save", "0" * 32, "{folder}"),
    ("ada", "case", "close", "K-0000", "--reason", "other"),
    ("ada", "case", "reopen", "K-0000"),
    ("ada", "case", "break-glass", "K-0000", "--reason", "at the door"),
    ("ada", "case", "openings", "K-0000"),
    ("ada", "case", "reviewed", "0" * 32),
    ("ada", "person", "report", "K-0000", "{folder}"),
    ("ada", "person", "correct", "K-0000", "{person}"),
    ("ada", "person", "corrections", "K-0000"),
    ("ada", "person", "notice", "0" * 32, "{folder}"),
    ("ada", "person", "told", "0" * 32),
    ("mira", "processing", "record"),
    ("mira", "processing", "record", "{folder}.xlsx"),
    ("mira", "processing", "disclosures"),
    ("mira", "retention", "list"),
    ("mira", "retention", "set", "medical", "30"),
    ("mira", "retention", "remove", "medical"),
    ("mira", "retention", "preview"),
    ("mira", "hold", "set", "K-0000", "--ground", "x", "--until", "2031-12-31", "--reason", "x"),
    ("mira", "hold", "lift", "0" * 32),
    ("mira", "hold", "list"),
    # Reception sees who is expected, and nothing of how the node is run.
    ("rita", "user", "list"),
    ("rita", "listing", "show"),
    ("rita", "listing", "export", "{folder}"),
    ("rita", "keys", "show"),
    ("rita", "peer", "list"),
    ("rita", "peer", "show", "mission"),
    ("rita", "exchange", "status"),
    ("rita", "audit", "list"),
    ("rita", "audit", "list", "--to", "{folder}.jsonl"),
    ("rita", "audit", "export", "{folder}"),
    ("rita", "audit", "verify"),
    ("ada", "audit", "checkpoint"),
    ("rita", "alarm", "list"),
    ("rita", "doctor", "--offline"),
]  # fmt: skip


@pytest.mark.parametrize("words", REFUSED, ids=lambda words: " ".join(words[1:3]))
def test_an_account_without_the_right_is_refused(
    shelter: Organisation, person: Path, words: tuple[str, ...]
) -> None:
    account, *command = words
    target = shelter.folder.parent / "target"
    answer = shelter.as_(account).run(*(word.format(person=person, folder=target) for word in command))
    assert answer.code == 1
    assert "do not allow" in answer.err
    assert answer.out == ""
    assert not list(shelter.folder.parent.glob("target*"))
