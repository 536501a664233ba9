"""Splitting labelled sentences, or documents of them, into a training and a development part."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b

from model.corpora.records import LabelledSentence

Document = Sequence[LabelledSentence]


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
    return _split(
        [[sentence] for sentence in sentences], list(map(_text, sentences)), fraction, seed
    )


def split_documents(
    documents: Sequence[Document], fraction: float, seed: int
) -> tuple[list[LabelledSentence], list[LabelledSentence]]:
    """As `split_sentences`, but all sentences of a document fall on the same side.

    So do documents that share a sentence. Where that ties so many together that dev would be empty,
    or off its share by half of it and by more than a document, as a greeting in each of them does,
    only documents of equal text stay together. Documents without sentences are left out.
    """
    documents = [document for document in documents if document]
    sentences, longest = sum(map(len, documents)), max(map(len, documents), default=0)
    wanted = fraction * sentences
    for groups in _groupings(documents):
        train, dev = _split(documents, groups, fraction, seed)
        if dev and abs(len(dev) - wanted) <= max(wanted / 2, longest):
            break
    return train, dev


def fold_numbers(documents: Sequence[Document], folds: int, seed: int) -> list[int]:
    """The fold of each document, from 0: folds of about equally many sentences, apart by text.

    Documents that share a sentence are in the same fold; where that ties so many together that a
    fold would be twice as large as it should be, only documents of equal text are. Sentences
    without documents are documents of one. Folds may be empty where there are few texts.
    """
    numbers: list[int] = []
    for groups in _groupings(documents):
        filled = [0] * folds
        fold_of: dict[str, int] = {}
        for name, size in _drawn(documents, groups, seed).items():
            fold_of[name] = filled.index(min(filled))
            filled[fold_of[name]] += size
        numbers = [fold_of[group] for group in groups]
        if max(filled) * folds <= 2 * sum(filled):
            break
    return numbers


def _split(
    documents: Sequence[Document], groups: Sequence[str], fraction: float, seed: int
) -> tuple[list[LabelledSentence], list[LabelledSentence]]:
    """Those of one group fall on the same side."""
    dev_groups = _dev_groups(_drawn(documents, groups, seed), fraction)
    train: list[LabelledSentence] = []
    dev: list[LabelledSentence] = []
    for group, document in zip(groups, documents, strict=True):
        (dev if group in dev_groups else train).extend(document)
    return train, dev


def _groupings(documents: Sequence[Document]) -> Iterator[list[str]]:
    """One name a document, equal where they must stay together: the strictest grouping first."""
    yield _tied_by_sentences(documents)
    yield list(map(_whole_text, documents))


def _tied_by_sentences(documents: Sequence[Document]) -> list[str]:
    """One name a document, the same for all that shared sentences tie together."""
    parents = list(range(len(documents)))

    def root(position: int) -> int:
        while parents[position] != position:
            parents[position] = parents[parents[position]]
            position = parents[position]
        return position

    holder: dict[str, int] = {}
    for position, document in enumerate(documents):
        for sentence in document:
            parents[root(position)] = root(holder.setdefault(_text(sentence), position))
    # Named by their least text: the order of the documents must not matter.
    names: dict[int, str] = {}
    for position, document in enumerate(documents):
        text = _whole_text(document)
        names[root(position)] = min(names.get(root(position), text), text)
    return [names[root(position)] for position in range(len(documents))]


def _text(sentence: LabelledSentence) -> str:
    return " ".join(sentence.words)


def _whole_text(document: Document) -> str:
    return "\n".join(map(_text, document))


def _drawn(documents: Sequence[Document], groups: Sequence[str], seed: int) -> dict[str, int]:
    """The sentences of each group, in the order in which the seed draws them."""
    sizes: Counter[str] = Counter()
    for group, document in zip(groups, documents, strict=True):
        sizes[group] += len(document)
    return {name: sizes[name] for name in sorted(sizes, key=lambda name: (_draw(name, seed), name))}


def _dev_groups(sizes: Mapping[str, int], fraction: float) -> set[str]:
    """The groups, by name, that dev takes of those drawn with so many sentences."""
    if not 0 <= fraction < 1:
        raise ValueError(f"fraction {fraction} is not at least 0 and below 1")
    sentences = sum(sizes.values())
    wanted = 0
    if fraction > 0 and len(sizes) > 1:
        wanted = min(max(round(fraction * sentences), 1), sentences - 1)
    dev: set[str] = set()
    taken = 0
    for name, size in sizes.items():
        if taken + size <= wanted:
            dev.add(name)
            taken += size
    if wanted and not dev:
        dev.add(min(sizes, key=lambda name: sizes[name]))
    return dev


def _draw(text: str, seed: int) -> bytes:
    return blake2b(f"{seed}\n{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
