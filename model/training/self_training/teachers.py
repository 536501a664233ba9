"""Taggers that label text together: the labels that they find likeliest, and how likely.

Several are asked as one CRF whose scores are the means of theirs, which multiplies what they say of
a whole sequence (a logarithmic opinion pool: Smith, Cohn and Osborne 2005, "Logarithmic Opinion
Pools for Conditional Random Fields"). The likeliest tags of each token by the mean of their
probabilities are no sequence that any of them finds likely, and were 0.008 of F1 worse.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from model.evaluation.calibration import calibrate
from model.tagger.artifact import Artifact
from model.tagger.crf import Potentials, decode, marginals
from model.tagger.padding import in_batches, pad_documents
from model.tagger.tagger import Tagger
from model.tags import spans_of, tags_of
from model.text.segmentation import Segmentation, document_of_words
from model.training.cross_validation import Judged
from model.training.data.silver import SilverSentences, Teacher
from model.training.fit import FittedTagger

_BATCH_TOKENS = 20_000


def temperature_of(judged: Judged) -> float:
    """What suits the confidence of all taggers on the sentences that they were not trained on."""
    taggers = [tagger_of(fitted, 1.0) for fitted, _ in judged]
    sentences = [held_out.labelled for _, held_out in judged]
    return calibrate(list(zip(taggers, sentences, strict=True))).temperature


def tagger_of(fitted: FittedTagger, temperature: float) -> Tagger:
    """A tagger for sentences that come as words, so that it need not know how to cut them."""
    return Tagger(
        Artifact(
            name="teacher",
            segmentation=Segmentation(),
            encoder=fitted.encoder,
            tags=fitted.tags,
            weights=fitted.weights.as_stored(),
            training={},
            metrics={},
            baseline={},
            temperature=temperature,
        )
    )


def label_text(teachers: Sequence[Tagger], text: Sequence[Sequence[str]]) -> SilverSentences:
    """Sentences without labels, in the tokens of extraction, with those of teachers.

    teachers: of the same tags. A sentence weighs as much as they are sure of its most doubtful tag.
    """
    tag_set = teachers[0].artifact.tags
    scores = [teacher.potentials for teacher in teachers]
    pooled = Potentials(
        start=np.mean([each.start for each in scores], axis=0),
        transitions=np.mean([each.transitions for each in scores], axis=0),
        end=np.mean([each.end for each in scores], axis=0),
    )
    tags: list[Sequence[str]] = []
    certainty: list[Sequence[float]] = []
    for batch in in_batches(map(document_of_words, text), _BATCH_TOKENS):
        padded = pad_documents(batch)
        lengths = padded.sentence_lengths
        emissions = np.mean([teacher.emit(padded).emissions for teacher in teachers], axis=0)
        found = decode(pooled, emissions, lengths)
        sure = marginals(pooled, emissions, lengths)[np.arange(len(found)), found]
        for start, end in pairwise(np.cumsum([0, *lengths]).tolist()):
            own = [tag_set.tags[tag] for tag in found[start:end].tolist()]
            tags.append(tags_of(spans_of(own), end - start))
            certainty.append(np.minimum(sure[start:end], 1.0).tolist())
    weights = list(map(min, certainty))
    teacher = Teacher.of_labels(tag_set.labels)
    return SilverSentences(text, tags, certainty, weights, teacher, as_gold=True)
