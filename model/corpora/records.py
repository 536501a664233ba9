"""What labelled files are read into, and how their faults are worded."""

from dataclasses import dataclass, field
from typing import Literal

from model.tags import OUTSIDE, Span, TagScheme
from schemas.errors import CorpusError

CorpusFormat = Literal["kaggle", "conll", "iob2", "jsonl"]
# "cp1252": read as latin-1, but its bytes speak for cp1252.
Encoding = Literal["UTF-8", "UTF-8 with BOM", "latin-1", "cp1252"]


@dataclass(frozen=True, slots=True)
class LabelledSentence:
    """Words and their IOB2 tags, one a word, never empty.

    `line` is where the first word stands in its file, from 1, and takes no part in equality.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    line: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.words or len(self.words) != len(self.tags):
            raise ValueError(f"{len(self.words)} words do not match {len(self.tags)} tags")


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """A raw text with its gold entities.

    Entities are in order of the text and count code points of `text`, half-open. They overlap only
    where the file was read with `allow_overlaps`.
    """

    doc_id: str
    text: str
    entities: tuple[Span, ...]
    line: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class IllegalTag:
    """A tag that its file's scheme allows at no such place: `fault` is, say, `I-geo after O`.

    `line` is where the tag stands, from 1.
    """

    line: int
    fault: str


@dataclass(frozen=True, slots=True)
class LabelledCorpus:
    """A labelled file that was read in full.

    It holds `documents` where `format` is "jsonl", and `sentences` otherwise; one of the two is
    empty and the other is not. `scheme` names the tag scheme of the file; the sentences' tags are
    IOB2 whatever it was, and read as conlleval does at `illegal_tags`, which are in order of their
    lines. Documents carry no tags, and their scheme is None.
    """

    path: str
    format: CorpusFormat
    scheme: TagScheme | None
    sentences: tuple[LabelledSentence, ...] = ()
    documents: tuple[LabelledDocument, ...] = ()
    encoding: Encoding = "UTF-8"
    illegal_tags: tuple[IllegalTag, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label in the file, sorted."""
        tags = set().union(*(sentence.tags for sentence in self.sentences))
        labels = {tag[2:] for tag in tags if tag != OUTSIDE}
        labels.update(span.label for document in self.documents for span in document.entities)
        return tuple(sorted(labels))


def broken(path: str, line: int, reason: str) -> CorpusError:
    """The error for a fault at `line` (from 1) of a labelled file: `path:line: reason`."""
    return CorpusError(f"{path}:{line}: {reason}")


def wrong_columns(found: int, expected: str) -> str:
    """The reason given for a row of too few or too many columns."""
    return f"{found} column{'' if found == 1 else 's'}, expected {expected}"


def bad_tag(tag: str) -> str:
    """The reason given for a tag of no known shape."""
    return f"{tag!r} is not a tag, expected O or one of B I E S M L U with a label, such as B-PER"
