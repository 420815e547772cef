"""Cases, consents and attachments, by the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook, load_workbook
from tests.integration.admin.organisations import consent_words

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.admin.organisations import Organisation

ROWS = [
    ["SH-10", "Ana", "Munteanu", "03.05.1999"],
    ["SH-11", "Олена", "Коваль", "1988"],
]


def write_sheet(path: Path, headers: list[str], rows: list[list[str]]) -> Path:
    """Write a spreadsheet as an organisation may have it."""
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    for row in (headers, *rows):
        sheet.append(row)
    workbook.save(path)
    return path


@pytest.fixture
def sheet(shelter: Organisation, tmp_path: Path) -> Path:
    """The template, filled in with two people."""
    shelter.as_("mira").ask("case", "template", tmp_path / "template.xlsx")
    workbook = load_workbook(tmp_path / "template.xlsx")
    cases = workbook["Cases"]
    places = {str(cell.value): place for place, cell in enumerate(cases[2], start=1)}
    for number, row in enumerate(ROWS, start=4):
        for header, value in zip(("File number", "Given name", "Family name"), row[:3], strict=True):
            cases.cell(number, places[header], value)
    workbook.save(tmp_path / "filled.xlsx")
    workbook.close()
    return tmp_path / "filled.xlsx"


def test_the_template_comes_back_as_cases(shelter: Organisation, sheet: Path) -> None:
    mira = shelter.as_("mira")
    dry = mira.ask("case", "import", sheet, "--dry-run")
    assert (dry["written"], dry["created"], dry["faults"]) == (False, 2, [])
    assert mira.ask("case", "list")["cases"] == []
    report = mira.ask("case", "import", sheet)
    assert (report["written"], report["created"]) == (True, 2)
    again = mira.ask("case", "import", sheet)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    (ana,) = mira.ask("case", "list", "Munteanu")["cases"]
    assert ana["external_number"] == "SH-10"
    assert "SH-11" in mira.run("case", "list").out
    assert "Imported 2 rows: 0 new" in mira.run("case", "import", sheet).out


def test_the_template_overwrites_nothing(shelter: Organisation, tmp_path: Path) -> None:
    (tmp_path / "mine.xlsx").write_bytes(b"mine")
    assert shelter.as_("mira").run("case", "template", tmp_path / "mine.xlsx").code == 1
    assert (tmp_path / "mine.xlsx").read_bytes() == b"mine"


def test_an_own_spreadsheet_is_imported_by_a_reviewed_mapping(shelter: Organisation, tmp_path: Path) -> None:
    mira = shelter.as_("mira")
    own = write_sheet(tmp_path / "own.xlsx", ["File number", "First name", "Surname", "Date of birth"], ROWS)
    suggested = mira.ask("case", "import", own, "--suggest-mapping", tmp_path / "own.toml")
    assert suggested["columns"]["First name"] == "identity.given_name"
    report = mira.ask("case", "import", own, "--mapping", tmp_path / "own.toml")
    assert report["created"] == 2
    found = mira.ask("case", "list", "Olena")["cases"]
    assert len(found) == 1


def test_words_of_one_s_own_are_listed_with_what_they_may_mean(shelter: Organisation, tmp_path: Path) -> None:
    mira = shelter.as_("mira")
    rows = [["SH-10", "Ana", "f", "Moldovan"], ["SH-11", "Elira", "woman", "Kosovar"]]
    own = write_sheet(tmp_path / "own.xlsx", ["File number", "First name", "Sex", "Nationality"], rows)
    said = mira.run("case", "import", own, "--suggest-mapping", tmp_path / "own.toml").out
    assert "4 columns and 2 words that no field knows, 1 of them still without a meaning" in " ".join(
        said.split()
    )
    text = (tmp_path / "own.toml").read_text("utf-8")
    assert 'values = { "Moldovan" = "MD", "Kosovar" = "" }' in text
    (tmp_path / "own.toml").write_text(text.replace('= ""', '= "XK"'), "utf-8")
    assert mira.ask("case", "import", own, "--mapping", tmp_path / "own.toml")["created"] == 2


def test_what_a_column_can_fill_is_listed_with_its_codes(shelter: Organisation) -> None:
    listed = {entry["target"]: entry for entry in shelter.ask("case", "fields")}
    assert listed["demographics.gender"]["codes"][:2] == ["Feminine", "Masculine"]
    assert listed["identity.birth_date"]["taken"].startswith("a date")
    assert {"external_number", "stage", "full_name"} <= listed.keys()
    assert "demographics.citizenships" in shelter.run("case", "fields").out
    one = shelter.ask("case", "fields", "Gender")
    assert (one["target"], one["codes"]["Feminine"]) == ("demographics.gender", "Feminine")
    assert "SHELTER" in shelter.run("case", "fields", "services.needs").out
    assert "ALB" in shelter.run("case", "fields", "citizenships").out
    assert shelter.run("case", "fields", "identity.shoe_size").code == 1


def test_every_faulty_cell_is_listed_and_nothing_is_written(shelter: Organisation, tmp_path: Path) -> None:
    mira = shelter.as_("mira")
    rows = [["SH-20", "Ana", "Munteanu", "32.13.1999"], ["", "Nobody", "Known", ""]]
    headers = ["File number", "First name", "Surname", "Date of birth"]
    own = write_sheet(tmp_path / "own.xlsx", headers, rows)
    mira.ask("case", "import", own, "--suggest-mapping", tmp_path / "own.toml")
    answer = mira.run("case", "import", own, "--mapping", tmp_path / "own.toml", "--json")
    assert answer.code == 1
    assert [fault["cell"] for fault in answer.json["faults"]] == ["D2", "row 3"]
    assert answer.json["written"] is False
    assert mira.ask("case", "list")["cases"] == []
    shown = mira.run("case", "import", own, "--mapping", tmp_path / "own.toml")
    assert "Nothing was written: 2 faults" in shown.out


def test_likely_duplicates_are_shown(shelter: Organisation, case: str, tmp_path: Path) -> None:
    rows = [["SH-30", "Ana", "Munteanu", ""]]
    own = write_sheet(tmp_path / "own.xlsx", ["File number", "First name", "Surname", "Date of birth"], rows)
    mira = shelter.as_("mira")
    mira.ask("case", "import", own, "--suggest-mapping", tmp_path / "own.toml")
    report = mira.ask("case", "import", own, "--mapping", tmp_path / "own.toml", "--dry-run")
    assert [entry["other"] for entry in report["duplicates"]] == [case]
    shown = mira.run("case", "import", own, "--mapping", tmp_path / "own.toml", "--dry-run").out
    assert "Probably the same person" in shown


def test_what_is_no_spreadsheet_is_refused(shelter: Organisation, tmp_path: Path) -> None:
    (tmp_path / "junk.xlsx").write_bytes(b"junk")
    answer = shelter.as_("mira").run("case", "import", tmp_path / "junk.xlsx")
    assert answer.code == 1
    assert "file: " in answer.err


def test_a_case_is_found_by_reference_file_number_id_and_name(shelter: Organisation, case: str) -> None:
    mira = shelter.as_("mira")
    shown = mira.ask("case", "show", case)
    assert shown["external_number"] == "SH-1"
    assert shown["scopes"]["identity"]["given_name"]["value"] == "Ana"
    for name in ("sh-1", shown["id"], case.lower(), "ana munteanu"):
        assert mira.ask("case", "show", name)["reference"] == case
    assert mira.run("case", "show", "somebody else").code == 1


def test_a_name_that_several_have_names_nobody(shelter: Organisation, case: str, person: Path) -> None:
    del case
    shelter.as_("mira").ask("case", "open", person)
    answer = shelter.as_("mira").run("case", "show", "Munteanu")
    assert answer.code == 1
    assert "Several" in answer.err


def test_a_role_sees_its_scopes_and_no_other(shelter: Organisation, case: str) -> None:
    shown = shelter.as_("rita").run("case", "show", case)
    assert "Munteanu" not in shown.out
    assert "Risk" in shown.out
    one = shelter.as_("mira").ask("case", "show", case, "--scope", "medical")
    assert set(one["scopes"]) == {"medical"}


def test_cases_are_listed_page_by_page(shelter: Organisation, person: Path) -> None:
    mira = shelter.as_("mira")
    opened = {mira.ask("case", "open", person)["id"] for _ in range(3)}
    first = mira.ask("case", "list", "--limit", "2")
    rest = mira.ask("case", "list", "--limit", "2", "--cursor", first["cursor"])
    assert {entry["id"] for entry in first["cases"] + rest["cases"]} == opened
    assert f"--cursor {first['cursor']}" in mira.run("case", "list", "--limit", "2").out
    assert mira.ask("case", "list", "--state", "closed")["cases"] == []
    assert mira.run("case", "list", "--state", "lost").code == 2
    lost = mira.run("case", "list", "--stage", "lost")
    assert lost.code == 1
    assert "stage: accepted: identified, " in lost.err


@pytest.mark.parametrize("text", ["{", "[]", '{"identity": 1}', '{"identity": {"nickname": "x"}}'])
def test_a_record_of_another_form_opens_no_case(shelter: Organisation, tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text, "utf-8")
    assert shelter.as_("mira").run("case", "open", tmp_path / "record.json").code == 1
    assert shelter.as_("mira").ask("case", "list")["cases"] == []


def test_a_consent_is_recorded_with_everything_that_was_said(
    shelter: Organisation, case: str, tmp_path: Path
) -> None:
    mira = shelter.as_("mira")
    (tmp_path / "said").write_text("Not my papers, please.", "utf-8")
    more = ["--until", "2030-12-31", "--to-type", "NGO", "--withhold", "medical@mission", "--onward"]
    more += ["--obtained", "written", "--interpreter", "--retention-days", "30", "--jurisdiction", "AL"]
    reasons = ("--reasons-file", tmp_path / "said")
    refused = mira.run(*consent_words(case, *more), *reasons)
    assert refused.code == 1
    assert "evidence" in refused.err
    (tmp_path / "words.toml").write_text('paper = "In the blue folder."', "utf-8")
    given = mira.ask(*consent_words(case, *more), *reasons, "--words-file", tmp_path / "words.toml")
    shown = mira.ask("consent", "show", given["id"])
    assert shown["state"] == "given"
    # The last day ends at midnight in Tirana, which is an hour before midnight in UTC.
    assert shown["expires"] == "2030-12-31T23:00:00Z"
    assert shown["recipient_names"] == ["Mission", "NGO"]
    assert shown["withheld"][0] == "identity.document_number"
    assert shown["withheld"][1].startswith("medical@")
    assert shown["reasons"] == "Not my papers, please."
    assert (shown["how_obtained"], shown["with_interpreter"], shown["onward"]) == ("written", True, True)
    assert [one["id"] for one in mira.ask("consent", "list", case)] == [given["id"]]
    assert "Notice read in" in mira.run("consent", "show", given["id"]).out


def test_a_scope_can_be_narrowed_and_moved_to_the_offer(shelter: Organisation, case: str) -> None:
    more = (
        "--scope",
        "family=children",
        "--scope",
        "travel:offer=origin_place",
        "--scope",
        "legal:acceptance",
    )
    given = shelter.as_("mira").ask(*consent_words(case, *more))
    scopes = {scope["code"]: scope for scope in given["scopes"]}
    assert (scopes["travel"]["step"], scopes["travel"]["only"]) == ("offer", ["origin_place"])
    assert scopes["legal"]["step"] == "acceptance"
    assert scopes["demographics"]["at_offer"] == ["age_band", "track"]


@pytest.mark.parametrize(
    "more",
    [
        ("--scope", "secrets"),
        ("--scope", "medical:later"),
        ("--scope", "medical=horoscope"),
        ("--withhold", "secrets"),
        ("--withhold", "medical.horoscope"),
        ("--withhold", "medical@nobody"),
        ("--to", "nobody"),
        ("--purpose", "profit"),
        ("--obtained", "guessed"),
        ("--from", "neighbour"),
    ],
    ids=" ".join,
)
def test_what_nobody_can_agree_to_is_refused(shelter: Organisation, case: str, more: tuple[str, ...]) -> None:
    mira = shelter.as_("mira")
    assert mira.run(*consent_words(case, *more)).code == 1
    assert mira.ask("consent", "list", case) == []


def test_an_attachment_is_sealed_listed_and_saved(shelter: Organisation, case: str, tmp_path: Path) -> None:
    mira = shelter.as_("mira")
    content = b"%PDF made up " * 20_000
    (tmp_path / "report.pdf").write_bytes(content)
    added = mira.ask("attachment", "add", case, tmp_path / "report.pdf", "--scope", "medical")
    assert (added["name"], added["media_type"], added["length"]) == (
        "report.pdf",
        "application/pdf",
        len(content),
    )
    assert [one["id"] for one in mira.ask("attachment", "list", case)] == [added["id"]]
    mira.ask("attachment", "save", added["id"], tmp_path / "saved.pdf")
    assert (tmp_path / "saved.pdf").read_bytes() == content
    on_disk = [path.read_bytes() for path in (shelter.folder / "attachments").rglob("*") if path.is_file()]
    assert len(on_disk) == 1
    assert b"made up" not in on_disk[0]


def test_saving_an_attachment_overwrites_nothing(shelter: Organisation, case: str, tmp_path: Path) -> None:
    mira = shelter.as_("mira")
    (tmp_path / "one.txt").write_text("one", "utf-8")
    added = mira.ask("attachment", "add", case, tmp_path / "one.txt", "--scope", "medical")
    answer = mira.run("attachment", "save", added["id"], tmp_path / "one.txt")
    assert (answer.code, (tmp_path / "one.txt").read_text("utf-8")) == (1, "one")


def test_a_damaged_attachment_is_not_saved(shelter: Organisation, case: str, tmp_path: Path) -> None:
    mira = shelter.as_("mira")
    (tmp_path / "one.txt").write_text("one", "utf-8")
    added = mira.ask("attachment", "add", case, tmp_path / "one.txt", "--scope", "medical")
    sealed = next(path for path in (shelter.folder / "attachments").rglob("*") if path.is_file())
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"\x00")
    assert mira.run("attachment", "save", added["id"], tmp_path / "saved.txt").code == 1
    assert not (tmp_path / "saved.txt").exists()


def test_a_refused_attachment_leaves_no_file(shelter: Organisation, case: str, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("one", "utf-8")
    answer = shelter.as_("mira").run("attachment", "add", case, tmp_path / "one.txt", "--scope", "secrets")
    assert answer.code == 1
    assert not [path for path in (shelter.folder / "attachments").rglob("*") if path.is_file()]
