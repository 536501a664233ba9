"""Taggers that label text together, by the mean of their calibrated probabilities.

Each label comes with how sure they are of it (Mukherjee and Awadallah 2020, "Uncertainty-aware
Self-training for Few-shot Text Classification", weigh so too), and a sentence weighs as much as
...
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model.evaluation.calibration import calibrate
from model.tagger.artifact import Artifact
from model.tagger.crf import Potentials, decode, marginals
from model.tagger.padding import in_batches, pad_documents
from model.tagger.tagger import Tagger
from model.tags import TagSet, spans_of, tags_of
from model.text.segmentation import Segmentation, document_of_words
from model.training.cross_validation import Judged
from model.training.data.silver import SilverSentences, Teacher
from model.training.fit import FittedTagger
from schemas.records import Ints

_BATCH_TOKENS = 20_000

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Lesson:
    """What a teacher says of the same sentences: each by itself, and all together."""

    single: Sequence[SilverSentences]
    together: SilverSentences


def label_text(judged: Judged, text: Sequence[Sequence[str]], tag_set: TagSet) -> Lesson:
    """What taggers say of sentences without labels, in the tokens of extraction.

    judged: each with sentences that it was not trained on, by which they are calibrated.
    """
    teachers = calibrated(judged)
    labelled = [_Labels(tag_set) for _ in (*teachers, None)]
    for batch in in_batches(map(document_of_words, text), _BATCH_TOKENS):
        padded = pad_documents(batch)
        lengths = padded.sentence_lengths
        found = []
        for teacher in teachers:
            emissions = teacher.emit(padded).emissions
            its = marginals(teacher.potentials, emissions, lengths)
            found.append(_aligned(its, teacher.artifact.tags, tag_set))
        for labels, probabilities in zip(labelled, (*found, np.mean(found, axis=0)), strict=True):
            labels.add(probabilities, lengths)
    *single, together = (labels.of(text) for labels in labelled)
    return Lesson(single, together)


def calibrated(judged: Judged) -> list[Tagger]:
    """The taggers, at the one temperature that suits all of them on what they never saw."""
    taggers = [Tagger(_artifact(fitted)) for fitted, _ in judged]
    sentences = [held_out.labelled for _, held_out in judged]
    temperature = calibrate(list(zip(taggers, sentences, strict=True))).temperature
    return [Tagger(replace(tagger.artifact, temperature=temperature)) for tagger in taggers]


def _artifact(fitted: FittedTagger) -> Artifact:
    """One that is never saved; sentences come to it as words, so it need not know how to cut."""
    return Artifact(
        name="teacher",
        segmentation=Segmentation(),
        encoder=fitted.encoder,
        tags=fitted.tags,
        weights=fitted.weights.as_stored(),
        training={},
        metrics={},
        baseline={},
    )


def _aligned(probabilities: NDArray[np.float64], own: TagSet, all_tags: TagSet) -> Probabilities:
    """(token, own tag) in, (token, tag) out; of a label that a teacher never saw it says 0."""
    aligned = np.zeros((len(probabilities), len(all_tags.tags)), np.float32)
    aligned[:, [all_tags.index[tag] for tag in own.tags]] = probabilities
    return aligned


class _Labels:
    """The labels of sentences, batch by batch: the tags that are likeliest, and how likely."""

    def __init__(self, tag_set: TagSet) -> None:
        self.tag_set = tag_set
        legal = (tag_set.legal_start, tag_set.legal_transition, tag_set.legal_end)
        self._legal = Potentials(*(np.where(each, 0.0, -np.inf) for each in legal))
        self.tags: list[Sequence[str]] = []
        self.certainty: list[Sequence[float]] = []

    def add(self, probabilities: Probabilities, lengths: Ints) -> None:
        """The probabilities of the next sentences, (token, tag), and their lengths."""
        with np.errstate(divide="ignore"):
            tags = decode(self._legal, np.log(np.maximum(probabilities, 1e-9)), lengths)
        certainty = probabilities[np.arange(len(tags)), tags]
        for start, end in pairwise(np.cumsum([0, *lengths]).tolist()):
            own = [self.tag_set.tags[tag] for tag in tags[start:end].tolist()]
            self.tags.append(tags_of(spans_of(own), end - start))
            self.certainty.append(certainty[start:end].tolist())

    def of(self, words: Sequence[Sequence[str]]) -> SilverSentences:
        weights = list(map(min, self.certainty))
        teacher = Teacher.of_labels(self.tag_set.labels)
        return SilverSentences(words, self.tags, self.certainty, weights, teacher)
