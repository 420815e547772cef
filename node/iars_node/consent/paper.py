"""A receipt as a PDF: shaped for its script, small, and silent about what made it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fpdf import FPDF

    from iars_node.consent.receipt import Block, Receipt

RIGHT_TO_LEFT = frozenset({"ar"})
_LATIN, _ARABIC = "latin", "arabic"
_FILES = {
    (_LATIN, ""): "NotoSans-Regular.ttf",
    (_LATIN, "B"): "NotoSans-Bold.ttf",
    (_ARABIC, ""): "NotoNaskhArabic-Regular.ttf",
}
_NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)
_MARGIN = 20.0
_TEXT, _HEADING, _TITLE = 11.0, 11.0, 18.0
_LINE = 1.5 * _TEXT * 0.3528


def print_receipt(receipt: Receipt) -> bytes:
    """Return a receipt as a PDF of A4 pages."""
    # Printing is rare, and its library takes a second to load.
    from fpdf import FPDF  # noqa: PLC0415

    page = FPDF(format="A4")
    # Neither the file nor its properties say where it comes from, or when it was made.
    page.set_creation_date(_NO_DATE)
    page.set_producer("")
    page.set_lang(receipt.language)
    page.set_title(receipt.title)
    page.set_margins(_MARGIN, _MARGIN)
    page.set_auto_page_break(auto=True, margin=_MARGIN)
    _add_fonts(page, receipt.language)
    page.add_page()
    _write(page, receipt.title, "B", _TITLE)
    page.ln(2)
    for block in receipt.blocks:
        _write_block(page, block)
    return bytes(page.output())


def _add_fonts(page: FPDF, language: str) -> None:
    folder = resources.files("iars_node.consent").joinpath("fonts")
    for (family, style), file in _FILES.items():
        page.add_font(family, style, Path(str(folder.joinpath(file))))
    is_arabic = language in RIGHT_TO_LEFT
    page.set_fallback_fonts([_LATIN if is_arabic else _ARABIC])
    page.set_font(_ARABIC if is_arabic else _LATIN, size=_TEXT)
    page.set_text_shaping(use_shaping_engine=True, direction="rtl" if is_arabic else "ltr", language=language)


def _write_block(page: FPDF, block: Block) -> None:
    if block.heading:
        _write(page, block.heading, "B", _HEADING)
    for line in block.lines:
        _write(page, line, "", _TEXT)
    page.ln(2)


def _write(page: FPDF, text: str, style: Literal["", "B"], size: float) -> None:
    is_arabic = page.font_family == _ARABIC
    # There is no bold Arabic beside the text's; there headings are told by the space around them.
    chosen: Literal["", "B"] = "" if is_arabic else style
    # Set twice: after a line in the other script the library takes an unchanged font for the one in force,
    # and writes its glyphs in the other font.
    page.set_font(style=chosen, size=size + 1)
    page.set_font(style=chosen, size=size)
    page.multi_cell(
        0, _LINE * size / _TEXT, text, align="R" if is_arabic else "L", new_x="LMARGIN", new_y="NEXT"
    )
