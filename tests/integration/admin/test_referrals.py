"""Referrals, by the command lines of two organisations."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.integration.admin.organisations import consent_words, deliver, federate, found

from iars_node.referrals.sentences import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.admin.organisations import Organisation

ASKED = ("--to", "mission", "--service", "MED-SCREEN", "--priority", "urgent")


@pytest.fixture
def agreed(shelter: Organisation, case: str) -> str:
    """A case whose person agreed to be referred to the mission."""
    shelter.as_("mira").ask(*consent_words(case))
    return case


@pytest.fixture
def sent(shelter: Organisation, mission: Organisation, agreed: str) -> str:
    """A referral that has reached the mission."""
    entry = shelter.as_("mira").ask("referral", "send", agreed, *ASKED)
    deliver(shelter, mission)
    return str(entry["reference"])


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, shelter: Organisation, mission: Organisation
) -> tuple[Organisation, Organisation]:
    """Two organisations that know each other, the first on each kind of database."""
    if request.param == "sqlite":
        return shelter, mission
    new_url: Callable[[], str] = request.getfixturevalue("new_postgresql_url")
    variables = {"IARS_DATABASE_URL": new_url(), "IARS_KEY_STORE_URL": new_url()}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    one, other = found(elsewhere / "shelter", "Shelter", **variables), found(elsewhere / "mission", "Mission")
    federate(one, other)
    return one, other


def test_a_person_is_referred_accepted_and_assisted(
    pair: tuple[Organisation, Organisation], person: Path, tmp_path: Path
) -> None:
    shelter, mission = (organisation.as_("mira") for organisation in pair)
    case = shelter.ask("case", "open", person)["reference"]
    shelter.ask(*consent_words(case))
    sent = shelter.ask("referral", "send", case, *ASKED)
    assert (sent["state"], sent["peer_name"]) == ("requested", "Mission")
    deliver(*pair)
    [waiting] = mission.ask("referral", "list", "--in", "--state", "requested")["referrals"]
    assert waiting["reference"] == sent["reference"]
    offered = mission.ask("referral", "show", sent["reference"])
    assert set(offered["received"]) == {"services", "demographics"}
    assert mission.ask("referral", "accept", sent["reference"])["state"] == "accepted"
    deliver(*pair)
    disclosed = mission.ask("referral", "show", sent["reference"])
    assert disclosed["received"]["identity"] == {"given_name": "Ana", "family_name": "Munteanu"}
    assert disclosed["received"]["medical"] == {"conditions": ["asthma"]}
    assert "safety" not in disclosed["received"]
    mission.ask("referral", "begin", sent["reference"])
    mission.ask("referral", "complete", sent["reference"], "--text", "medical=Screened, nothing found.")
    deliver(*pair)
    ended = shelter.ask("referral", "show", sent["reference"])
    assert ended["state"] == "completed"
    assert ended["steps"][-1]["scopes"] == {"medical": {"texts": ["Screened, nothing found."]}}
    assert {step["receipt"] for step in ended["steps"]} == {"applied"}
    theirs = mission.run("referral", "verify", sent["reference"], "--json")
    (tmp_path / "theirs.json").write_text(theirs.out, "utf-8")
    verified = shelter.ask("referral", "verify", sent["reference"], "--against", tmp_path / "theirs.json")
    assert (verified["faults"], verified["differences"]) == ([], [])


def test_a_list_of_a_state_that_there_is_not_is_refused(shelter: Organisation) -> None:
    answer = shelter.as_("mira").run("referral", "list", "--state", "lost")
    assert answer.code == 2
    assert "requested, accepted" in " ".join(answer.err.replace("│", " ").split())


def test_the_preview_names_what_leaves_now_later_and_never(shelter: Organisation, agreed: str) -> None:
    preview = shelter.as_("mira").ask("referral", "preview", agreed, *ASKED)
    assert preview.pop("handover") is None
    asked = preview.pop("asked")
    assert (asked["service"], asked["priority"], asked["earlier"]) == ("MED-SCREEN", "urgent", [])
    assert asked["consent"]
    assert asked["lists_service"]
    fields = {name: {f"{line['scope']}.{line['field']}" for line in lines} for name, lines in preview.items()}
    assert fields["at_offer"] == {"services.needs", "demographics.track"}
    assert "identity.given_name" in fields["on_acceptance"]
    assert fields["never"] == {"identity.document_number", "safety.risk"}
    assert {line["reason"] for line in preview["never"]} == {"withheld", "not-agreed"}
    shown = shelter.as_("mira").run("referral", "preview", agreed, *ASKED).out
    assert shown.index("Leaves now") < shown.index("Leaves when they accept") < shown.index("Stays here")


def test_the_preview_says_who_is_asked_and_what_was_asked_before(shelter: Organisation, agreed: str) -> None:
    mira = shelter.as_("mira")
    sent = mira.ask("referral", "send", agreed, *ASKED)
    shown = mira.run("referral", "preview", agreed, *ASKED).out
    assert f"They are asked for it already: {sent['reference']}." in shown
    assert "Mission is asked for MED-SCREEN, urgent." in shown
    assert "It rests on the consent " in shown
    assert "do not list" not in shown
    other = ("--to", "mission", "--service", "LEG-SUPPORT")
    assert "They do not list this service." in mira.run("referral", "preview", agreed, *other).out


def test_a_preview_shows_values_only_in_the_scopes_of_the_role(shelter: Organisation, agreed: str) -> None:
    shelter.ask("user", "add", "kim", "--role", "coordinator")
    preview = shelter.as_("kim").ask("referral", "preview", agreed, *ASKED)
    lines = {f"{line['scope']}.{line['field']}": line for line in preview["on_acceptance"]}
    assert lines["identity.given_name"]["value"] == "Ana"
    assert lines["medical.conditions"]["readable"] is False
    assert "asthma" not in json.dumps(preview)


def test_without_a_consent_nothing_is_sent(shelter: Organisation, case: str) -> None:
    answer = shelter.as_("mira").run("referral", "send", case, *ASKED)
    assert answer.code == 1
    assert "reason: no-consent" in answer.err
    assert shelter.as_("mira").ask("referral", "list")["referrals"] == []


def test_a_service_or_sentence_outside_the_vocabulary_or_consent_is_refused(
    shelter: Organisation, agreed: str
) -> None:
    mira = shelter.as_("mira")
    unknown = mira.run("referral", "send", agreed, "--to", "mission", "--service", "HAIRCUT")
    assert "  service: accepted: " in unknown.err
    now = mira.run("referral", "send", agreed, *ASKED[:-1], "now")
    assert now.code == 1
    assert "  priority: accepted: emergency, urgent, normal\n" in now.err
    assert "  service: " not in now.err
    assert mira.run("referral", "send", agreed, *ASKED, "--text", "safety=He is dangerous.").code == 1
    assert mira.run("referral", "send", agreed, *ASKED, "--text", "without a scope").code == 1
    assert mira.ask("referral", "list")["referrals"] == []


def test_a_rejected_referral_tells_its_reason(
    shelter: Organisation, mission: Organisation, sent: str
) -> None:
    rejected = mission.as_("mira").ask("referral", "reject", sent, "--reason", "no-capacity")
    assert rejected["state"] == "rejected"
    deliver(shelter, mission)
    shown = shelter.as_("mira").ask("referral", "show", sent)
    assert (shown["state"], shown["reason"]) == ("rejected", "no-capacity")
    assert "no-capacity" in shelter.as_("mira").run("referral", "show", sent).out


def test_an_unknown_reason_is_refused_with_those_that_are_known(mission: Organisation, sent: str) -> None:
    answer = mission.as_("mira").run("referral", "reject", sent, "--reason", "mood")
    assert answer.code == 1
    assert "no-capacity" in answer.err


def test_care_is_paused_told_about_and_fails(
    shelter: Organisation, mission: Organisation, sent: str, tmp_path: Path
) -> None:
    receiver, sender = mission.as_("mira"), shelter.as_("mira")
    receiver.ask("referral", "accept", sent)
    deliver(shelter, mission)
    receiver.ask("referral", "appoint", sent, "scheduled", "2026-05-04 10:00")
    assert receiver.ask("referral", "hold", sent, "--reason", "waiting-documents")["state"] == "on-hold"
    (tmp_path / "note").write_text("She missed the doctor.", "utf-8")
    receiver.ask("referral", "note", sent, "--scope", "medical", "--file", tmp_path / "note")
    receiver.ask("referral", "begin", sent)
    receiver.ask("referral", "fail", sent, "--reason", "no-show")
    deliver(shelter, mission)
    shown = sender.ask("referral", "show", sent)
    assert (shown["state"], shown["reason"]) == ("failed", "no-show")
    notes = [step for step in shown["steps"] if step["type"] == "referral.note/1"]
    assert notes[0]["scopes"] == {"medical": {"texts": ["She missed the doctor."]}}


def test_the_sender_amends_and_cancels(shelter: Organisation, mission: Organisation, sent: str) -> None:
    sender = shelter.as_("mira")
    mission.as_("mira").ask("referral", "accept", sent)
    deliver(shelter, mission)
    assert sender.ask("referral", "amend", sent, "--scope", "medical")["state"] == "accepted"
    assert sender.ask("referral", "cancel", sent, "--reason", "person-declined")["state"] == "cancelled"
    deliver(shelter, mission)
    assert mission.as_("mira").ask("referral", "show", sent)["state"] == "cancelled"
    assert sender.run("referral", "cancel", sent, "--reason", "person-declined").code == 1


def test_a_mistake_is_said_to_be_one(shelter: Organisation, mission: Organisation, sent: str) -> None:
    assert shelter.as_("mira").ask("referral", "mistake", sent)["state"] == "entered-in-error"
    deliver(shelter, mission)
    assert mission.as_("mira").ask("referral", "show", sent)["state"] == "entered-in-error"


def test_a_referral_is_taken_into_a_known_case(
    shelter: Organisation, mission: Organisation, sent: str, person: Path
) -> None:
    del shelter
    known = mission.as_("mira").ask("case", "open", person)["reference"]
    accepted = mission.as_("mira").ask("referral", "accept", sent, "--case", known)
    assert accepted["case_reference"] == known


def test_a_handover_says_so(shelter: Organisation, mission: Organisation, agreed: str) -> None:
    entry = shelter.as_("mira").ask("referral", "send", agreed, *ASKED, "--handover")
    assert entry["kind"] == "handover"
    deliver(shelter, mission)
    assert mission.as_("mira").ask("referral", "show", entry["reference"])["kind"] == "handover"


def test_referrals_are_listed_by_direction_case_and_page(
    shelter: Organisation, mission: Organisation, agreed: str
) -> None:
    mira = shelter.as_("mira")
    references = {mira.ask("referral", "send", agreed, *ASKED)["reference"] for _ in range(3)}
    assert mira.ask("referral", "list", "--in")["referrals"] == []
    first = mira.ask("referral", "list", "--out", "--limit", "2")
    rest = mira.ask("referral", "list", "--limit", "2", "--cursor", first["cursor"])
    assert {entry["reference"] for entry in first["referrals"] + rest["referrals"]} == references
    assert f"--cursor {first['cursor']}" in mira.run("referral", "list", "--limit", "2").out
    assert len(mira.ask("referral", "list", "--case", agreed)["referrals"]) == 3
    deliver(shelter, mission)
    assert "Shelter" in mission.as_("mira").run("referral", "list", "--in").out


def test_histories_that_differ_are_told_apart(
    shelter: Organisation, mission: Organisation, sent: str, tmp_path: Path
) -> None:
    theirs = mission.as_("mira").ask("referral", "verify", sent)
    (tmp_path / "theirs.json").write_text(json.dumps(theirs | {"state": "rejected"}), "utf-8")
    answer = shelter.as_("mira").run("referral", "verify", sent, "--against", tmp_path / "theirs.json")
    assert answer.code == 1
    assert "states differ" in answer.out
    (tmp_path / "junk.json").write_text("[]", "utf-8")
    assert shelter.as_("mira").run("referral", "verify", sent, "--against", tmp_path / "junk.json").code == 1


def test_an_unknown_referral_is_not_found(shelter: Organisation) -> None:
    assert shelter.as_("mira").run("referral", "show", "R-0000").code == 1


def test_what_went_wrong_on_the_way_is_said_in_a_sentence_beside_its_code(
    shelter: Organisation, sent: str
) -> None:
    with closing(sqlite3.connect(shelter.folder / "node.sqlite")) as database, database:
        database.execute("UPDATE referral SET problem = 'thread-fork'")
    entry = shelter.as_("mira").ask("referral", "show", sent)
    assert (entry["problem"], entry["problem_text"]) == ("thread-fork", SENTENCES["thread-fork"])
    told = shelter.as_("mira").run("referral", "show", sent).out
    assert SENTENCES["thread-fork"] in " ".join(told.split())
