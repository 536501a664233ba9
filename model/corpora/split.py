"""Splitting labelled sentences into a training and a development part."""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from model.corpora.records import LabelledSentence


def split_sentences(
    sentences: Sequence[LabelledSentence], fraction: float, seed: int
) -> tuple[list[LabelledSentence], list[LabelledSentence]]:
    """The sentences in two lists, (train, dev), `fraction` of them in dev, each in its first order.

    Equal texts always fall on the same side: GMB repeats sentences, and a split by row would
    test on what was trained. Texts are drawn in the order of a hash of seed and text, so neither
    the order of the sentences nor the Python process matters. Dev holds the nearest whole number of
    sentences, less only where repeated texts don't fit in. Two or more distinct texts
    and a fraction above 0 leave neither side empty. Raises ValueError unless 0 <= fraction < 1.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"fraction {fraction} is not at least 0 and below 1")
    texts = [" ".join(sentence.words) for sentence in sentences]
    repeats = Counter(texts)
    drawn = sorted(repeats, key=lambda text: (_draw(text, seed), text))
    wanted = 0
    if fraction > 0 and len(drawn) > 1:
        wanted = min(max(round(fraction * len(texts)), 1), len(texts) - 1)
    dev_texts: set[str] = set()
    taken = 0
    for text in drawn:
        if taken + repeats[text] <= wanted:
            dev_texts.add(text)
            taken += repeats[text]
    if wanted and not dev_texts:
        dev_texts.add(min(drawn, key=lambda text: repeats[text]))
    train: list[LabelledSentence] = []
    dev: list[LabelledSentence] = []
    for text, sentence in zip(texts, sentences, strict=True):
        (dev if text in dev_texts else train).append(sentence)
    return train, dev


def _draw(text: str, seed: int) -> bytes:
    return blake2b(f"{seed}\n{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
