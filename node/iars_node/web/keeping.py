"""Forms that met a locked session, offered again: their page as it was, with everything that was typed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from iars_node.accounts import kept_forms
from iars_node.web.safety import TOKEN_FIELD
from iars_node.web.visit import Page, Redirect, Sheet, with_query

if TYPE_CHECKING:
    from iars_node.accounts.model import KeptForm
    from iars_node.web.pages import Entry
    from iars_node.web.visit import Answer, Typed, Visit
    from iars_node.work import Work

FIELD = "kept"
PAGE = "/kept"


@dataclass(frozen=True)
class Offer:
    """A kept form that its own page was asked to show again."""

    form: KeptForm
    typed: Typed

    def visit(self, visit: Visit) -> Visit:
        """Return the visit as if the form's single answers stood in the address, as choices before it do."""
        told = {name: values[0] for name, values in self.typed.items() if len(values) == 1}
        return replace(visit, query={**told, **visit.query})

    def filled(self, visit: Visit, answer: Answer) -> Answer:
        """Return the page with what was typed; where it has no such form any more, the page that shows it."""
        if not isinstance(answer, Page) or not isinstance(answer.values.get("sheet"), Sheet):
            return Redirect(with_query(PAGE, kept=self.form.id))
        message = visit.gettext(
            "You had to show that it is you. What you typed is here: look at it and send it."
        )
        token = token_for(visit, self.form)
        values = {**answer.values, "sheet": Sheet(self.typed, {}, message), TOKEN_FIELD: token}
        if "version" in values and "version" in self.typed:
            # What was seen when it was typed: a change by somebody else meanwhile must show as one.
            values["version"] = self.typed["version"][0]
        return replace(answer, values=values)


def keep(work: Work, account_id: str, path: str, typed: Typed) -> KeptForm:
    """Keep a form for its account, without what only its page could know."""
    content = {name: values for name, values in typed.items() if name != TOKEN_FIELD}
    earlier = _named(next(iter(typed.get(TOKEN_FIELD, ())), ""))
    if earlier:
        # The same form, kept before and shown again: what is typed now takes its place.
        kept_forms.discard(work, account_id, earlier, path)
    return kept_forms.keep(work, account_id, path, content)


def asked_for(visit: Visit, entry: Entry) -> Offer | None:
    """Return the kept form that a page was asked to show, if it is the reader's own and of this page."""
    if entry.method != "GET" or visit.account is None or FIELD not in visit.query:
        return None
    found = kept_forms.kept_form_by_id(visit.work, visit.account.id, visit.query[FIELD])
    return None if found is None or found[0].path != visit.path else Offer(*found)


def token_for(visit: Visit, form: KeptForm) -> str:
    """Return the form token of a page that shows a kept form: sent with it, it tells which one was sent."""
    return f"{visit.form_token}.{form.id}"


def token_alone(token: str) -> str:
    """Return a form token without the kept form that it names."""
    return token.partition(".")[0]


def forget_sent(visit: Visit, token: str) -> None:
    """Forget the kept form that was just sent."""
    kept_id = _named(token)
    if kept_id and visit.account is not None:
        kept_forms.discard(visit.work, visit.account.id, kept_id, visit.path)


def _named(token: str) -> str:
    return token.partition(".")[2]
