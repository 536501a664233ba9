"""How the words of a labelled corpus are cut, which extraction then does too."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

from model.corpora.records import LabelledCorpus, LabelledDocument
from model.text.scripts import count_without_blanks
from model.text.segmentation import TOKEN_STYLES, TokenStyle, split_word, token_offsets

# Of the words of GMB 3 % are whole only in the one style, of BC5CDR's none: it cuts everywhere.
_WHOLE_SHARE = 0.001


def cuts_characters(corpus: LabelledCorpus) -> bool:
    """Whether a corpus has text in scripts without blanks, which are cut into characters then."""
    words = {word for sentence in corpus.sentences for word in sentence.words}
    texts = (document.text for document in corpus.documents)
    return any(map(count_without_blanks, chain(words, texts)))


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A token style, and what speaks for it; nothing where it was asked for."""

    style: TokenStyle
    reason: str = ""


def token_style(corpus: LabelledCorpus, language: str) -> TokenChoice:
    """The token style that most of a corpus in a language (ISO 639-1) has.

    "fine" for other languages than English, whose titles and clitics "whole" goes by.

    Sentences: "whole" where at least one word in a thousand is so only in that style, and no more
    are cut that would be. Documents: "whole" unless more spans end within words that would be
    whole than cover such words.
    """
    if language != "en":
        return TokenChoice("fine", f"as whole words are those of English, not of {language!r}")
    if corpus.documents:
        covers, cuts = _votes_of_spans(corpus.documents)
        counts = f"{covers:,} spans cover words such as U.S., {cuts:,} end within"
        return TokenChoice("whole" if cuts <= covers else "fine", counts if covers or cuts else "")
    words = [sentence.words for sentence in corpus.sentences]
    kept, cut = _votes_of_words(words)
    is_whole = kept >= cut and kept >= _WHOLE_SHARE * sum(map(len, words))
    counts = f"{kept:,} words such as U.S. are whole, {cut:,} cut"
    return TokenChoice("whole" if is_whole else "fine", counts if kept or cut else "")


def _votes_of_spans(documents: Sequence[LabelledDocument]) -> tuple[int, int]:
    """How many spans cover words that are whole in the one style only, and how many cut one.

    Spans that begin or end within fine tokens speak for neither.
    """
    covers = cuts = 0
    for document in documents:
        (starts, ends), (first, last) = (
            (set(start.tolist()), set(end.tolist()))
            for start, end in map(partial(token_offsets, document.text), TOKEN_STYLES)
        )
        joins = sorted(starts - first)  # where a fine token begins, but no whole one
        for span in document.entities:
            if span.start not in starts or span.end not in ends:
                continue
            cut = span.start not in first or span.end not in last
            cuts += cut
            covers += not cut and bisect_left(joins, span.start) < bisect_left(joins, span.end)
    return covers, cuts


def _votes_of_words(sentences: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How many words are whole in the one style only, and how many such words stand in pieces."""
    known: dict[str, bool] = {}

    def is_joined(word: str) -> bool:
        if word not in known:
            known[word] = len(split_word(word)) > 1 and len(split_word(word, "whole")) == 1
        return known[word]

    kept = sum(is_joined(word) for words in sentences for word in words if not word.isalnum())
    cut = sum(is_joined(word) for words in sentences for word in _in_pieces(words))
    return kept, cut


def _in_pieces(words: Sequence[str]) -> Iterator[str]:
    """What words with a mark between them would be in one."""
    for before, mark, after in zip(words, words[1:], words[2:], strict=False):
        if len(mark) == 1 and not mark.isalnum() and before.isalnum() and after.isalnum():
            yield before + mark + after
