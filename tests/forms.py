"""Forms as a page shows them: where each is sent, what it holds, which of its fields take a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

TEXT_TYPES = frozenset({"text", "search", "tel", "email", "url", ""})


@dataclass
class Form:
    """One form: names with what is chosen under them, and the names that take a text."""

    method: str
    action: str
    values: dict[str, list[str]] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        """Where it is sent, without a query."""
        return urlsplit(self.action).path

    def filled(self, text: str, *, everywhere: bool = False) -> dict[str, object]:
        """Return the form with a text in every text field, or in every field but the token."""
        names = self.texts | (self.others if everywhere else set())
        return {**self.values, **dict.fromkeys(names - {"csrf"}, text)}


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("method", "get").lower(), given.get("action") or self._address)
            self.forms.append(self._form)
        elif self._form is not None:
            self._take(self._form, tag, given)

    def _take(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, value = given.get("name", self._select), given.get("value", "")
        if tag == "button" and "formaction" in given:
            self.forms.append(Form("post", given["formaction"], form.values, form.texts, form.others))
        elif tag == "textarea":
            form.texts.add(name)
        elif tag == "input":
            self._input(form, given, name, value)
        elif tag == "select":
            self._select = name
            form.others.add(name)
        elif (
            tag == "option" and self._select and ("selected" in given or (value and name not in form.values))
        ):
            form.values[name] = [value]

    @staticmethod
    def _input(form: Form, given: dict[str, str], name: str, value: str) -> None:
        kind = given.get("type", "")
        if kind in TEXT_TYPES:
            form.texts.add(name)
            return
        form.others.add(name)
        # Of what can be chosen, the first: a form in which nothing is chosen is refused before it is kept.
        if (
            kind in ("hidden", "date", "datetime-local", "number")
            or "checked" in given
            or name not in form.values
        ):
            form.values[name] = [value]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""


def forms_of(html: str, address: str) -> list[Form]:
    """Return every form of a page."""
    reader = _Reader(address)
    reader.feed(html)
    return reader.forms
