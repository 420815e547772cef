from __future__ import annotations

from pathlib import Path

from iars_node.accounts.access import as_markdown

PAGE = Path(__file__).parents[3] / "docs" / "roles.md"


def test_the_page_about_roles_says_what_the_table_says() -> None:
    assert PAGE.read_text("utf-8").endswith(as_markdown().rstrip() + "\n")
