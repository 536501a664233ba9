"""Tag schemes and spans: one tag a token (`B-PER`) here, labelled stretches (`PER`) there.

Every family of schemes is read by one rule, that of the CoNLL-2000 and 2003 scorer `conlleval`
(`startOfChunk`, `endOfChunk`), so that what is trained, decoded and scored can't drift apart:

- a span begins at a `B`, `S` or `U`, and at any other tag of a label that is not open;
- a span ends before the next beginning, before `O`, and after an `E`, `L`, `S` or `U`.

This reads IOB1 (`I-` also begins a span, `B-` only where two spans of a label touch), IOB2, BIOES,
BMES and BILOU alike.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from schemas.records import Positions

Array = TypeVar("Array", bound=NDArray[np.generic])
TagScheme = Literal["IOB1", "IOB2", "BIOES"]

OUTSIDE = "O"
LONGEST_LABEL = 200  # characters; every row of an entity has it
# Each step of the CRF weighs every tag against every other: with 256 labels, a million pairs.
MOST_LABELS = 256

_SHOWN = 80  # characters, of what is wrong with labels
_SURROGATE = re.compile("[\ud800-\udfff]")
_ALWAYS_BEGIN = frozenset("BSU")
_ALWAYS_END = frozenset("ELSU")
_PREFIXES = frozenset("BIMELSU")


class Marks(NamedTuple):
    """The prefixes with which a scheme writes a span."""

    begin: str  # the first of several tokens
    inside: str  # those between
    end: str  # the last of several tokens
    single: str  # an only token


# The schemes in which a tagger's tags can be written; "BIO" is IOB2.
SCHEMES: Mapping[str, Marks] = {
    "BIO": Marks(begin="B", inside="I", end="I", single="B"),
    "BIOES": Marks(begin="B", inside="I", end="E", single="S"),
}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch `[start, end)`.

    Positions count tokens where a span comes from tags, and code points of the text where it comes
    from a document: whoever hands one on says which.
    """

    start: int
    end: int
    label: str


def is_label(label: str) -> bool:
    """Whether `label` can be a span's label: not empty, nor long, with no white space around it.

    UTF-8 has to be able to write it, which lone surrogates keep it from.
    """
    is_short = 0 < len(label) <= LONGEST_LABEL
    return is_short and label == label.strip() and not _SURROGATE.search(label)


def is_tag(tag: str) -> bool:
    """Whether `tag` is `O`, or one of the prefixes B I E S M L U, a hyphen and a label."""
    return tag == OUTSIDE or (tag[:1] in _PREFIXES and tag[1:2] == "-" and is_label(tag[2:]))


def spans_of(tags: Sequence[str]) -> list[Span]:
    """The spans, in token positions and in order, that a sequence of tags marks.

    Reads IOB1, IOB2, BIOES and BILOU by the rule at the head of this module: an `I-X` after `O`,
    at the start or after another label begins a span. Raises ValueError for a tag of any
    other shape.
    """
    spans: list[Span] = []
    start, label = 0, ""  # the open span; no label means none is open
    for position, tag in enumerate([*tags, OUTSIDE]):
        if not is_tag(tag):
            raise ValueError(f"{tag!r} is not a tag")
        prefix, tag_label = tag[0], tag[2:]
        if prefix in _ALWAYS_BEGIN or tag_label != label:
            if label:
                spans.append(Span(start, position, label))
            start, label = position, tag_label
        if prefix in _ALWAYS_END:
            spans.append(Span(start, position + 1, label))
            label = ""
    return spans


def tags_of(spans: Iterable[Span], length: int, scheme: str = "BIO") -> list[str]:
    """The tags of a sentence of `length` tokens with these spans, given in any order.

    `scheme` is one of `SCHEMES`. Raises ValueError for any other, and where a span is empty, out
    of range, overlaps another, or has no label.
    """
    marks = _marks(scheme)
    tags = [OUTSIDE] * length
    for span in spans:
        if not 0 <= span.start < span.end <= length:
            raise ValueError(f"{span} is empty or not within {length} tokens")
        if not is_label(span.label):
            raise ValueError(f"{span} has no proper label")
        if any(tag != OUTSIDE for tag in tags[span.start : span.end]):
            raise ValueError(f"{span} overlaps another span")
        last = span.end - 1
        tags[span.start : last] = [f"{marks.inside}-{span.label}"] * (last - span.start)
        tags[last] = f"{marks.end}-{span.label}"
        first = marks.begin if span.start < last else marks.single
        tags[span.start] = f"{first}-{span.label}"
    return tags


def _marks(scheme: str) -> Marks:
    if scheme not in SCHEMES:
        expected = " or ".join(map(repr, SCHEMES))
        raise ValueError(f"tag scheme {scheme!r} is not known, expected {expected}")
    return SCHEMES[scheme]


def to_iob2(tags: Sequence[str]) -> list[str]:
    """A sentence's tags in IOB1, IOB2, BIOES, BMES or BILOU, rewritten as IOB2.

    No scheme has to be given: `spans_of` reads all of them, and IOB2 stays as it is.
    Raises ValueError for a tag of any other shape.
    """
    return tags_of(spans_of(tags), len(tags))


def scheme_of(sentences: Iterable[Sequence[str]]) -> TagScheme:
    """The scheme in which all the sentences of a file are written.

    Any `E S M L U` makes it BIOES (BMES and BILOU are its spellings). Otherwise the entities that
    follow `O` or a sentence's start decide: IOB1 where all of them begin with `I-`, and IOB2 where
    any begins with `B-` (a stray `I-` then is a slip, and read as conlleval does) or none is there.
    """
    begins_with_i = begins_with_b = False
    for tags in sentences:
        previous = OUTSIDE
        for tag in tags:
            if tag[0] in "ESMLU":
                return "BIOES"
            if previous == OUTSIDE:
                begins_with_i |= tag[0] == "I"
                begins_with_b |= tag[0] == "B"
            previous = tag
    return "IOB1" if begins_with_i and not begins_with_b else "IOB2"


class SpanTags(NamedTuple):
    """The tags of a span of each label, as positions in `TagSet.tags`: the places of `Marks`."""

    begin: Positions  # (label,)
    inside: Positions  # (label,)
    end: Positions  # (label,)
    single: Positions  # (label,)


@dataclass(frozen=True)
class TagSet:
    """The tags of a model, in the order of its tag axis, and which may follow which.

    `labels` are sorted and distinct; `TagSet.from_labels` sees to it. `scheme` is one of `SCHEMES`.
    The arrays are read-only, made on first use, and left out when a tag set is pickled. Raises
    ValueError for labels that are improper, repeated or out of order, and for any other scheme.
    """

    labels: tuple[str, ...]
    scheme: str = "BIO"

    def __post_init__(self) -> None:
        _marks(self.scheme)
        for label in self.labels:
            if not is_label(label):
                raise ValueError(f"{repr(label)[:_SHOWN]} is not a label")
        if list(self.labels) != sorted(set(self.labels)):
            labels = ", ".join(self.labels)[:_SHOWN]
            raise ValueError(f"labels are repeated or out of order: {labels}")

    def __reduce__(self) -> tuple[type["TagSet"], tuple[tuple[str, ...], str]]:
        # numpy forgets on pickling that an array is read-only, so workers make their own.
        return type(self), (self.labels, self.scheme)

    @classmethod
    def from_labels(cls, labels: Iterable[str], scheme: str = "BIO") -> "TagSet":
        """The tag set of labels in any order, repeated or not."""
        return cls(tuple(sorted(set(labels))), scheme)

    @classmethod
    def from_tags(cls, sentences: Iterable[Sequence[str]], scheme: str = "BIO") -> "TagSet":
        """The tag set of all labels in these sentences' tags, which may be in another scheme."""
        seen = set().union(*sentences)
        return cls.from_labels((tag[2:] for tag in seen if tag != OUTSIDE), scheme)

    def encode(self, tags: Sequence[str]) -> list[int]:
        """A sentence's tags in any scheme -> positions in `tags`, rewritten in this one: (time,).

        A span whose label is not among `labels` becomes `O`. Raises ValueError for what is no tag.
        """
        spans = [span for span in spans_of(tags) if span.label in self.labels]
        return [self.index[tag] for tag in tags_of(spans, len(tags), self.scheme)]

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """`O`, then of every label in order `B-x` and `I-x`, in BIOES also `E-x` and `S-x`."""
        prefixes = tuple(dict.fromkeys(SCHEMES[self.scheme]))
        return (OUTSIDE, *(f"{prefix}-{label}" for label in self.labels for prefix in prefixes))

    @cached_property
    def index(self) -> Mapping[str, int]:
        """The position of every tag in `tags`."""
        return {tag: position for position, tag in enumerate(self.tags)}

    @cached_property
    def span_tags(self) -> SpanTags:
        """The tags of a span of each label."""
        return SpanTags(
            *(
                _fixed(np.array([self.index[f"{mark}-{x}"] for x in self.labels], np.int64))
                for mark in SCHEMES[self.scheme]
            )
        )

    @cached_property
    def label_of(self) -> NDArray[np.int32]:
        """The position in `labels` of a tag's label; -1 for `O`."""
        positions = {label: position for position, label in enumerate(self.labels)}
        labels = [positions.get(tag[2:], -1) for tag in self.tags]
        return _fixed(np.array(labels, np.int32))  # (tag,)

    @cached_property
    def begins(self) -> NDArray[np.bool_]:
        """True for the tags at which a span begins: `B-x` and `S-x`."""
        return self._among(self.span_tags.begin, self.span_tags.single)  # (tag,)

    @cached_property
    def continues(self) -> NDArray[np.bool_]:
        """True for the tags that continue the span of the token before: `I-x` and `E-x`."""
        return self._among(self.span_tags.inside, self.span_tags.end)  # (tag,)

    @cached_property
    def legal_start(self) -> NDArray[np.bool_]:
        """Whether a sentence may begin with this tag: all but those that continue a span."""
        return _fixed(~self.continues)  # (tag,)

    @cached_property
    def legal_end(self) -> NDArray[np.bool_]:
        """Whether a sentence may end with this tag: in BIO any, in BIOES not `B-x` and `I-x`."""
        return self._among(np.array([0]), self.span_tags.end, self.span_tags.single)  # (tag,)

    @cached_property
    def legal_transition(self) -> NDArray[np.bool_]:
        """Whether the second tag may follow the first.

        `I-x` and `E-x` may only after `B-x` and `I-x`, and all other tags where a sentence may end.
        """
        goes_on = self._among(self.span_tags.begin, self.span_tags.inside)
        same_label = self.label_of[:, None] == self.label_of[None, :]  # (tag, tag) [from, to]
        continued = goes_on[:, None] & same_label
        return _fixed(np.where(self.continues, continued, self.legal_end[:, None]))

    def _among(self, *some: Positions) -> NDArray[np.bool_]:
        """Whether each tag is among these, (tag,)."""
        return _fixed(np.isin(np.arange(len(self.tags)), np.concatenate(some)))


def _fixed(array: Array) -> Array:
    array.flags.writeable = False
    return array
