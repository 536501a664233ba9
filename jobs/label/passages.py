"""The texts that can be chosen, whole documents or their sentences, and what each would teach."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from schemas.records import Floats

Unit = Literal["sentence", "document"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that a person may be asked to label, and where it is from.

    start: where it begins in the text of its document, in code points. words: its tokens. record:
    the document's in its source, as in the tables.
    """

    text: str
    doc_id: str
    source: str
    start: int
    words: tuple[str, ...]
    record: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A passage, and what each of its features would teach of each label.

    features: words that a model is unsure of, or terms that a person gave; a row of `worth` each.
    """

    passage: Passage
    features: tuple[str, ...]
    worth: Floats  # (feature, label), not below 0


def order_of(text: str, seed: int) -> bytes:
    """Where a text stands in the order that a seed gives to all texts: at random, and the same."""
    return blake2b(text.encode(), key=str(seed).encode(), digest_size=16).digest()
