from __future__ import annotations

import ast
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from babel.messages.pofile import read_po

import iars_node.web
from iars_node.web.catalogue import gather, updated, written
from iars_node.web.languages import language, read_catalogue, translated

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

ROOT = Path(iars_node.web.__file__).parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MODULES = sorted(ROOT.rglob("*.py"))
LANGUAGES = ("ar", "fr", "ru", "sq")
# Jinja's own parts of a template, then the markup; what is left is what a person reads.
NOT_TEXT = (
    r"{#.*?#}",
    r"{%-?\s*trans\b.*?{%-?\s*endtrans\s*-?%}",
    r"{%.*?%}",
    r"{{.*?}}",
    r"<!doctype[^>]*>|<[^>]*>",
    r"&\w+;",
    # An attribute that a macro builds.
    r'[a-z-]+="[^"]*"',
)
READ_ALOUD = re.compile(r'\b(?:aria-label|title|alt|placeholder)="([^"{]*[^\W\d_]{2}[^"{]*)"')
MARKED = {"N_", "_", "gettext", "ngettext"}


def test_every_language_of_the_repository_is_one_that_is_kept_complete() -> None:
    assert tuple(translated()) == LANGUAGES


def forms_of(message: Message) -> list[str]:
    """Return a message's translation in each of its forms."""
    return [message.string or ""] if isinstance(message.string, str | None) else list(message.string)


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_message_is_untranslated_or_in_doubt(code: str) -> None:
    catalogue = read_catalogue(code)
    missing = []
    for message in catalogue:
        expected = 1 if isinstance(message.id, str) else catalogue.num_plurals
        is_whole = len(forms_of(message)) == expected and all(forms_of(message))
        if message.id and (message.fuzzy or not is_whole):
            missing.append(message.id)
    assert missing == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_catalogue_is_stale(code: str) -> None:
    kept = {message.id for message in read_catalogue(code) if message.id}
    said = {message.id for message in gather() if message.id}
    assert said - kept == set(), "run `python -m iars_node.web.catalogue` and translate what is new"
    assert kept - said == set(), "run `python -m iars_node.web.catalogue`"


@pytest.mark.parametrize("code", LANGUAGES)
def test_updating_a_catalogue_loses_no_translation(code: str) -> None:
    def content(catalogue: Catalog) -> dict[object, list[str]]:
        return {message.id: forms_of(message) for message in catalogue if message.id}

    renewed = read_po(io.BytesIO(written(updated(code))), locale=code)
    assert content(renewed) == content(read_catalogue(code))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_anything_outside_the_catalogue(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert READ_ALOUD.findall(text) == []
    for pattern in NOT_TEXT:
        text = re.sub(pattern, " ", text, flags=re.DOTALL | re.IGNORECASE)
    assert re.findall(r"[^\W\d_]{2,}", text) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_says_a_sentence_outside_the_catalogue(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    allowed = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            # An error's own sentence is for logs and programs; pages say what `problem` finds for it.
            if name in MARKED or name.endswith("Error"):
                allowed |= {id(child) for child in ast.walk(node)}
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            allowed.add(id(node.value))
    said = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in allowed
        and re.match(r"[A-Z][a-z]+ [a-z]", node.value)
    ]
    assert said == []


def test_numbers_choose_their_own_form() -> None:
    one, many = "%(num)s entry", "%(num)s entries"
    assert language("en").ngettext(one, many, 1) == "1 entry"
    albanian = [language("sq").ngettext(one, many, number) for number in (0, 1, 2, 21)]
    assert albanian == ["0 të dhëna", "1 e dhënë", "2 të dhëna", "21 të dhëna"]
    assert language("fr").ngettext(one, many, 0) == "0 entrée"
    assert language("fr").ngettext(one, many, 2) == "2 entrées"
    arabic = [language("ar").ngettext(one, many, number) for number in (0, 1, 2, 3, 11, 100)]
    assert arabic == ["لا مدخلات", "مدخل واحد", "مدخلان", "3 مدخلات", "11 مدخلًا", "100 مدخل"]
    russian = [language("ru").ngettext(one, many, number) for number in (0, 1, 2, 5, 11, 21, 22)]
    assert russian == [
        "0 записей",
        "1 запись",
        "2 записи",
        "5 записей",
        "11 записей",
        "21 запись",
        "22 записи",
    ]
