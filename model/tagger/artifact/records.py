"""What the JSON of a model says of tags, segmentation and training data, as records of ours."""

from dataclasses import fields

from model.tagger.artifact.contents import MOST, Fields
from model.tags import MOST_LABELS, TagSet
from model.text.segmentation import Segmentation
from schemas.errors import ArtifactError

# Sentences of that many tokens take memory and time as the text does; the default is 4,096.
_MOST_SENTENCE_TOKENS = 65_536


def stored_tags(stored: Fields) -> TagSet:
    """The tags that labels.json lists; raises ArtifactError, and ValueError as `TagSet` does."""
    labels = stored.texts("labels")
    if not 1 <= len(labels) <= MOST_LABELS:
        expected = f"expected 1 to {MOST_LABELS}"
        raise ArtifactError(f"labels.json: labels is a list of {len(labels):,}, {expected}")
    return TagSet(labels, stored.text("scheme"))


def stored_segmentation(stored: Fields) -> Segmentation:
    """How config.json says that text is cut; raises ArtifactError, and ValueError as that does."""
    own = Segmentation()
    stored.require_known({f.name for f in fields(own)})
    return Segmentation(
        language=stored.text("language", own.language),
        tokens=stored.text("tokens", own.tokens),  # type: ignore[arg-type]  # which it looks at
        max_sentence_tokens=stored.whole(
            "max_sentence_tokens", 1, _MOST_SENTENCE_TOKENS, own.max_sentence_tokens
        ),
        version=stored.whole("version", 1, MOST, own.version),
        characters=stored.boolean("characters", default=own.characters),
    )


def require_statistics(baseline: Fields) -> None:
    """Raise ArtifactError for statistics of another kind than drift is found with.

    They may lack: models of old have none.
    """
    baseline.text("language", default="en")
    tokens = baseline.whole("tokens", 0, MOST, default=0)
    baseline.whole("unknown_tokens", 0, tokens, default=0)
    lengths = baseline.fields("sentence_lengths", default={})
    if len(lengths.wholes("bounds")) != len(lengths.wholes("counts")):
        raise ArtifactError("baseline.json: sentence_lengths has other counts than bounds")
    by_label = baseline.fields("confidence_histogram_by_label", default={})
    for label in by_label:
        by_label.wholes(label)
