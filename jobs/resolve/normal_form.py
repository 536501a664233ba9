"""A surface in, what is left of it once writing is set aside out: case, signs, titles, legal forms.

Two surfaces of one label with the same key, and no qualifiers that differ, are one name.
"""

import re
import unicodedata
from typing import NamedTuple

from jobs.resolve.vocabulary import (
    ABBREVIATIONS,
    DEGREES,
    LEGAL_FORMS,
    MARRIED,
    TITLES,
    WEAK_FORMS,
    Kind,
)

_WORD = re.compile(r"[^\W_]+(?:['.][^\W_]+)*")
# Marks above and below Latin and Greek letters; in other scripts they make other letters.
_MARKS = re.compile(r"(?<=[A-Za-z\u0370-\u03ff])[\u0300-\u036f]+")
_LETTERS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u02bc\u2032`\u00b4", "'"),
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "\u0131": "i",  # without a dot
    }
)
_ACRONYM_LETTERS = 3  # `US` and `us`, `WHO` and `who` are not one word
# A sign that no name has within it, or a full stop behind a word that is not abbreviated.
_NOISE = re.compile(r"[\n\r\t]|[^\w\s'\u2018\u2019.,&()\u2010-]|_|--|\.\s\s|^\W|[^\w.)]$")
# From the beginning of its letters on: from each of them on, 10,000 letters take seconds.
_STOP = re.compile(r"(?<![^\W\d_])([^\W\d_]{4,}+)\.\s")


class NormalForm(NamedTuple):
    """What a surface is called, whatever its spelling.

    key: the same for the same name; words: those of the name without its title, none of what has no
    capital letter though its script has them; title: that of a
    person of whom there is one word, and part of the key then; qualifier: a title's gender or a
    legal form that was left out of the key: where it differs the names do; gender: of any title;
    is_clean: whether the surface has nothing but a name in it, as far as signs tell.
    """

    key: str
    words: tuple[str, ...]
    title: str = ""
    qualifier: str = ""
    gender: str = ""
    is_clean: bool = True


def normal_form(surface: str, kind: Kind) -> NormalForm:
    """The normal form of a surface whose label is of this kind; one without a word is its own."""
    text = surface.translate(_LETTERS)
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = unicodedata.normalize("NFC", _MARKS.sub("", decomposed))
    words = _words(text, kind)
    if not words:
        return NormalForm(surface, (), is_clean=False)
    is_lower = text.islower()
    if len(words) == 1 and words[0].isupper() and len(words[0]) <= _ACRONYM_LETTERS:
        folded = words
    else:
        folded = [word.casefold() for word in words]
    form = _of_kind(folded, kind)
    if is_lower:  # a word that is no name, more often than one in a hurry
        form = NormalForm(f"{form.key} (lower case)", ())
    return form._replace(is_clean=_is_clean(surface))


def _words(text: str, kind: Kind) -> list[str]:
    words: list[str] = []
    for word in _WORD.findall(text.replace("&", " and ")):
        if "." in word and all(len(part) == 1 for part in word.split(".")):
            letters = word.split(".")
            words += letters if kind == "person" else ["".join(letters)]
        else:
            words.append(word)
    if words and words[-1][-2:] in ("'s", "'S") and len(words[-1]) > len("'s"):
        words[-1] = words[-1][:-2]
    return words


def _of_kind(words: list[str], kind: Kind) -> NormalForm:
    if kind == "person":
        return _person(words)
    qualifier = ""
    if kind != "other" and words[0] == "the" and len(words) > 1:
        words = words[1:]
    if kind == "place" and words[0] in ABBREVIATIONS and len(words) > 1:
        words = [ABBREVIATIONS[words[0]], *words[1:]]
    if kind == "organisation":
        words, qualifier = _without_legal_form(words)
    return NormalForm(" ".join(words), tuple(words), qualifier=qualifier)


def _person(words: list[str]) -> NormalForm:
    title = gender = ""
    while len(words) > 1 and words[0] in TITLES:
        found = TITLES[words[0]]
        title, gender, words = found.name, gender or found.gender, words[1:]
    while len(words) > 1 and words[-1] in DEGREES:
        words = words[:-1]
    if len(words) > 1 and title not in MARRIED:
        return NormalForm(" ".join(words), tuple(words), title, gender, gender)
    key = " ".join([title, *words] if title else words)
    return NormalForm(key, tuple(words), title=title, gender=gender)


def _without_legal_form(words: list[str]) -> tuple[list[str], str]:
    form = ""
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        found = LEGAL_FORMS[words[-1]]
        if found in WEAK_FORMS and len(words) == 2:  # noqa: PLR2004 - the form and one word
            return ([words[0], found], form)
        form, words = f"{found} {form}".strip(), words[:-1]
    return words, form


def _is_clean(surface: str) -> bool:
    if _NOISE.search(surface):
        return False
    return all(word.casefold() in TITLES for word in _STOP.findall(surface))
