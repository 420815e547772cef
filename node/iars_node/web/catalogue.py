"""The catalogue: what the pages say, gathered from templates, code and vocabularies.

`python -m iars_node.web.catalogue` brings the translations up to date; what is new is left empty in them,
and a test fails until somebody has translated it.
"""

from __future__ import annotations

import io
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import write_po

from iars_node.web.labels import vocabulary_messages
from iars_node.web.languages import DOMAIN, read_catalogue, translated, translation_file

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "N_": None,
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
}
_OPTIONS = {"extensions": "jinja2.ext.i18n,jinja2.ext.do", "trimmed": "false", "silent": "false"}


def gather() -> Catalog:
    """Return every message that the pages can say, with the files that say it."""
    found = Catalog(domain=DOMAIN, project="IARS", fuzzy=False)
    for message, origin in _messages():
        found.add(message, locations=[(origin, 0)])
    return found


def _messages() -> Iterator[tuple[str | tuple[str, ...], str]]:
    root = Path(str(resources.files("iars_node.web")))
    for path in sorted(root.rglob("*.html")):
        yield from _extracted("jinja2.ext:babel_extract", path, root)
    for path in sorted(root.rglob("*.py")):
        yield from _extracted("python", path, root)
    yield from vocabulary_messages()


def _extracted(method: str, path: Path, root: Path) -> Iterator[tuple[str | tuple[str, ...], str]]:
    with path.open("rb") as file:
        for entry in extract(method, file, keywords=KEYWORDS, options=_OPTIONS):
            yield entry[1], f"web/{path.relative_to(root).as_posix()}"


def updated(code: str) -> Catalog:
    """Return a language's catalogue with every message of today and no other."""
    kept = read_catalogue(code)
    since = kept.creation_date
    kept.update(gather(), no_fuzzy_matching=True)
    # A date that moves with every run would make every run a change.
    kept.creation_date = kept.revision_date = since
    kept.project, kept.version = "IARS", "1"
    kept.msgid_bugs_address, kept.last_translator, kept.language_team = "-", "-", "-"
    kept.obsolete.clear()
    return kept


def written(catalogue: Catalog) -> bytes:
    """Return a catalogue as its file: in a fixed order, without line numbers, so that changes read well."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=100, sort_output=True, include_lineno=False, omit_header=False)
    return buffer.getvalue()


def main() -> None:
    """Bring every translation up to date."""
    for code in translated():
        Path(str(translation_file(code))).write_bytes(written(updated(code)))


if __name__ == "__main__":
    main()
