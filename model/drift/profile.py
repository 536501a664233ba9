"""What a model saw in training, in figures that a later run can be compared with."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.records import ORIGINS, Flags, TaggedDocument

CONFIDENCE_BINS = 10
_LISTED = ORIGINS.index("gazetteer")
LENGTH_BOUNDS = (1, 5, 10, 15, 20, 25, 30, 40, 60, 100, 200)


@dataclass(frozen=True)
class Profile:
    """What some documents are to a model, in counts that add up.

    sentence_lengths: sentences whose tokens are from each of `LENGTH_BOUNDS` up to the next;
    confidences: for each label, its entities in `CONFIDENCE_BINS` equal bins of [0, 1].
    """

    tokens: int
    unknown_tokens: int
    sentence_lengths: tuple[int, ...]
    confidences: Mapping[str, tuple[int, ...]]


def profile_of(tagged: Sequence[TaggedDocument]) -> Profile:
    """Tagged documents in, what they are to the model out: what lists alone found is not in it."""
    lengths = _joined((document.sentence_lengths for document in tagged), np.int32)
    # Bins from 1 on; a document of 64 MB has millions of sentences and of entities.
    length_bins = np.searchsorted(LENGTH_BOUNDS, lengths, side="right")
    # In the precision of the column, so that what is shown as 0.9 is in the bin from 0.9 on.
    scaled = _joined((d.confidence[_is_own(d)] for d in tagged), np.float32) * np.float32(
        CONFIDENCE_BINS
    )
    confidence_bins = np.minimum(scaled, CONFIDENCE_BINS - 1).astype(np.uint8)
    labels = chain.from_iterable(compress(d.labels, _is_own(d).tolist()) for d in tagged)
    entities = Counter(zip(labels, confidence_bins.tolist(), strict=True))
    return Profile(
        tokens=sum(document.tokens for document in tagged),
        unknown_tokens=sum(document.unknown_tokens for document in tagged),
        sentence_lengths=tuple(
            np.bincount(length_bins, minlength=len(LENGTH_BOUNDS) + 1)[1:].tolist()
        ),
        confidences={
            label: tuple(entities[label, step] for step in range(CONFIDENCE_BINS))
            for label in sorted({label for label, _ in entities})
        },
    )


def _is_own(document: TaggedDocument) -> Flags:
    """Which entities of a document the model found."""
    listed = document.listed
    return listed.origin != _LISTED if listed else np.ones(len(document.labels), np.bool_)


def baseline_statistics(tagged: Sequence[TaggedDocument]) -> dict[str, Any]:
    """Statistics of what the model found in its development data.

    unknown_word_rate: share of tokens that the vocabulary lacks; entities_per_1000_tokens by
    label; confidence_histogram: entities in ten equal bins of [0, 1], also by label;
    sentence_lengths: sentences with a length in tokens from each bound up to the next.
    """
    profile = profile_of(tagged)
    tokens, by_label = profile.tokens, profile.confidences
    return {
        "tokens": tokens,
        "unknown_tokens": profile.unknown_tokens,
        "unknown_word_rate": profile.unknown_tokens / max(tokens, 1),
        "entities_per_1000_tokens": {
            label: 1000 * sum(counts) / max(tokens, 1) for label, counts in by_label.items()
        },
        "confidence_histogram": [
            sum(counts[step] for counts in by_label.values()) for step in range(CONFIDENCE_BINS)
        ],
        "confidence_histogram_by_label": {label: [*counts] for label, counts in by_label.items()},
        "sentence_lengths": {
            "bounds": list(LENGTH_BOUNDS),
            "counts": list(profile.sentence_lengths),
        },
    }


def profile_of_baseline(baseline: Mapping[str, Any]) -> Profile | None:
    """Statistics as they stand in a model in, their counts out; None where these are not there."""
    try:
        lengths = baseline["sentence_lengths"]
        by_label = baseline["confidence_histogram_by_label"]
        profile = Profile(
            tokens=baseline["tokens"],
            unknown_tokens=baseline["unknown_tokens"],
            sentence_lengths=tuple(lengths["counts"]),
            confidences={label: tuple(counts) for label, counts in by_label.items()},
        )
        is_alike = tuple(lengths["bounds"]) == LENGTH_BOUNDS
    except (KeyError, TypeError):
        return None
    sizes = {len(counts) for counts in profile.confidences.values()}
    return profile if is_alike and sizes <= {CONFIDENCE_BINS} else None


def _joined(columns: Iterable[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, kind), *columns])
