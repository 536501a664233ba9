"""Raw documents -> labelled sentences: gold spans laid on the tokens that extraction would cut."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from model.corpora.records import LabelledDocument, LabelledSentence
from model.tags import Span, tags_of
from model.text.segmentation import Segmentation, tokenize_document
from schemas.errors import CorpusError, RecordError
from schemas.records import Document, TokenizedDocument

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
    placed = [_Placement.of(span, tokens) for span in document.entities]
    taken = np.zeros(len(tokens.words), np.bool_)
    tagged: list[Span] = []
    misfits: list[Misfit] = []
    for place in sorted(placed, key=lambda place: place.rank):
        kind = place.kind
        if kind != "blank" and taken[place.first : place.stop].any():
            kind = "overlap"
        pieces = [] if kind in ("blank", "overlap") else place.pieces
        for piece in pieces:
            taken[piece.start : piece.end] = True
        tagged += pieces
        if kind is not None:
            texts = [
                document.text[tokens.token_start[piece.start] : tokens.token_end[piece.end - 1]]
                for piece in pieces
            ]
            span = place.span
            covered = document.text[span.start : span.end]
            misfits.append(
                Misfit(document.doc_id, document.line, span, covered, kind, tuple(texts))
            )
    tags = tags_of(tagged, len(tokens.words))
    sentences = tuple(
        LabelledSentence(tuple(tokens.words[a:b]), tuple(tags[a:b]), document.line)
        for a, b in pairwise(tokens.sentence_offsets.tolist())
    )
    return ProjectedDocument(sentences, tuple(sorted(misfits, key=lambda misfit: misfit.span)))


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
