"""The start without a model: a list of a few terms for each label finds the first passages."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from jobs.label.choice import choose
from jobs.label.passages import Candidate, Passage
from model.gazetteer.matching import Gazetteer
from model.gazetteer.merging import ModelSpans, merge
from model.tagger.padding import in_batches
from model.tags import Span
from model.text.segmentation import Segmentation, tokenize_document
from pipeline.filesystems.gazetteer_files import read_lists
from schemas.records import Document, Floats

_BATCH_TOKENS = 20_000
# The share of passages without a term: from these, too, a model learns what is no entity.
_CONTRAST = 0.2
_NO_MODEL = ModelSpans(*(np.zeros(0, np.int64) for _ in ModelSpans._fields))


@dataclass(frozen=True, slots=True)
class SeedTerms:
    """Terms and their labels, ready to be found in texts; warnings: what of the list is odd."""

    gazetteer: Gazetteer
    segmentation: Segmentation
    warnings: tuple[str, ...] = ()

    def spans(self, passages: Sequence[Passage]) -> list[list[Span]]:
        """Where terms stand in each passage, in its code points, as without a model."""
        return [
            spans for batch in in_batches(passages, _BATCH_TOKENS) for spans in self._spans(batch)
        ]

    def _spans(self, passages: Sequence[Passage]) -> list[list[Span]]:
        cut = [
            tokenize_document(Document(each.doc_id, each.source, 0, each.text), self.segmentation)
            for each in passages
        ]
        numbers: dict[str, int] = {}
        words = [numbers.setdefault(w, len(numbers)) for each in cut for w in each.words]
        lengths = np.concatenate([np.diff(each.sentence_offsets) for each in cut])
        known = self.gazetteer.numbers([*numbers])
        matches = self.gazetteer.find(known, np.array(words, np.int32), lengths)
        chosen = merge(_NO_MODEL, matches, self.gazetteer).match
        labels = [self.gazetteer.labels[n] for n in self.gazetteer.label[matches.term[chosen]]]
        rows = list(
            zip(matches.start[chosen].tolist(), matches.end[chosen].tolist(), labels, strict=True)
        )
        found = []
        bounds = np.cumsum([0, *(len(each.words) for each in cut)]).tolist()
        places = np.searchsorted(matches.start[chosen], bounds).tolist()
        for each, first, own in zip(cut, bounds, pairwise(places), strict=False):
            starts, ends = each.token_start, each.token_end
            found.append(
                [
                    Span(int(starts[start - first]), int(ends[end - 1 - first]), label)
                    for start, end, label in rows[slice(*own)]
                ]
            )
        return found


def read_seed_terms(path: str, segmentation: Segmentation) -> SeedTerms:
    """A list such as `--gazetteer` takes; raises UsageError, which names the line, for others."""
    read = read_lists("--seed_labels", (path,), segmentation)
    return SeedTerms(read.gazetteer, segmentation, tuple(read.warnings))


def choose_by_terms(
    terms: SeedTerms,
    found: Sequence[tuple[Passage, Sequence[Span]]],
    budget: int,
    seed: int,
) -> list[Candidate]:
    """Passages and the terms in them in; those to label first out, with some that have no term.

    Every term that is in a passage is worth as much.
    """
    candidates = [_candidate(terms, passage, spans) for passage, spans in found]
    with_terms = [each for each in candidates if each.features]
    without = [each for each in candidates if not each.features]
    contrast = min(round(_CONTRAST * budget), len(without))
    chosen = choose(with_terms, budget - contrast, seed)
    return chosen + choose(without, budget - len(chosen), seed, chosen)


def _candidate(terms: SeedTerms, passage: Passage, spans: Sequence[Span]) -> Candidate:
    of_term = {passage.text[span.start : span.end].casefold(): span.label for span in spans}
    worth: Floats = np.zeros((len(of_term), len(terms.gazetteer.labels)), np.float32)
    for row, label in enumerate(of_term.values()):
        worth[row, terms.gazetteer.labels.index(label)] = 1
    return Candidate(passage, tuple(of_term), worth)
