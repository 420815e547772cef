from __future__ import annotations

import json
from typing import TYPE_CHECKING

from openpyxl import load_workbook
from tests.integration.admin.organisations import consent_words, deliver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.admin.organisations import Organisation

SEND = ("--to", "mission", "--service", "MED-SCREEN", "--priority", "urgent")


def hire(shelter: Organisation, name: str, role: str) -> Organisation:
    shelter.ask("user", "add", name, "--role", role)
    return shelter.as_(name)


def test_a_report_is_written_once_and_never_over_a_file(
    shelter: Organisation, case: str, tmp_path: Path
) -> None:
    mira = shelter.as_("mira")
    paper = tmp_path / "paper.pdf"
    made = mira.ask("person", "report", case, paper, "--language", "fr")
    assert made["language"] == "fr"
    assert paper.read_bytes().startswith(b"%PDF")
    assert mira.run("person", "report", case, paper, "--case-only").code == 1


def test_a_report_in_a_language_without_texts_is_refused_with_the_list(
    shelter: Organisation, case: str, tmp_path: Path
) -> None:
    answer = hire(shelter, "dora", "data-protection-officer").run(
        "person", "report", case, tmp_path / "report.pdf", "--language", "xx"
    )
    assert answer.code == 1
    assert "  language: accepted: ar, en, fr, ru, sq" in answer.err
    assert not (tmp_path / "report.pdf").exists()


def test_a_correction_reaches_who_holds_it_and_leaves_a_task_where_it_can_not(
    shelter: Organisation, mission: Organisation, case: str, tmp_path: Path
) -> None:
    mira, right = shelter.as_("mira"), tmp_path / "right.json"
    mira.ask(*consent_words(case))
    consent = mira.ask("consent", "list", case)[0]["id"]
    sent = mira.ask("referral", "send", case, *SEND, "--consent", consent)
    deliver(shelter, mission)
    right.write_text("[]", "utf-8")
    assert "another form" in mira.run("person", "correct", case, right).err
    right.write_text("{", "utf-8")
    assert "can't be read" in mira.run("person", "correct", case, right).err
    right.write_text(json.dumps({"services": {"needs": None}}), "utf-8")
    told = mira.ask("person", "correct", case, right)["told"]
    assert [(each["outcome"], each["reason"]) for each in told] == [("to-tell", "field-removed")]
    listed = mira.ask("person", "corrections", case)
    assert [each["id"] for each in listed] == [told[0]["id"]]
    mira.ask("person", "notice", told[0]["id"], tmp_path / "notice.pdf", "--language", "sq")
    assert (tmp_path / "notice.pdf").read_bytes().startswith(b"%PDF")
    mira.ask("person", "told", told[0]["id"])
    assert mira.run("person", "told", told[0]["id"]).code == 1
    assert sent


def test_the_record_and_the_log_are_shown_and_written(
    shelter: Organisation, case: str, tmp_path: Path
) -> None:
    mira, dora = shelter.as_("mira"), hire(shelter, "dora", "data-protection-officer")
    mira.ask(*consent_words(case))
    consent = mira.ask("consent", "list", case)[0]["id"]
    mira.ask("referral", "send", case, *SEND, "--consent", consent)
    assert dora.ask("processing", "record")["activities"][0]["organisation"] == "Mission"
    assert "Mission" in dora.run("processing", "record").out
    [line] = dora.ask("processing", "disclosures")
    assert (line["case"], line["action"]) == (case, "offered")
    assert dora.ask("processing", "disclosures", "--until", "2020-01-01") == []
    for name in ("record", "disclosures"):
        dora.ask("processing", name, tmp_path / f"{name}.xlsx")
        assert load_workbook(tmp_path / f"{name}.xlsx").sheetnames
        dora.ask("processing", name, tmp_path / f"{name}.json")
        assert json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
    assert "accepted: .xlsx or .json" in dora.run("processing", "record", tmp_path / "x.csv", "--json").err


def test_rules_holds_and_closing_go_by_the_command_line(shelter: Organisation, case: str) -> None:
    mira, dora = shelter.as_("mira"), hire(shelter, "dora", "data-protection-officer")
    dora.ask("retention", "set", "medical", "1825")
    dora.ask("retention", "set", "medical", "30", "--reason", "duplicate")
    assert [(rule["closure_reason"], rule["days"]) for rule in dora.ask("retention", "list")] == [
        ("", 1825),
        ("duplicate", 30),
    ]
    dora.ask("retention", "remove", "medical", "--reason", "duplicate")
    assert dora.run("retention", "remove", "medical", "--reason", "duplicate").code == 1
    assert mira.ask("case", "close", case, "--reason", "returned")["closed_at"]
    assert dora.ask("retention", "preview") == []
    mira.ask("case", "reopen", case)
    why = ("--ground", "judicial-order", "--until", "2035-01-01", "--reason", "Order 12/26")
    hold = dora.ask("hold", "set", case, *why, "--scope", "medical")
    assert hold["scopes"] == ["medical"]
    assert [each["id"] for each in dora.ask("hold", "list")] == [hold["id"]]
    dora.ask("hold", "lift", hold["id"])
    assert dora.ask("hold", "list") == []
    assert [each["id"] for each in dora.ask("hold", "list", case)] == [hold["id"]]


def test_where_cases_are_kept_to_their_owners_the_command_says_how_to_look(
    shelter: Organisation, case: str
) -> None:
    with (shelter.folder / "iars.toml").open("a", encoding="utf-8") as file:
        file.write("\nassignment_rule = true\nbreak_glass_hours = 2\n")
    mira = shelter.as_("mira")
    shown = mira.run("case", "show", case)
    assert "break-glass" in shown.out + shown.err
    assert "Munteanu" not in shown.out
    refused = mira.run("case", "show", case, "--scope", "identity")
    assert refused.code == 1
    assert "not assigned to you" in refused.err
    opened = mira.ask("case", "break-glass", case, "--reason", "She stands at the door now")
    assert "Munteanu" in mira.run("case", "show", case, "--scope", "identity").out
    sara = hire(shelter, "sara", "supervisor")
    assert [each["reason"] for each in sara.ask("case", "openings", case)] == ["She stands at the door now"]
    sara.ask("case", "reviewed", opened["id"])
    assert mira.run("case", "reviewed", opened["id"]).code == 1
