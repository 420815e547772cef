"""What a person types to name a case, and how a record's content is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iars_node.cases import service as cases
from iars_node.errors import ConflictError, InvalidError, NotFoundError
from iars_node.vault.identity import identity_of
from iars_protocol.fields import LANGUAGE
from iars_protocol.record import SCOPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iars_admin.showing import Screen
    from iars_node.cases.model import Case
    from iars_node.work import Work

ID_DIGITS = 32
REFERENCE_PREFIX = "K-"


def own_country(work: Work) -> str:
    """Return the country of this node's organisation."""
    return identity_of(work.vault).listing.country


def find_case(work: Work, text: str) -> Case:
    """Return the case that a person means: its reference, its file number, its id, or a name only it has."""
    typed = text.strip()
    if len(typed) == ID_DIGITS and not set(typed) - set("0123456789abcdef"):
        return cases.case_head(work, typed)
    if typed.upper().startswith(REFERENCE_PREFIX):
        return cases.case_by_reference(work, typed.upper())
    page = cases.search_cases(work, typed, country=own_country(work))
    exact = [found.case for found in page.found if found.is_exact]
    if len(exact) == 1:
        return exact[0]
    if not exact:
        raise NotFoundError("No case has this reference or file number.")
    raise ConflictError("Several cases match; name one by its reference or file number.")


def read_pairs(given: list[str], option: str) -> tuple[tuple[str, str], ...]:
    """Split what was given as SCOPE=TEXT; the scope must be known."""
    pairs = []
    for entry in given:
        scope, sign, text = entry.partition("=")
        if not sign or scope not in SCOPES or not text.strip():
            raise InvalidError(
                f"What {option} gives can't be used.",
                {option: f"accepted: SCOPE=TEXT with {', '.join(SCOPES)}"},
            )
        pairs.append((scope, text.strip()))
    return tuple(pairs)


def read_names(given: Sequence[str], languages: Sequence[str]) -> dict[str, str]:
    """Return an organisation's names by language; a bare one is in the first language that has none."""
    names: dict[str, str] = {}
    bare = []
    for entry in given:
        code, _, text = entry.partition("=")
        if not text or not LANGUAGE.fullmatch(code.strip()):
            bare.append(entry.strip())
        elif code.strip() in names:
            raise _two_names(f"{code.strip()} has two; say each language once, as LANGUAGE=NAME")
        else:
            names[code.strip()] = text.strip()
    unnamed = [code for code in languages if code not in names]
    if len(bare) > 1:
        raise _two_names(f"{len(bare)} are without a language; say whose the others are, as LANGUAGE=NAME")
    if bare and not unnamed:
        raise _two_names(
            f"{', '.join(languages)}: each has its own, and one more is without a language; say whose it is, "
            "as LANGUAGE=NAME, or leave it out"
        )
    return names | dict(zip(unnamed, bare, strict=False))


def _two_names(fault: str) -> InvalidError:
    return InvalidError("An organisation has one name in each language; nothing was made.", {"name": fault})


def show_scopes(screen: Screen, scopes: Mapping[str, Mapping[str, Any]]) -> None:
    """Show fields for a person, scope by scope, each under the names that pages use."""
    for code, content in scopes.items():
        scope = SCOPES.get(code)
        screen.heading(code if scope is None else scope.label)
        labels = {
            name: known.label if scope and (known := scope.fields.get(name)) else name for name in content
        }
        screen.show_one(content, labels)
