"""Who holds what, passing on and handovers, by the command lines of two organisations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.admin.organisations import consent_words, deliver, federate, found

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.admin.organisations import Organisation

ASKED = ("--to", "mission", "--service", "MED-SCREEN", "--priority", "urgent")


def test_who_holds_what_is_shown_and_passing_on_is_permitted_and_ended(
    shelter: Organisation, mission: Organisation, case: str
) -> None:
    mira = shelter.as_("mira")
    assert "Nothing of this case was shared." in mira.run("consent", "matrix", case).out
    given = str(mira.ask(*consent_words(case), "--to-type", "PublicHealth", "--onward")["id"])
    early = mira.run("consent", "permit-onward", given, "--to", "mission")
    assert (early.code, early.out) == (1, "")
    sent = mira.ask("referral", "send", case, *ASKED)["reference"]
    deliver(shelter, mission)
    mission.as_("mira").ask("referral", "accept", sent)
    deliver(shelter, mission)
    lines = mira.ask("consent", "matrix", case)
    assert {line["organisation"] for line in lines} == {"Mission"}
    assert {line["state"] for line in lines} == {"held"}
    assert "Mission" in mira.run("consent", "matrix", case).out
    wrong = mira.run("consent", "permit-onward", given, "--to", "mission", "--scope", "safety")
    assert (wrong.code, wrong.out) == (1, "")
    permission = mira.ask("consent", "permit-onward", given, "--to", "mission", "--scope", "services")
    assert permission["scopes"] == ["services"]
    deliver(shelter, mission)
    there = mission.as_("mira")
    theirs = there.ask("referral", "show", sent)["case_reference"]
    [received] = there.ask("consent", "permissions", theirs)
    assert (received["id"], received["organisation"], received["way"]) == (
        permission["id"], "Shelter", "given by",
    )  # fmt: skip
    mira.ask("consent", "withdraw-onward", permission["id"])
    [ended] = mira.ask("consent", "permissions", case)
    assert ended["ended_at"] is not None
    assert mira.run("consent", "withdraw-onward", permission["id"]).code == 1


def test_a_person_is_passed_on_and_the_origin_sees_as_much_as_the_person_wants(
    shelter: Organisation, mission: Organisation, case: str, tmp_path: Path
) -> None:
    clinic = found(tmp_path / "clinic", "Clinic")
    for one in (shelter, mission):
        federate(one, clinic)
    mira, there = shelter.as_("mira"), mission.as_("mira")
    given = str(mira.ask(*consent_words(case), "--to-type", "NGO", "--onward")["id"])
    sent = mira.ask("referral", "send", case, *ASKED)["reference"]
    deliver(shelter, mission)
    there.ask("referral", "accept", sent)
    deliver(shelter, mission)
    permission = mira.ask("consent", "permit-onward", given, "--to", "mission")["id"]
    deliver(shelter, mission)
    theirs = there.ask("referral", "show", sent)["case_reference"]
    words = [
        "consent",
        "give",
        theirs,
        "--to",
        "clinic",
        "--purpose",
        "assistance",
        "--notice-language",
        "ro",
    ]
    there.ask(*words, "--scope", "services", "--scope", "demographics")
    asked = (theirs, "--to", "clinic", "--service", "MED-SCREEN", "--onward")
    unknown = there.run("referral", "send", *asked, "0" * 32)
    assert (unknown.code, unknown.out) == (1, "")
    preview = there.run("referral", "preview", *asked, permission).out
    assert "The recipient learns that the person was first referred by Shelter." in preview
    there.ask("referral", "send", *asked, permission, "--recipient-unnamed")
    deliver(shelter, mission, clinic)
    assert [line["reference"] for line in clinic.as_("mira").ask("referral", "list")["referrals"]]
    hidden = [line for line in mira.ask("consent", "matrix", case) if line["via_name"] == "Mission"]
    assert [line["organisation"] for line in hidden] == ["(passed on, not visible here)"]


def test_a_handover_says_what_is_kept_and_a_part_is_kept_on_a_ground(
    shelter: Organisation, mission: Organisation, case: str
) -> None:
    mira = shelter.as_("mira")
    said = mira.run("handover", "rules").out
    assert "They refer the person no more." in said
    mira.ask(*consent_words(case))
    assert "was not handed over" in mira.run("handover", "show", case).out
    before = mira.run("referral", "preview", case, *ASKED, "--handover").out
    for sentence in ("They take over responsibility", "you refer the person no more", "legal holds"):
        assert sentence in " ".join(before.split())
    rules = mira.ask("referral", "preview", case, *ASKED, "--handover")["handover"]
    assert (len(rules["they"]), len(rules["you"])) == (4, 4)
    assert mira.ask("referral", "preview", case, *ASKED)["handover"] is None
    sent = mira.ask("referral", "send", case, *ASKED, "--handover")["reference"]
    deliver(shelter, mission)
    mission.as_("mira").ask("referral", "accept", sent)
    deliver(shelter, mission)
    shown = mira.ask("handover", "show", case)
    assert (shown["organisation"], shown["released_at"], shown["kept"]) == ("Mission", None, [])
    kept = ("--scope", "identity", "--ground", "legal-obligation", "--until", "2099-12-31")
    assert mira.run("handover", "keep", case, *kept).code == 1
    shelter.ask("user", "add", "sara", "--role", "supervisor")
    decided = shelter.as_("sara").ask("handover", "keep", case, *kept)
    assert decided["kept"][0].startswith("identity: legal-obligation")
    again = mira.run("referral", "send", case, *ASKED)
    assert (again.code, again.out) == (1, "")
    assert "handed over" in again.err
