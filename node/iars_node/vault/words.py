"""Text made comparable before it is blinded: a blind index finds only what is equal to the byte.

`words` makes spellings of one script equal: case, accents, composition, script. `sounds` goes further and
folds what transliterations disagree about. It is coarse on purpose: what it finds is a list of people to
look at, never a match by itself.
"""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from anyascii import anyascii

# Marks that stand inside one word: apostrophes, and what transliteration leaves of soft signs and hamza.
_INSIDE = re.compile(r"['`\"]")
_BETWEEN = re.compile(r"[^a-z0-9]+")
# Arabic script writes the vowel u with the letter for w; only at the head of a word is it surely w.
_ARABIC_U = re.compile(r"(?<=[\u0620-\u065f])\u0648")

# Letters of a document's series are typed in either script; these look the same in print.
_LOOKALIKES = str.maketrans("АВЕЅІЈКМНОРСТУХΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABESIJKMHOPCTYXABEZHIKMNOPTYX")  # noqa: RUF001

_FEWEST_CONSONANTS = 3
# Yelena, Jelena, Elena; Xhevdet, Dzhevdet, Jevdet.
_SILENT_HEAD = re.compile(r"^(?:dzh|dj|xh|j|y)(?=e)")
# Yulia, Julia, Iulia; Jamal, Djamal, Dzhamal.
_SOUNDED_HEAD = re.compile(r"^(?:dzh|dj|xh|j|[iy](?=[aou]))")
_SOUNDS = {
    "shch": "s", "tsch": "k", "sch": "s", "tch": "k", "dzh": "j", "sh": "s", "zh": "z", "ch": "k", "ck": "k",
    "kh": "h", "gh": "g", "ph": "f", "th": "t", "dh": "d", "dj": "j", "xh": "j",
    "tz": "ts", "c": "k", "q": "k", "w": "v", "x": "ks",
}  # fmt: skip
_TOKEN = re.compile("|".join(_SOUNDS) + "|[aeiouyj]+|.")
_VOWELS = frozenset("aeiouyj")
_NO_VOWELS = str.maketrans("", "", "aiu")
_DOUBLED = re.compile(r"(.)\1+")
_HEAD = "J"


def words(text: str) -> list[str]:
    """Split text into whole words of Latin letters and digits, without case, accents or script."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    latin = anyascii(_ARABIC_U.sub("u", text)).lower()
    return [word for word in _BETWEEN.split(_INSIDE.sub("", latin)) if word]


def sounds(word: str) -> str:
    """Fold a word from `words` so that transliterations of one name agree.

    Three consonants or more stand without their vowels, as Arabic script writes them; a shorter word
    keeps its vowels, folded into three classes.
    """
    if not word.isalpha():
        return word
    headed = _SOUNDED_HEAD.sub(_HEAD, _SILENT_HEAD.sub("", word))
    spoken = "".join(_sound(token) for token in _TOKEN.findall(headed)).lower()
    folded = _DOUBLED.sub(r"\1", spoken)
    folded = folded.removesuffix("h") or folded
    consonants = folded.translate(_NO_VOWELS)
    return consonants if len(consonants) >= _FEWEST_CONSONANTS else folded


def phone_digits(text: str, region: str) -> str:
    """Return a phone number's digits with the country's code, so that each way to write it is equal.

    `region` (ISO 3166-1 alpha-2) is the country of numbers written without a code.
    """
    try:
        number = phonenumbers.parse(text, region.upper() or None)
    except phonenumbers.NumberParseException:
        return "".join(character for character in anyascii(text) if character.isdigit())
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def document_number(text: str) -> str:
    """Return a document's number without spaces, marks, case, or the script its letters were typed in."""
    latin = anyascii(unicodedata.normalize("NFKC", text).upper().translate(_LOOKALIKES))
    return "".join(character for character in latin.upper() if character.isalnum())


def _sound(token: str) -> str:
    if token[0] in _VOWELS:
        return _vowel(token)
    return _SOUNDS.get(token, token)


def _vowel(run: str) -> str:
    if any(letter in "eiyj" for letter in run):
        return "i"
    return "u" if any(letter in "ou" for letter in run) else "a"
