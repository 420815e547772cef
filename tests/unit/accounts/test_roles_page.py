from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iars_node.web import roles_page

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[3] / "docs" / "roles.md"


def test_the_page_about_roles_says_what_the_tables_say() -> None:
    assert PAGE.read_text("utf-8") == roles_page.as_page(), "run python -m iars_node.web.roles_page"


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["roles_page", str(tmp_path / "roles.md")])
    roles_page.main()
    assert (tmp_path / "roles.md").read_text("utf-8") == PAGE.read_text("utf-8")


def test_every_page_and_every_operation_has_one_line() -> None:
    for rows in (roles_page.page_rows(), roles_page.interface_rows()):
        names = [name for name, _action in rows]
        assert len(set(names)) == len(names) > 50
