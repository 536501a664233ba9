"""Words around a name that are none of it: titles, legal forms, and labels by their kind."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["person", "organisation", "place", "other"]

# What labels of a kind are called, in lower case.
LABELS: Mapping[Kind, tuple[str, ...]] = {
    "person": ("per", "pers", "person", "people", "persname"),
    "organisation": ("org", "organization", "organisation", "company", "corporation", "business"),
    "place": ("loc", "location", "geo", "gpe", "place", "city", "country"),
}


class Title(NamedTuple):
    """A title in its usual spelling, and whom it is of: `m`, `f`, or anybody."""

    name: str
    gender: str = ""


def _titles(gender: str, *spellings: str) -> dict[str, Title]:
    """Titles of which each has its spellings, the usual one first, with bars between them."""
    titles = {}
    for spelling in spellings:
        name, *others = spelling.split("|")
        titles.update(dict.fromkeys((name, *others), Title(name, gender)))
    return titles


# `M.` is an initial too, so it is none here.
TITLES: Mapping[str, Title] = {
    **_titles("m", "mr|mister", "sir", "lord", "monsieur", "messire", "herr", "signor", "don"),
    **_titles("m", "senor|seno", "king", "prince", "duke", "count", "baron", "emperor"),
    **_titles("f", "mrs", "miss", "ms", "lady", "dame", "madame|mme|madam", "frau", "fraulein"),
    **_titles("f", "mademoiselle|mlle", "signora", "signorina", "dona", "senora", "senorita"),
    **_titles("f", "queen", "princess", "duchess", "countess", "baroness", "empress"),
    **_titles("", "mx", "dr|doctor", "prof|professor", "rev|reverend", "hon|honourable|honorable"),
    **_titles("", "capt|captain", "col|colonel", "gen|general", "lt|lieutenant", "maj|major"),
    **_titles("", "sgt|sergeant", "cpl|corporal", "pvt|private", "adm|admiral", "cmdr|commander"),
    **_titles("", "pres|president", "sen|senator", "rep|representative", "gov|governor"),
    **_titles("", "judge", "justice", "chancellor", "minister", "ambassador", "secretary"),
}

# Titles of wives: the name behind may be the husband's.
MARRIED = frozenset({"mrs", "madame", "frau", "signora", "senora"})

# What stands behind a person's name. `Jr.` and `Sr.` tell people apart, so they are of the name.
DEGREES = frozenset({"esq", "phd", "md", "mba", "dds", "obe", "mbe", "kbe"})

# Legal forms by their usual spelling.
LEGAL_FORMS: Mapping[str, str] = {
    **{name: name for name in ("inc", "corp", "ltd", "llc", "llp", "plc", "gmbh", "ag", "kg")},
    **{name: name for name in ("sa", "spa", "srl", "sarl", "sas", "bv", "nv", "oy", "ab", "as")},
    "incorporated": "inc",
    "corporation": "corp",
    "limited": "ltd",
    "co": "co",
    "company": "co",
}
# Forms that are words too: one word before them is not yet the whole name.
WEAK_FORMS = frozenset({"co", "as"})

# Of places: how a name may begin.
ABBREVIATIONS: Mapping[str, str] = {"st": "saint", "mt": "mount", "ft": "fort"}


def kind_of(label: str, labels: Mapping[Kind, tuple[str, ...]]) -> Kind:
    """What a label is of, by what it is called."""
    name = label.casefold()
    return next((kind for kind, names in labels.items() if name in names), "other")
