"""Made lists of terms: some that stand in the texts, and many that could."""

import csv
import random
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from schemas.errors import UsageError
from schemas.records import Document

_LABELS = ("product", "org", "work", "per")  # the bundled model knows half of them
# Of the terms, those that stand in the texts, as far as there are so many names of several words.
# Of a list in production fewer do.
_PRESENT = 0.1
_CHARACTERS = 20_000_000  # of the texts that names are looked for in
_NAME = re.compile(r"\b[A-Z]\w+(?: [A-Z]\w+){1,3}\b")
_SYLLABLES = ("ar", "bel", "cor", "den", "el", "fen", "gal", "hold", "is", "kor", "lan", "mer")


def write_terms(path: Path, count: int, documents: Iterable[Document], seed: int = 0) -> None:
    """Write so many distinct terms with labels and ids; the same for the same texts and seed."""
    draw = random.Random(seed)  # noqa: S311 - it makes test data
    names = list(islice(_names(documents), round(_PRESENT * count)))
    terms = {name.casefold(): name for name in names}
    words = [name.partition(" ")[0] for name in names] or ["Name"]
    while len(terms) < count:
        made = "".join(draw.choices(_SYLLABLES, k=draw.choice((2, 3, 4, 5)))).capitalize()
        beside = draw.choices(words, k=draw.choice((0, 1, 1, 2)))
        term = " ".join([*beside, made])
        terms.setdefault(term.casefold(), term)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("term", "label", "id"))
        for number, term in enumerate(terms.values()):
            writer.writerow((term, _LABELS[number % len(_LABELS)], f"t{number}"))


def _names(documents: Iterable[Document]) -> Iterator[str]:
    """Distinct names in the texts, as they come: words with a capital letter."""
    seen: set[str] = set()
    characters = 0
    for document in documents:
        for name in _NAME.findall(document.text):
            if name.casefold() not in seen:
                seen.add(name.casefold())
                yield name
        characters += len(document.text)
        if characters > _CHARACTERS:
            return
    if not characters:
        raise UsageError("the input has no text to find names in")
