"""A consent's whole life, and disclosures without one, by the command line."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from pypdf import PdfReader
from tests.integration.admin.organisations import consent_words, deliver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.admin.organisations import Organisation

SEND = ("--to", "mission", "--service", "MED-SCREEN")


@pytest.fixture
def given(shelter: Organisation, case: str) -> dict[str, Any]:
    """A consent that was given."""
    found: dict[str, Any] = shelter.as_("mira").ask(*consent_words(case))
    return found


def test_what_was_asked_is_refused_or_given(shelter: Organisation, case: str) -> None:
    mira = shelter.as_("mira")
    asking = consent_words(case)
    asking[1] = "request"
    refused, asked = mira.ask(*asking), mira.ask(*asking)
    assert mira.ask("consent", "refuse", refused["number"])["state"] == "refused"
    given = mira.ask(*consent_words(case, "--asked", asked["id"]))
    assert (given["id"], given["state"]) == (asked["id"], "given")
    history = mira.ask("consent", "show", asked["id"])["history"]
    assert [(step["step"], step["by"]) for step in history] == [
        ("request", "organisation"),
        ("give", "person"),
    ]
    answer = mira.run("consent", "show", asked["id"])
    assert "History" in answer.out
    again = mira.run("consent", "refuse", asked["id"])
    assert (again.code, "not possible now" in again.err) == (1, True)


@pytest.mark.parametrize("language", ["Albanian", "xx", "und", ""])
def test_the_language_of_a_notice_is_one_that_is_known(
    shelter: Organisation, case: str, language: str
) -> None:
    mira = shelter.as_("mira")
    words = [language if word == "ro" else word for word in consent_words(case)]
    answer = mira.run(*words)
    assert answer.code == 1
    assert "  notice_language: accepted: the ISO 639 code" in answer.err
    assert mira.ask("consent", "list", case) == []


def test_a_consent_is_renewed_narrowed_and_invalidated(
    shelter: Organisation, given: dict[str, Any], case: str
) -> None:
    mira = shelter.as_("mira")
    newer = mira.ask("consent", "renew", given["number"], "--notice-language", "sq", "--days", "10")
    assert (newer["state"], newer["version"], newer["replaces"]) == ("renewed", 2, given["id"])
    assert (newer["notice_language"], newer["scope_codes"]) == ("sq", given["scope_codes"])
    sooner = (datetime.fromisoformat(newer["expires"]) - timedelta(days=2)).date().isoformat()
    less = mira.ask(
        "consent", "narrow", newer["id"], "--without-scope", "medical", "--without-feedback", "medical",
        "--withhold", "identity.alias", "--until", sooner,
    )  # fmt: skip
    assert less["scope_codes"] == ["services", "demographics", "identity"]
    assert less["withheld"] == ["identity.document_number,alias"]
    states = [(one["version"], one["state"]) for one in mira.ask("consent", "list", case)]
    assert states == [(3, "renewed"), (2, "replaced"), (1, "replaced")]
    widening = mira.run("consent", "narrow", less["id"], "--until", "2199-01-01")
    assert "expires: accepted: no later than before" in widening.err
    gone = mira.run("consent", "narrow", less["id"], "--without-recipient", "mission")
    assert "recipients: accepted" in gone.err
    ended = mira.ask("consent", "invalidate", less["id"], "--reason", "not-understood")
    assert ended["state"] == "invalidated"
    assert "consent-invalidated" in mira.run("referral", "send", case, *SEND).err


def test_a_renewal_names_the_referrals_that_it_does_not_prolong(
    shelter: Organisation, mission: Organisation, given: dict[str, Any], case: str
) -> None:
    mira = shelter.as_("mira")
    sent = mira.ask("referral", "send", case, *SEND)["reference"]
    deliver(shelter, mission)
    mission.as_("mira").ask("referral", "accept", sent)
    deliver(shelter, mission)
    longer = ("--notice-language", "sq", "--days", "300")
    newer = mira.ask("consent", "renew", given["id"], *longer)
    (still,) = newer["outlived"]
    assert (still["reference"], still["organisation"]) == (sent, "Mission")
    said = mira.run("consent", "show", newer["id"]).out
    assert "1 open referrals end before the consent does" in " ".join(said.split())
    # What it says to do can be done as it stands.
    assert mira.run(*still["again"].split()[1:], "--yes").code == 0
    assert "can't be prolonged" in mira.run("consent", "renew", newer["id"], *longer).out


def test_how_it_was_obtained_comes_from_a_file(shelter: Organisation, case: str, tmp_path: Path) -> None:
    mira, words = shelter.as_("mira"), tmp_path / "words.toml"
    options = ("--obtained", "thumbprint", "--words-file", words)
    lacking = mira.run(*consent_words(case, "--obtained", "thumbprint"))
    assert {"  evidence", "  witness"} <= {line.split(":")[0] for line in lacking.err.splitlines()}
    for text in ("no TOML at all", 'colour = "red"', "witness = 1"):
        words.write_text(text, "utf-8")
        assert mira.run(*consent_words(case), *options).code == 1
    words.write_text('witness = "Drita"\npaper = "In the safe"\ninterpreter = "Ilia"\n', "utf-8")
    given = mira.ask(*consent_words(case), *options)
    assert (given["witness"], given["with_interpreter"], given["paper"]) == ("Drita", True, "In the safe")


def test_a_record_is_exported_as_its_schema_says(
    shelter: Organisation, given: dict[str, Any], tmp_path: Path
) -> None:
    mira = shelter.as_("mira")
    schema = json.loads(mira.run("consent", "schema").out)
    for number, more in enumerate(((), ("--words",))):
        file = tmp_path / f"record-{number}.json"
        mira.ask("consent", "export", given["id"], file, *more)
        record = json.loads(file.read_text("utf-8"))
        Draft202012Validator(schema).validate(record)
        assert ("words" in record) == bool(more)
    assert mira.run("consent", "export", given["id"], file).code == 1


def test_the_person_gets_a_paper_in_full_or_discreetly(
    shelter: Organisation, given: dict[str, Any], tmp_path: Path
) -> None:
    mira = shelter.as_("mira")
    texts = {}
    for name, more in (("full", ()), ("discreet", ("--discreet",))):
        made = mira.ask("consent", "receipt", given["id"], tmp_path / name, *more)
        assert made["number"] == given["number"]
        pages = PdfReader(tmp_path / name).pages
        texts[name] = "".join(page.extract_text() for page in pages)
    assert "Shelter" in texts["full"]
    assert "Shelter" not in texts["discreet"]
    assert given["number"] in texts["full"]
    assert given["number"] in texts["discreet"]


def test_an_emergency_goes_out_and_a_second_account_approves_it(
    shelter: Organisation, mission: Organisation, case: str, tmp_path: Path
) -> None:
    why = tmp_path / "why.txt"
    why.write_text("She is unconscious.", "utf-8")
    for account in ("drita", "vera"):
        shelter.ask("user", "add", account, "--role", "supervisor")
    mira, drita = shelter.as_("mira"), shelter.as_("drita")
    words = (
        "exception", "record", case, "--kind", "vital-interest", "--to", "mission", "--purpose", "assistance",
        "--scope", "services", "--reason-file", why,
    )  # fmt: skip
    whole = mira.run(*words, "--scope", "medical", "--emergency")
    assert "single fields only" in whole.err
    fields = ("--scope", "medical=conditions", "--emergency", "--tell-after-days", "3")
    kept = mira.ask(*words, *fields)
    sent = mira.ask("referral", "send", case, *SEND, "--consent", kept["id"], "--priority", "emergency")
    deliver(shelter, mission)
    shown = mission.as_("mira").ask("referral", "show", sent["reference"])
    assert (shown["basis"], shown["approval"]) == ("vital-interest", "pending")

    assert [one["id"] for one in drita.ask("exception", "list")] == [kept["id"]]
    assert drita.ask("exception", "approve", kept["id"])["state"] == "approved"
    assert drita.ask("exception", "list") == []
    deliver(shelter, mission)
    shown = mission.as_("mira").ask("referral", "show", sent["reference"])
    assert (shown["approval"], shown["author"]) == ("approved", kept["author"])
    assert mira.ask("exception", "review", kept["id"], "--days", "3")["review_at"] > kept["review_at"]
    assert "no day for the next look" in mira.run("exception", "review", kept["id"], "--days", "30").err
    assert mira.ask("exception", "told", kept["id"])["told_at"]
    other = mira.ask(*words)
    assert drita.ask("exception", "refuse", other["id"])["state"] == "refused"
    assert len(mira.ask("exception", "list", case)) == 2
    assert mira.ask("exception", "show", kept["id"])["reason"] == "She is unconscious."
    counted = mira.ask("exception", "count", "--since", "2020-01-01")
    assert [(one["state"], one["count"]) for one in counted] == [("approved", 1), ("refused", 1)]
    assert mira.ask("exception", "count", "--since", "2020-01-01", "--until", "2020-01-02") == []
