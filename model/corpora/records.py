"""What labelled files are read into."""

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from model.corpora.faults import BrokenCorpusError, Fault, broken, fault_of
from model.corpora.illegal_tags import IllegalTag, illegal_tags
from model.corpora.tag_spelling import TagSpelling, could_be_tag
from model.tags import OUTSIDE, Span, TagScheme, scheme_of, to_iob2

CorpusFormat = Literal[
    "kaggle", "conll", "iob2", "jsonl", "json", "label_studio", "spacy", "parquet"
]
# What offsets of a file count; "auto": what its texts say.
Offsets = Literal["auto", "codepoints", "utf16"]
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
class Origin:
    """What is known of a text since it was chosen to be labelled.

    start: where it begins in the text of its document, in code points. spans: what the person was
    shown in it, in code points of the text itself. offsets: what those of its file count.
    """

    doc_id: str
    source: str
    start: int
    spans: tuple[Span, ...]
    offsets: Offsets


@dataclass(frozen=True, slots=True)
class Answer:
    """Who labelled a text, as far as a file says so.

    is_decided: whether somebody made it the one that counts, of all answers to its text.
    """

    annotator: str = ""
    is_decided: bool = False
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class LabelledDocument:
    """A raw text with its gold entities.

    Entities are in order of the text and count code points of `text`, half-open. They may overlap.
    """

    doc_id: str
    text: str
    entities: tuple[Span, ...]
    line: int | None = field(default=None, compare=False)
    answer: Answer = field(default=Answer(), compare=False)


class LabelledWord(NamedTuple):
    """A word of a file with its tag in any scheme; words of one `sentence` are one sentence.

    record: the number of what holds it, where its line does not tell.
    """

    line: int
    sentence: Hashable
    word: str
    tag: str
    record: int | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning in one line that says what to do, and the places it speaks of."""

    text: str
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelledCorpus:
    """A labelled file that was read in full.

    It holds `documents` where it has texts with spans, and `sentences` where it has words with
    tags; one of the two is empty and the other is not. `scheme` names the tag scheme of the file;
    the sentences' tags are IOB2 whatever it was, and read as conlleval does at `illegal_tags`,
    which are in order of their lines. Documents carry no tags, and their scheme is None. `facts`
    say how the file is laid out where that is not a matter of course, `remarks` what is odd.
    """

    path: str
    format: CorpusFormat
    scheme: TagScheme | None
    sentences: tuple[LabelledSentence, ...] = ()
    documents: tuple[LabelledDocument, ...] = ()
    encoding: Encoding = "UTF-8"
    illegal_tags: tuple[IllegalTag, ...] = ()
    facts: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @classmethod
    def of_words(
        cls, path: str, corpus_format: CorpusFormat, rows: Iterable[LabelledWord | Fault]
    ) -> "LabelledCorpus":
        """The words of a file as its sentences; raises BrokenCorpusError with all its faults."""
        sentences: dict[Hashable, tuple[list[str], list[str], list[int]]] = {}
        faults: list[Fault] = []
        counts: Counter[str] = Counter()
        numbers: dict[Hashable, int] = {}
        for row in rows:
            if isinstance(row, Fault):
                faults.append(row)
                continue
            line, sentence, word, tag, record = row
            # Only spaces: "\x85" is white space to Python, and a word in GMB.
            if not word.strip(" "):
                faults.append(fault_of(line, "word", "the word is empty", record))
            counts[tag] += 1
            if record is not None:
                numbers[sentence] = record
            words, tags, lines = sentences.setdefault(sentence, ([], [], []))
            words.append(word)
            tags.append(tag)
            lines.append(line)
        spelling = TagSpelling.of(counts)
        known = {tag: spelling.tag(tag) for tag in counts}
        faults += [
            fault_of(line, "tag", _bad_tag(tag, spelling), numbers.get(sentence))
            for sentence, (_, tags, lines) in sentences.items()
            for tag, line in zip(tags, lines, strict=True)
            if known[tag] is None
        ]
        if faults:
            raise BrokenCorpusError(path, faults)
        if not sentences:
            raise broken(path, 1, "the file holds no sentence")
        tags_and_lines = [
            ([known[tag] or OUTSIDE for tag in tags], lines)
            for _, tags, lines in sentences.values()
        ]
        scheme = scheme_of(tags for tags, _ in tags_and_lines)
        return cls(
            path=path,
            format=corpus_format,
            scheme=scheme,
            sentences=tuple(
                LabelledSentence(tuple(words), tuple(to_iob2(tags)), lines[0])
                for (words, _, _), (tags, lines) in zip(
                    sentences.values(), tags_and_lines, strict=True
                )
            ),
            illegal_tags=illegal_tags(tags_and_lines, scheme),
            facts=() if spelling == TagSpelling() else (f"tags as {spelling.example}",),
        )

    def with_facts(self, *facts: str) -> "LabelledCorpus":
        """This corpus with more facts on how its file is laid out."""
        return replace(self, facts=(*self.facts, *facts))

    def with_remarks(self, *remarks: Remark) -> "LabelledCorpus":
        """This corpus with more that is odd about its file."""
        return replace(self, remarks=(*self.remarks, *remarks))

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label in the file, sorted."""
        tags = set().union(*(sentence.tags for sentence in self.sentences))
        labels = {tag[2:] for tag in tags if tag != OUTSIDE}
        labels.update(span.label for document in self.documents for span in document.entities)
        return tuple(sorted(labels))


def _bad_tag(tag: str, spelling: TagSpelling) -> str:
    if not tag.strip(" "):
        return "the tag is empty"
    if could_be_tag(tag):
        expected = f"{spelling.outside} and {spelling.example}"
        return f"{tag!r} is spelt otherwise than most tags of the file, which are as {expected}"
    return f"{tag!r} is not a tag, expected O or one of B I E S M L U with a label, such as B-PER"
