"""How many tokens a second a tagger tags."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, cycle
from typing import Any, TypeVar

import numpy as np

from model.host.system import processor_name
from model.tagger.padding import pad_documents
from model.tagger.tagger import Tagger
from model.text.segmentation import document_of_words, tokenize_document
from schemas.records import Document, TaggedDocument, TokenizedDocument

Clock = Callable[[], float]  # seconds that the process has had of all cores
Text = TypeVar("Text", bound=Sequence[object])

# That are tagged at once. Of 10,000 each takes 8% longer, of 60,000 2% less.
_TOKENS = 20_000
_CHARACTERS = 5  # a token has with the blank behind it, about
_SECONDS = 0.3  # of the processor, that are measured at least


@dataclass(frozen=True)
class Speed:
    """Tokens that one core tags in a second: by the time of the processor, that of all threads.

    So what else the machine does meanwhile changes it little, and so does the number of threads.
    from_text: whether cutting the text into tokens and padding count too; else it is the tagger
    alone: network, decoding and confidence. processor: its name.
    """

    tokens_per_second: int
    from_text: bool
    processor: str

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "cores": 1}


def tagging_speed(
    tagger: Tagger, sentences: Sequence[Sequence[str]], clock: Clock = time.process_time
) -> Speed | None:
    """That of the tagger alone on tokenized sentences; None where they hold no token.

    It takes about half a second. The words were met before, as most of a large collection are.
    """
    batch = pad_documents([_one_document(sample(sentences, _TOKENS))])
    return _measured(lambda: tagger.tag(batch), clock, from_text=False)


def reading_speed(
    tagger: Tagger, texts: Sequence[str], clock: Clock = time.process_time
) -> Speed | None:
    """That of the way from raw texts to entities; else as `tagging_speed`."""
    segmentation = tagger.artifact.segmentation
    documents = [Document("", "", 0, text) for text in sample(texts, _CHARACTERS * _TOKENS)]

    def read() -> list[TaggedDocument]:
        tokenized = [tokenize_document(document, segmentation) for document in documents]
        return tagger.tag(pad_documents(tokenized))

    return _measured(read, clock, from_text=True)


def _measured(
    work: Callable[[], list[TaggedDocument]], clock: Clock, *, from_text: bool
) -> Speed | None:
    # The first time is not measured: the network is traced, and what it keeps of words computed.
    tokens = sum(document.tokens for document in work())
    if not tokens:
        return None
    rounds, seconds, started = 0, 0.0, clock()
    while seconds < _SECONDS:
        work()
        rounds += 1
        seconds = clock() - started
    return Speed(round(rounds * tokens / seconds), from_text, processor_name())


def _one_document(sentences: Sequence[Sequence[str]]) -> TokenizedDocument:
    """Tokenized sentences as one document: a row of results for each of them takes time too."""
    document = document_of_words(list(chain.from_iterable(sentences)))
    lengths = [len(words) for words in sentences]
    offsets = np.cumsum([0, *lengths], dtype=np.int32)
    return replace(
        document,
        sentence_offsets=offsets,
        sentence_start=document.token_start[offsets[:-1]],
        sentence_end=document.token_end[offsets[1:] - 1],
    )


def sample(texts: Sequence[Text], length: int) -> list[Text]:
    """Texts of about this length in all, and of less than twice it.

    Every n-th of many; few, again and again; the beginning of one that is longer by itself.
    """
    parts: list[Text] = [text[:length] for text in texts if text]  # type: ignore[misc]  # of its kind
    every = max(1, sum(map(len, parts)) // length)
    chosen: list[Text] = []
    missing = length
    for part in cycle(parts[::every]):
        if missing <= 0:
            break
        chosen.append(part)
        missing -= len(part)
    return chosen
