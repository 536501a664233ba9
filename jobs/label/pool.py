"""Drawing the pool: some thousands of passages, evenly from all inputs, at random and the same.

What is read and held has bounds, however large the inputs are: of many files some thousands are
opened, and each part of a file is read only until it has given its share.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest

from jobs.label.inputs import Source, warnings_about
from jobs.label.passages import Passage, Unit, order_of
from model.corpora import LabelledCorpus
from model.text.segmentation import Segmentation, tokenize_document
from pipeline.console.text import cause
from pipeline.inputs.formats import read_records
from pipeline.inputs.shards import open_shard, plan_shards
from schemas.errors import STOPS, RecordError, UsageError
from schemas.records import Document, Shard, TokenizedDocument

# Files that are looked at, of more some at random.
_MOST_SOURCES = 2000
# So many documents are read for each passage that is wanted, and no more characters than these.
_DOCUMENTS_EACH = 4
_CHARACTERS = 64_000_000
# Of one document, so that a book does not make up the pool.
_SENTENCES_EACH = 50
# A sentence of fewer words teaches little; of more, it is a table or a list.
_FEWEST_WORDS, _MOST_WORDS = 3, 200


@dataclass(frozen=True, slots=True)
class Pool:
    """The passages that were drawn, and what a person should know of where they are from."""

    passages: Sequence[Passage]
    documents: int
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Looked:
    """What was found out about the files while they were read."""

    takes_changed: bool
    gone: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)

    def warnings(self) -> Iterator[str]:
        yield from warnings_about(self.gone, self.changed, taken=self.takes_changed)
        for name, why in sorted(self.broken.items()):
            yield f"{name} was not read to where it was wanted: {why}"
        if self.dead:
            told = (
                f"{len(self.dead):,} of the records looked at cannot be read, the first of them: "
            )
            yield told + self.dead[0]


def draw(
    sources: Sequence[Source],
    segmentation: Segmentation,
    *,
    unit: Unit,
    size: int,
    seed: int,
    labelled: Collection[str],
    changed: bool = True,
) -> Pool:
    """Passages of the sources, as many as `size` sentences, but for those that are `labelled`.

    labelled: as `labelled_texts` gives them. changed: sources that a run read are drawn from also
    where they are not as it read them. Sources take turns, documents and sentences come in
    the order of `order_of`, and no text comes twice. Raises UsageError where no source is there
    any more.
    """
    looked = _Looked(takes_changed=changed)
    by_source: dict[str, list[Document]] = {}
    for document in _documents(sources, size, seed, looked):
        by_source.setdefault(document.source, []).append(document)
    if looked.gone and not by_source:
        raise UsageError(next(warnings_about(looked.gone, set())))
    queues = [
        sorted(documents, key=lambda document: order_of(document.text, seed))
        for _, documents in sorted(by_source.items(), key=lambda item: order_of(item[0], seed))
    ]
    passages_of = _sentences_of if unit == "sentence" else _whole
    passages: dict[str, Passage] = {}
    sentences = 0
    documents = 0
    for document in filter(None, chain.from_iterable(zip_longest(*queues))):
        if sentences >= size:
            break
        documents += 1
        try:
            cut = tokenize_document(document, segmentation)
        except RecordError:  # it has too many tokens
            continue
        for passage, count in passages_of(cut, seed):
            key = squeezed(passage.text)
            if key not in labelled and key not in passages:
                passages[key] = passage
                sentences += count
    return Pool(tuple(passages.values()), documents, tuple(looked.warnings()))


def squeezed(text: str) -> str:
    """A text without its white space: what is the same in a file of words and in running text."""
    return "".join(text.split())


def labelled_texts(corpora: Iterable[LabelledCorpus], segmentation: Segmentation) -> set[str]:
    """What was labelled, squeezed: sentences, documents, and the sentences cut in any of these."""
    corpora = list(corpora)
    words = (" ".join(sentence.words) for corpus in corpora for sentence in corpus.sentences)
    texts = (document.text for corpus in corpora for document in corpus.documents)
    return {each for text in chain(words, texts) for each in squeezed_texts(text, segmentation)}


def squeezed_texts(text: str, segmentation: Segmentation) -> Iterator[str]:
    """A text, and the sentences in which extraction would cut it, squeezed."""
    yield squeezed(text)
    cut = tokenize_document(Document("", "", 0, text), segmentation)
    for start, end in zip(cut.sentence_start.tolist(), cut.sentence_end.tolist(), strict=True):
        yield squeezed(text[start:end])


def _documents(
    sources: Sequence[Source], size: int, seed: int, looked: _Looked
) -> Iterator[Document]:
    """Documents of the sources, some of each of their parts."""
    some = sorted(sources, key=lambda source: order_of(source.name, seed))[:_MOST_SOURCES]
    parts = [(source, shard) for source in some for shard in _shards(source, looked)]
    parts.sort(key=lambda part: order_of(f"{part[1].start} {part[0].name}", seed))
    most = -(-_DOCUMENTS_EACH * size // max(len(parts), 1))
    characters = 0
    for source, shard in parts:
        share = _CHARACTERS // len(parts)
        for number, document in enumerate(_records(source, shard, looked), 1):
            characters += len(document.text)
            share -= len(document.text)
            yield document
            if number >= most or share <= 0:
                break
        if characters >= _CHARACTERS:
            return


def _shards(source: Source, looked: _Looked) -> list[Shard]:
    file = source.find()
    if file is None:
        looked.gone.add(source.name)
        return []
    if source.fingerprint not in (None, file.fingerprint):
        looked.changed.add(source.name)
        if not looked.takes_changed:
            return []
    return plan_shards([file], source.read)


def _records(source: Source, shard: Shard, looked: _Looked) -> Iterator[Document]:
    """The documents of a part, in its order; what breaks it off is noted."""
    try:
        with open_shard(shard.place, source.read.max_window_mb) as stream:
            for record in read_records(stream, shard, source.read):
                if source.unwanted(record):
                    continue
                if isinstance(record, Document):
                    yield record
                else:
                    looked.dead.append(f"{record.source}: {record.message}")
    except STOPS:
        raise
    except BaseException as error:  # noqa: BLE001 - filesystems and parsers raise what they like
        looked.broken[source.name] = cause(error)


def _whole(cut: TokenizedDocument, _seed: int) -> Iterator[tuple[Passage, int]]:
    """The document, and how many sentences it has; none where it is blank."""
    document = cut.document
    if cut.words:
        place = (document.doc_id, document.source, 0)
        passage = Passage(document.text, *place, tuple(cut.words), document.record)
        yield passage, len(cut.sentence_start)


def _sentences_of(cut: TokenizedDocument, seed: int) -> Iterator[tuple[Passage, int]]:
    """Some of the document's sentences, in the order of the seed."""
    document = cut.document
    found = []
    for number, (start, end) in enumerate(
        zip(cut.sentence_start.tolist(), cut.sentence_end.tolist(), strict=True)
    ):
        words = cut.words[cut.sentence_offsets[number] : cut.sentence_offsets[number + 1]]
        if _FEWEST_WORDS <= len(words) <= _MOST_WORDS:
            place = (document.doc_id, document.source, start)
            text = document.text[start:end]
            found.append(Passage(text, *place, tuple(words), document.record))
    found.sort(key=lambda passage: order_of(passage.text, seed))
    yield from ((passage, 1) for passage in found[:_SENTENCES_EACH])
