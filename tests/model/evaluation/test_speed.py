"""Speed is tokens by the processor's time, warmed up, on as many of them for a file of any size."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.speed import Speed, reading_speed, sample, tagging_speed
from model.host.system import processor_name
from model.tagger.artifact import Artifact
from model.tagger.tagger import Tagger
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Document, PaddedBatch, TaggedDocument, TokenizedDocument

TOKEN, START, CUTTING = 1e-5, 30.0, 3e-5  # seconds


class Clock:
    """The processor's time, which passes as the taggers of a test work."""

    now = 7.0

    def __call__(self) -> float:
        return self.now


class CountingTagger(Tagger):
    """Takes a fixed time for each token, and longer the first time; keeps what it was given."""

    def __init__(self, artifact: Artifact, clock: Clock) -> None:
        super().__init__(artifact)
        self.clock = clock
        self.batches: list[PaddedBatch] = []

    def tag(self, batch: PaddedBatch) -> list[TaggedDocument]:
        tokens = int(batch.sentence_lengths.sum())
        self.clock.now += TOKEN * tokens + START * (not self.batches)
        self.batches.append(batch)
        return super().tag(batch)


SENTENCE = ("Maria", "met", "the", "council", "in", "Lisbon", ".")


@pytest.mark.parametrize("sentences", [[SENTENCE], [SENTENCE] * 700, [SENTENCE] * 20_000])
def test_the_time_is_that_of_the_tagger_once_it_is_warm(
    tiny_model: Artifact, sentences: Sequence[Sequence[str]]
) -> None:
    """As many tokens at once for any file, for a third of a second and no more than that needs."""
    clock = Clock()
    tagger = CountingTagger(tiny_model, clock)
    found = tagging_speed(tagger, sentences, clock)
    assert found == Speed(round(1 / TOKEN), from_text=False, processor=processor_name())
    sizes = {int(batch.sentence_lengths.sum()) for batch in tagger.batches}
    assert len(sizes) == 1
    assert 20_000 <= min(sizes) < 40_000
    assert set(tagger.batches[0].sentence_lengths.tolist()) == {len(SENTENCE)}
    assert 0.3 <= clock.now - 7.0 - START < 0.3 + 2 * 40_000 * TOKEN


def test_from_raw_text_cutting_counts_too(
    tiny_model: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()

    def slowly(document: Document, segmentation: Segmentation) -> TokenizedDocument:
        tokenized = tokenize_document(document, segmentation)
        clock.now += CUTTING * len(tokenized.words)
        return tokenized

    monkeypatch.setattr("model.evaluation.speed.tokenize_document", slowly)
    tagger = CountingTagger(tiny_model, clock)
    texts = ["Maria met the council in Lisbon. Nobody came.", "", "Rui left. " * 90_000]
    found = reading_speed(tagger, texts, clock)
    assert found == Speed(round(1 / (TOKEN + CUTTING)), from_text=True, processor=processor_name())


@pytest.mark.parametrize("texts", [[], [""], ["  \n", ""]])
def test_what_holds_no_token_has_no_speed(tiny_model: Artifact, texts: list[str]) -> None:
    tagger = Tagger(tiny_model)
    assert reading_speed(tagger, texts) is None
    assert tagging_speed(tagger, [text.split() for text in texts]) is None


def test_a_real_clock_gives_a_speed(tiny_model: Artifact) -> None:
    found = tagging_speed(Tagger(tiny_model), [SENTENCE])
    assert found is not None
    assert found.tokens_per_second > 0
    assert found.to_json().keys() == {"tokens_per_second", "from_text", "processor", "cores"}
    assert found.processor


@given(st.lists(st.text(max_size=30)), st.integers(1, 50))
def test_a_sample_has_the_length_that_is_asked_for(texts: list[str], length: int) -> None:
    """Of a file of any size; it is beginnings of its texts, and the first of them is in it."""
    chosen = sample(texts, length)
    beginnings = [text[:length] for text in texts if text]
    assert bool(chosen) == bool(beginnings)
    assert set(chosen) <= set(beginnings)
    if chosen:
        assert length <= sum(map(len, chosen)) < 2 * length
        assert chosen[0] == beginnings[0]


def test_a_sample_of_a_large_file_comes_from_all_of_it() -> None:
    numbers = [int(text) for text in sample([f"{n:04}" for n in range(5000)], 400)]
    assert len(numbers) == 100
    assert numbers == list(range(0, 5000, 50))
