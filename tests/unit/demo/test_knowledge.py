from __future__ import annotations

from typing import TYPE_CHECKING

from iars_admin.demo import knowledge
from iars_node.referrals.model import Line

if TYPE_CHECKING:
    from pathlib import Path

RECORD: dict[str, dict[str, object]] = {
    "identity": {
        "given_name": "Polina",
        "family_name": "Zarechnaya",
        "other_names": ["Polina Z.", "Mare Bell"],
    },
    "safety": {"risk": "medium", "shelter_location": "the house with the blue gate"},
    "services": {"needs": [{"service": "MED-CARE", "priority": "normal"}]},
}


def test_what_was_not_agreed_to_is_found_wherever_it_is_held() -> None:
    held = "A woman from the house with the blue gate\nZarechnaya"
    assert knowledge.leaks(held, RECORD, ["Polina"]) == ["identity.family_name", "safety.shelter_location"]


def test_what_was_agreed_to_is_no_leak_and_a_code_never_is() -> None:
    agreed = ["Zarechnaya", "the house with the blue gate"]
    assert knowledge.leaks("Zarechnaya, medium risk, MED-CARE", RECORD, agreed) == []


def test_one_entry_of_a_list_is_enough_for_a_leak() -> None:
    assert knowledge.leaks("known as Mare Bell", RECORD, ["Polina"]) == ["identity.other_names"]


def test_what_stays_is_named_by_its_reason_and_a_whole_scope_without_its_fields() -> None:
    lines = [
        Line("identity", "family_name", "x", "withheld"),
        Line("safety", "risk", "x", "not-agreed"),
        Line("safety", "shelter_location", "x", "not-agreed"),
    ]
    assert knowledge.kept_back(lines, RECORD) == [
        "kept back at the person's wish: Identity: family name",
        "not part of what the person agreed to: all of Safety",
    ]


def test_only_what_is_new_is_told_and_never_a_value() -> None:
    now: knowledge.Content = {"identity": {"given_name": "Polina", "texts": ["a sentence about her"]}}
    assert knowledge.fresh({"identity": {"given_name": "Polina"}}, now) == {
        "identity": {"texts": ["a sentence about her"]}
    }
    assert knowledge.named(now) == ["Identity: given name, a sentence"]


def test_a_text_is_found_in_a_file_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "sealed").write_bytes(b"\x00" * 3_000_000)
    (tmp_path / "inside").mkdir()
    across = b"\x00" * ((1 << 20) - 4) + "Заречная".encode() + b"\x00" * 100
    (tmp_path / "inside" / "leaky").write_bytes(across)
    assert knowledge.readable_on_disk(tmp_path, ["Заречная", "another"]) == ["leaky"]
    assert knowledge.readable_on_disk(tmp_path, ["another"]) == []
