"""What a model saw in training, in figures that a later run can be compared with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.records import TaggedDocument

_CONFIDENCE_BINS = 10
_LENGTH_BOUNDS = (1, 5, 10, 15, 20, 25, 30, 40, 60, 100, 200)


def baseline_statistics(
    tagged: Sequence[TaggedDocument], sentence_lengths: Sequence[int]
) -> dict[str, Any]:
    """Statistics of what the model found in its development data.

    unknown_word_rate: share of tokens that the vocabulary lacks; entities_per_1000_tokens by
    label; confidence_histogram: entities in ten equal bins of [0, 1]; sentence_lengths: sentences
    with a length in tokens from each bound up to the next.
    """
    tokens = sum(document.tokens for document in tagged)
    labels = [label for document in tagged for label in document.labels]
    confidences = np.concatenate([np.zeros(0), *(document.confidence for document in tagged)])
    bins, _ = np.histogram(confidences, bins=_CONFIDENCE_BINS, range=(0.0, 1.0))
    lengths, _ = np.histogram(sentence_lengths, bins=[*_LENGTH_BOUNDS, np.inf])
    return {
        "tokens": tokens,
        "unknown_word_rate": sum(document.unknown_tokens for document in tagged) / max(tokens, 1),
        "entities_per_1000_tokens": {
            label: 1000 * labels.count(label) / max(tokens, 1) for label in sorted(set(labels))
        },
        "confidence_histogram": bins.tolist(),
        "sentence_lengths": {"bounds": list(_LENGTH_BOUNDS), "counts": lengths.tolist()},
    }
