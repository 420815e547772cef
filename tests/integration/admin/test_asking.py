"""In a terminal the command line says first what will happen, and asks: a real terminal, typed into."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.conftest import PASSPHRASE
from tests.integration.admin.organisations import PASSWORD, consent_words, deliver

if TYPE_CHECKING:
    from tests.integration.admin.organisations import Organisation

IARS = "from iars_admin.__main__ import main; main()"
ASKED = ("--to", "mission", "--service", "MED-SCREEN")


def at_terminal(organisation: Organisation, typed: str, *words: object) -> tuple[int, str]:
    """Give a command at a terminal and type an answer; return how it ended and all that was said."""
    reading, terminal = pty.openpty()
    common = ["--folder", str(organisation.folder), "--as", organisation.account]
    secrets = {"IARS_PASSPHRASE": PASSPHRASE, "IARS_PASSWORD": PASSWORD, "COLUMNS": "200"}
    os.write(reading, typed.encode() + b"\n")
    done = subprocess.run(
        [sys.executable, "-c", IARS, *common, *map(str, words)],
        stdin=terminal,
        capture_output=True,
        text=True,
        env={**os.environ, **organisation.variables, **secrets},
        check=False,
    )
    os.close(terminal)
    os.close(reading)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_a_narrowing_says_what_it_takes_back_and_records_nothing_until_it_is_confirmed(
    shelter: Organisation, mission: Organisation, case: str
) -> None:
    mira = shelter.as_("mira")
    given: dict[str, Any] = mira.ask(*consent_words(case))
    sent = mira.ask("referral", "send", case, *ASKED)["reference"]
    deliver(shelter, mission)
    mission.as_("mira").ask("referral", "accept", sent)
    deliver(shelter, mission)
    less = ("consent", "narrow", given["id"], "--withhold", "medical.conditions")
    told_less = ("--without-feedback", "medical")
    code, said = at_terminal(mira, "n", *less, *told_less)
    assert code != 0
    assert "Mission: medical, whole: a detail of it was sent. Refer once more" in said
    assert "what it told of medical is closed here" in said
    assert len(mira.ask("consent", "list", case)) == 1
    code, said = at_terminal(mira, "y", "consent", "narrow", given["id"], "--without-purpose", "assistance")
    assert (code, "Mission: everything." in said) == (1, True)
    code, said = at_terminal(mira, "y", *less)
    assert (code, "Recorded consent" in said) == (0, True)
    newer = mira.ask("consent", "list", case)[0]
    code, said = at_terminal(mira, "y", "consent", "narrow", newer["id"], "--without-scope", "identity")
    assert (code, "Mission: identity." in said) == (0, True)
    newest = mira.ask("consent", "list", case)[0]
    code, said = at_terminal(
        mira, "y", "consent", "narrow", newest["id"], "--withhold", "demographics.education"
    )
    assert (code, "Nothing: nobody received what goes." in said) == (0, True)


def test_a_handover_says_what_each_side_keeps_and_sends_nothing_until_it_is_confirmed(
    shelter: Organisation, mission: Organisation, case: str
) -> None:
    mira = shelter.as_("mira")
    mira.ask(*consent_words(case))
    handover = ("referral", "send", case, *ASKED, "--handover")
    code, said = at_terminal(mira, "n", *handover)
    assert code != 0
    for sentence in ("They take over responsibility", "What stays with you", "Hand the whole case over?"):
        assert sentence in said
    assert mira.ask("referral", "list")["referrals"] == []
    code, _said = at_terminal(mira, "y", *handover)
    assert code == 0
    assert [one["kind"] for one in mira.ask("referral", "list")["referrals"]] == ["handover"]
    assert mission.folder != shelter.folder
