"""Labelled sentences are encoded in the tag set's own scheme, whatever they hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.corpora.tokenized import TokenizedSentences
from model.tagger.encoding import WordEncoder
from model.tagger.vocabulary import Vocabulary
from model.tags import SCHEMES, TagSet, spans_of

pytestmark = pytest.mark.training

ENCODER = WordEncoder(Vocabulary.of(["ship", "ship", "Rui", "Rui"]))
IOB2 = st.lists(st.sampled_from(TagSet(("geo", "org", "per")).tags), min_size=1, max_size=9)


@given(st.lists(IOB2, min_size=1, max_size=4), st.sampled_from(list(SCHEMES)))
@settings(max_examples=50)
def test_encoded_sentences_hold_the_spans_of_known_labels(
    sentences: list[list[str]], scheme: str
) -> None:
    from model.training.data.batches import EncodedSentences, sentences_of

    tag_set = TagSet(("geo", "per"), scheme)
    words = [["ship"] * len(tags) for tags in sentences]

    encoded = EncodedSentences.of(TokenizedSentences(words, sentences), ENCODER, tag_set)

    assert encoded.tags.dtype == np.int32
    for tags, positions in zip(
        sentences, sentences_of(encoded.tags, encoded.lengths.astype(np.int32)), strict=True
    ):
        known = [span for span in spans_of(tags) if span.label != "org"]
        assert positions.tolist() == tag_set.encode(tags)
        assert spans_of([tag_set.tags[tag] for tag in positions]) == known
