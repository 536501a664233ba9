"""Raw documents -> labelled sentences: gold spans laid on the tokens that extraction would cut."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from model.corpora.records import Certainty, LabelledDocument, LabelledSentence
from model.tags import Span, tags_of
from model.text.segmentation import Segmentation, tokenize_document
from schemas.errors import CorpusError, RecordError
from schemas.records import Document, Floats, TokenizedDocument

MisfitKind = Literal["boundary", "sentence", "overlap", "blank"]


@dataclass(frozen=True, slots=True)
class Misfit:
    """A gold span that is not whole tokens of one sentence and of no other span, and its fate.

    `span` counts code points of the document, and `text` is what it covers there; `line` is the
    document's in its file. `tagged` are the texts that were tagged with its label instead:

    - "boundary": it begins or ends within a token or in white space. Widened to the tokens that it
      touches, since extraction finds whole tokens only and `O` would teach that this is no entity.
    - "sentence": it crosses sentences. One entity in each, for the same reason.
    - "overlap": its tokens belong to another span. None; a token has one tag.
    - "blank": it covers no token. None.
    """

    doc_id: str
    line: int | None
    span: Span
    text: str
    kind: MisfitKind
    tagged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectedDocument:
    """A document's sentences, empty for a blank text, and the spans that did not fit, in order."""

    sentences: tuple[LabelledSentence, ...]
    misfits: tuple[Misfit, ...]


def project_document(document: LabelledDocument, segmentation: Segmentation) -> ProjectedDocument:
    """Cut a document as extraction would, and turn its spans into IOB2 tags.

    Of spans that overlap, those that fit go first, then the longer, then the earlier; one that is
    dropped stands in no other's way.
    Sentences have the document's line. Raises CorpusError for a document that cannot be cut.
    """
    tokens = cut_document(document, segmentation)
    taken = np.zeros(len(tokens.words), np.bool_)
    tagged: list[Span] = []
    misfits: list[Misfit] = []
    for place in _ranked(document, tokens):
        kind = place.kind
        if kind != "blank" and taken[place.first : place.stop].any():
            kind = "overlap"
        pieces = [] if kind in ("blank", "overlap") else place.pieces
        for piece in pieces:
            taken[piece.start : piece.end] = True
        tagged += pieces
        if kind is not None:
            misfits.append(_misfit(document, tokens, place, kind, pieces))
    return ProjectedDocument(_sentences(document, tokens, tagged), _in_order(misfits))


@dataclass(frozen=True, slots=True)
class SilverDocument:
    """A teacher's sentences, how sure each of their tags is, and the spans that did not fit."""

    sentences: tuple[LabelledSentence, ...]
    certainty: tuple[tuple[float, ...], ...]  # of each sentence's tokens, from 0 to 1
    misfits: tuple[Misfit, ...]


def project_silver(document: LabelledDocument, segmentation: Segmentation) -> SilverDocument:
    """As `project_document`, for a teacher who may be wrong, so that no doubtful span is learnt.

    The tokens of a span that does not fit, or whose certainty is 0, have no tag, and certainty 0,
    as those have that were not read. Of spans that overlap, the surest goes first.
    """
    tokens = cut_document(document, segmentation)
    told = document.certainty or Certainty((1.0,) * len(document.entities))
    sure = _rest(told, tokens)
    taken = np.zeros(len(tokens.words), np.bool_)
    tagged: list[Span] = []
    misfits: list[Misfit] = []
    of_span: dict[Span, float] = {}
    for span, share in zip(document.entities, told.entities, strict=True):
        of_span[span] = max(share, of_span.get(span, 0.0))
    placed = [_Placement.of(span, tokens) for span in of_span]
    placed.sort(key=lambda place: (place.kind is not None, -of_span[place.span], place.rank))
    for place in placed:
        mine = np.arange(place.first, place.stop)
        kind = place.kind or ("overlap" if taken[mine].any() else None)
        if kind is None and of_span[place.span]:
            tagged += place.pieces
            sure[mine] = of_span[place.span]
            taken[mine] = True
            continue
        sure[mine[~taken[mine]]] = 0
        if kind is not None:
            misfits.append(_misfit(document, tokens, place, kind, []))
    return SilverDocument(
        _sentences(document, tokens, tagged),
        tuple(tuple(sure[a:b].tolist()) for a, b in pairwise(tokens.sentence_offsets.tolist())),
        _in_order(misfits),
    )


def _rest(told: Certainty, tokens: TokenizedDocument) -> Floats:
    """How sure it is of each token, (token,), that it is in no other entity."""
    if told.read is None:
        return np.full(len(tokens.words), told.rest, np.float32)
    sure = np.zeros(len(tokens.words), np.float32)
    for start, end in told.read:
        sure[(tokens.token_start >= start) & (tokens.token_end <= end)] = told.rest
    return sure


def _ranked(document: LabelledDocument, tokens: TokenizedDocument) -> list["_Placement"]:
    """The places of a document's spans, those first that go before others."""
    placed = (_Placement.of(span, tokens) for span in document.entities)
    return sorted(placed, key=lambda place: place.rank)


def _misfit(
    document: LabelledDocument,
    tokens: TokenizedDocument,
    place: "_Placement",
    kind: MisfitKind,
    pieces: Sequence[Span],
) -> Misfit:
    span = place.span
    texts = (
        document.text[tokens.token_start[piece.start] : tokens.token_end[piece.end - 1]]
        for piece in pieces
    )
    covered = document.text[span.start : span.end]
    return Misfit(document.doc_id, document.line, span, covered, kind, tuple(texts))


def _in_order(misfits: Iterable[Misfit]) -> tuple[Misfit, ...]:
    return tuple(sorted(misfits, key=lambda misfit: misfit.span))


def _sentences(
    document: LabelledDocument, tokens: TokenizedDocument, tagged: Iterable[Span]
) -> tuple[LabelledSentence, ...]:
    tags = tags_of(tagged, len(tokens.words))
    return tuple(
        LabelledSentence(tuple(tokens.words[a:b]), tuple(tags[a:b]), document.line)
        for a, b in pairwise(tokens.sentence_offsets.tolist())
    )


def cut_document(document: LabelledDocument, segmentation: Segmentation) -> TokenizedDocument:
    """A document cut as extraction would; raises CorpusError, which names its line."""
    try:
        return tokenize_document(Document(document.doc_id, "", 0, document.text), segmentation)
    except RecordError as error:
        raise CorpusError(f"the document of line {document.line}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Placement:
    """The tokens `[first, stop)` that a span touches; `pieces` are those of each sentence."""

    span: Span
    first: int
    stop: int
    pieces: list[Span]
    kind: MisfitKind | None

    @classmethod
    def of(cls, span: Span, tokens: TokenizedDocument) -> "_Placement":
        first = int(np.searchsorted(tokens.token_end, span.start, side="right"))
        stop = int(np.searchsorted(tokens.token_start, span.end, side="left"))
        if first >= stop:
            return cls(span, first, first, [], "blank")
        offsets = tokens.sentence_offsets
        within = offsets[(offsets > first) & (offsets < stop)].tolist()
        pieces = [Span(a, b, span.label) for a, b in pairwise([first, *within, stop])]
        kind: MisfitKind | None = None
        if len(pieces) > 1:
            kind = "sentence"
        elif (tokens.token_start[first], tokens.token_end[stop - 1]) != (span.start, span.end):
            kind = "boundary"
        return cls(span, first, stop, pieces, kind)

    @property
    def rank(self) -> tuple[bool, int, Span]:
        return self.kind is not None, self.span.start - self.span.end, self.span
