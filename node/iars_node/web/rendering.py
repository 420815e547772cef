"""Templates: one environment per language and time zone, strict about what it is not given."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from iars_node.web import assets, icons
from iars_node.web.languages import language
from iars_node.web.speech import Speech, whole
from iars_node.web.visit import with_query
from iars_protocol.vocabulary import SCOPES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo


@cache
def environment(code: str, zone: ZoneInfo) -> Environment:
    """Return the templates of a language."""
    speech = Speech(language(code), zone)
    made = Environment(
        loader=PackageLoader("iars_node.web"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # The extension adds this method; its stub does not.
    made.install_gettext_translations(speech.language.translations, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {
        "speech": speech,
        "moments": speech.moments,
        "language": speech.language,
        "asset": assets.address_of,
        "icon": icons.icon,
        "address": with_query,
        "whole": whole,
        "SCOPES": SCOPES,
    }
    return made


def render(speech: Speech, template: str, values: Mapping[str, Any]) -> str:
    """Return a page's text."""
    return environment(speech.language.code, speech.zone).get_template(template).render(values)
