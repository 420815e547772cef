"""Withdrawing and answering, by the command lines of two organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import PASSPHRASE
from tests.federation.neighbours import Neighbour, Wire
from tests.integration.admin.organisations import consent_words, deliver

from iars_node.jobs.service import schedule
from iars_node.node import build_node
from iars_node.settings import load_settings
from iars_node.withdrawals.service import PROVE_JOB
from iars_node.work import SYSTEM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.admin.organisations import Organisation

ASKED = ("--to", "mission", "--service", "MED-SCREEN", "--priority", "urgent")


def run_jobs(organisation: Organisation, *due: tuple[str, str]) -> None:
    """Do what a served node does beside its pages, and jobs whose time has not come yet."""
    node = build_node(load_settings(organisation.folder), transport=Wire())
    node.vault.unlock(PASSPHRASE)
    with node.works.write(SYSTEM) as work:
        for kind, subject in due:
            schedule(work, kind, work.now, subject)
    Neighbour(node).run_jobs()
    node.close()


@pytest.fixture
def given(shelter: Organisation, case: str) -> str:
    """A consent by which a case's person may be referred to the mission."""
    return str(shelter.as_("mira").ask(*consent_words(case))["id"])


def test_a_consent_is_withdrawn_and_the_other_side_locks(
    shelter: Organisation, mission: Organisation, case: str, given: str
) -> None:
    mira = shelter.as_("mira")
    sent = mira.ask("referral", "send", case, *ASKED)["reference"]
    deliver(shelter, mission)
    mission.as_("mira").ask("referral", "accept", sent)
    deliver(shelter, mission)
    nothing = mira.run("erasure", "asked", case)
    assert "Nothing was withdrawn." in nothing.out
    on_paper = "-".join((given[:4], given[4:8], given[8:12])).upper()
    assert mira.run("consent", "withdraw", "FFFF-FFFF-FFFF").code == 1
    withdrawn = mira.ask("consent", "withdraw", on_paper)
    assert len(withdrawn["told"]) == 1
    assert mira.ask("consent", "show", given)["state"] == "withdrawn"
    [told] = mira.ask("erasure", "asked", case)
    assert (told["organisation"], told["outcome"], told["by"]) == ("Mission", "waiting", "person")
    deliver(shelter, mission)
    [held] = mission.as_("mira").ask("erasure", "list")
    assert (held["organisation"], held["cause"], held["state"]) == ("Shelter", "withdrawal", "held")
    assert "medical" in held["scopes"]
    shown = mission.as_("mira").run("referral", "show", sent)
    assert "asthma" not in shown.out
    kept = ("--scope", "medical", "--ground", "legal-obligation", "--until", "2099-12-31")
    refused = mission.as_("mira").run("erasure", "retain", held["id"], *kept)
    assert (refused.code, refused.out) == (1, "")
    mission.ask("user", "add", "sara", "--role", "supervisor")
    decided = mission.as_("sara").ask("erasure", "retain", held["id"], *kept)
    assert decided["kept"] == ["medical: legal-obligation"]


def test_a_statement_is_printed_as_that_organisations_own(
    shelter: Organisation, mission: Organisation, case: str, given: str
) -> None:
    mira = shelter.as_("mira")
    mira.ask("referral", "send", case, *ASKED)
    # It overtakes its offer: nothing of it is ever kept there.
    [told] = mira.ask("consent", "withdraw", given, "--by-other")["told"]
    deliver(shelter, mission)
    run_jobs(mission)
    deliver(shelter, mission)
    entry = mira.ask("erasure", "show", told["id"])
    assert (entry["outcome"], entry["by"]) == ("nothing-held", "other")
    printed = mira.run("erasure", "show", told["id"]).out
    assert "Statement of Mission" in printed
    assert "They state that they held nothing of it." in printed
    assert entry["reports"][0]["leaf"] in printed
    assert "Mission has not proved yet" in printed


def test_a_statement_is_proved_and_the_proof_is_verified_without_a_node(
    shelter: Organisation, mission: Organisation, case: str, given: str, tmp_path: Path
) -> None:
    mira = shelter.as_("mira")
    mira.ask("referral", "send", case, *ASKED)
    [told] = mira.ask("consent", "withdraw", given)["told"]
    deliver(shelter, mission)
    run_jobs(mission)
    deliver(shelter, mission)
    folder = str(tmp_path / "proofs")
    assert mira.ask("erasure", "prove", told["id"], "--into", folder)["files"] == []
    mission.ask("audit", "checkpoint")
    deliver(shelter, mission)
    [report] = mira.ask("erasure", "show", told["id"])["reports"]
    run_jobs(mission, (PROVE_JOB, report["message"]))
    deliver(shelter, mission)
    printed = mira.run("erasure", "show", told["id"]).out
    assert "Proved in the log of Mission, checkpoint " in " ".join(printed.split())
    [path] = mira.ask("erasure", "prove", told["id"], "--into", folder)["files"]
    verified = mira.ask("audit", "verify", path)
    assert (verified["sound"], verified["node"], verified["events"]) == (True, report["node"], 1)


def test_a_part_is_withdrawn_from_one_organisation(
    shelter: Organisation, mission: Organisation, case: str, given: str
) -> None:
    assert mission.folder.exists()
    mira = shelter.as_("mira")
    mira.ask("referral", "send", case, *ASKED)
    wrong = mira.run("consent", "withdraw", given, "--scope", "gossip")
    assert (wrong.code, wrong.out) == (1, "")
    [told] = mira.ask("consent", "withdraw", given, "--scope", "medical", "--to", "mission")["told"]
    entry = mira.ask("erasure", "show", told["id"])
    assert (entry["scopes"], entry["outcome"]) == (["medical"], "waiting")
    assert mira.ask("consent", "show", given)["state"] == "given"


def test_an_administrator_confirms_the_clock_and_a_peer(shelter: Organisation, mission: Organisation) -> None:
    assert mission.folder.exists()
    assert shelter.ask("erasure", "confirm-clock") == {"revived": 0}
    assert shelter.ask("erasure", "confirm", "mission") == {"confirmed": 0}
    assert "Nothing has ended here." in shelter.as_("mira").run("erasure", "list").out
