"""Text -> sentences -> tokens, with exact code-point offsets.

Sentences come from `model.text.sentences`. A token is a maximal run of word characters (letters,
digits, underscore, soft hyphens and the marks that combine with them) or one other visible
character: the finest split that labelled corpora agree on, so text that was tokenized by others is
cut the same way again. That is the style "fine". In the style "whole", tokens that make one word of
English spelling, such as `U.S.`, `Mr.` or `al-Qaida`, are joined, and no sentence ends behind a
title (`model.text.word_joining`). With `characters`, each letter of a script that puts no blanks
between words is a token of its own, with the marks that combine with it (`model.text.scripts`).
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal, get_args, overload

import numpy as np
from numpy.typing import NDArray

from model.text.composition import SOFT_HYPHEN, composed, is_composed
from model.text.languages import LANGUAGES
from model.text.scripts import has_no_blanks
from model.text.sentences import break_starts, sentence_starts
from model.text.word_joining import JoinedTokens, join_tokens
from schemas.errors import ArtifactError, RecordError
from schemas.records import Document, Ints, TokenizedDocument

# Since version 2, `characters` and a language that has rules.
SEGMENTATION_VERSION = 2
_READ_VERSIONS = (1, SEGMENTATION_VERSION)
TokenStyle = Literal["fine", "whole"]
TOKEN_STYLES: tuple[TokenStyle, ...] = get_args(TokenStyle)

# A mark continues a word; a character is a letter of a script without blanks.
_SPACE, _OTHER, _WORD, _MARK, _CHARACTER = range(5)
_PLANE = 0x10000

# What a document may have, and what of it is written out at once: as a string, a token takes 60
# bytes, and 8 by its offsets.
MOST_TOKENS = 16_000_000
_PART_TOKENS, _PART_CHARACTERS = 2**16, 2**20


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How text is cut; stored with a model, since a model is only as good as its tokens.

    language: whose rules cut sentences, one of `LANGUAGES`. In models of version 1 it may be any,
    since unknown ones had the rules of English.
    tokens: "fine" cuts at every punctuation mark; "whole" keeps words such as `U.S.` whole.
    max_sentence_tokens: text without sentence ends is cut here, so that memory stays bounded.
    characters: whether scripts that put no blanks between words are cut into characters.
    """

    language: str = "en"
    tokens: TokenStyle = "fine"
    max_sentence_tokens: int = 4096
    version: int = SEGMENTATION_VERSION
    characters: bool = False

    def __post_init__(self) -> None:
        if self.version not in _READ_VERSIONS:
            raise ArtifactError(
                f"segmentation version {self.version} is not one that this release reads "
                f"({' or '.join(map(str, _READ_VERSIONS))}): the model would see other tokens than "
                "in training"
            )
        if self.version > 1 and self.language not in LANGUAGES:
            raise ValueError(f"language is {self.language!r}, expected a code that has rules")
        if self.tokens not in TOKEN_STYLES:
            raise ValueError(f"tokens is {self.tokens!r}, expected {' or '.join(TOKEN_STYLES)}")
        if self.max_sentence_tokens < 1:
            raise ValueError(f"max_sentence_tokens is {self.max_sentence_tokens}, expected >= 1")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def tokenize_document(document: Document, segmentation: Segmentation) -> TokenizedDocument:
    """Cut a document into sentences and tokens; offsets are code points of its text.

    Raises RecordError for one of more than 16,000,000 tokens.
    """
    text = document.text
    starts, ends, titles = _tokens(text, segmentation.tokens, segmentation.characters)
    offsets = _sentence_offsets(text, starts, ends, titles, segmentation)
    first, last = offsets[:-1], offsets[1:] - 1
    return TokenizedDocument(
        document=document,
        words=_Words(text, starts, ends),
        token_start=starts,
        token_end=ends,
        sentence_offsets=offsets,
        sentence_start=starts[first],
        sentence_end=ends[last],
    )


def token_offsets(
    text: str, style: TokenStyle = "fine", *, characters: bool = False
) -> tuple[Ints, Ints]:
    """Start and end of every token of `text` in code points, each of shape (token,)."""
    starts, ends, _ = _tokens(text, style, characters)
    return starts, ends


def _tokens(text: str, style: TokenStyle, characters: bool) -> JoinedTokens:
    starts, ends = _fine_offsets(text, characters)
    if style == "whole":
        return join_tokens(text, starts, ends)
    return JoinedTokens(starts, ends, np.zeros(len(starts), np.bool_))


def _fine_offsets(text: str, characters: bool) -> tuple[Ints, Ints]:
    kinds = _kinds(text)
    word = np.zeros(len(kinds) + 2, np.bool_)  # what is beyond the text is no word
    np.greater_equal(kinds, _WORD, out=word[1:-1])
    within, other = word[1:-1], kinds == _OTHER
    # A word begins where none was before, and ends where none goes on.
    is_start, is_end = within > word[:-2], within > word[2:]
    if characters and not text.isascii():  # or between two characters of what else was one word
        cuts = np.append(_character_starts(kinds), np.False_)
        is_start |= within & cuts[:-1]
        is_end |= within & cuts[1:]
    is_start |= other
    is_end |= other
    if len(text) > MOST_TOKENS and (tokens := np.count_nonzero(is_start)) > MOST_TOKENS:
        raise RecordError(
            f"The document has {tokens:,} tokens, more than the {MOST_TOKENS:,} that one may have."
        )
    starts, ends = (np.flatnonzero(mask).astype(np.int32) for mask in (is_start, is_end))
    ends += 1
    return starts, ends


def _character_starts(kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a token begins that is a character, or a word behind one; a mark begins none."""
    letters = np.where(kinds != _MARK, np.arange(len(kinds)), 0)
    bases = kinds[np.maximum.accumulate(letters)]  # of each mark, what it combines with
    behind = np.append(False, bases[:-1] == _CHARACTER)
    starts: NDArray[np.bool_] = (kinds == _CHARACTER) | ((kinds == _WORD) & behind)
    return starts


def document_of_words(words: Sequence[str]) -> TokenizedDocument:
    """A tokenized sentence as a document: its text is the words, with a blank between them."""
    lengths = np.fromiter(map(len, words), np.int32, len(words))
    ends = np.cumsum(lengths + 1) - 1
    starts = ends - lengths
    return TokenizedDocument(
        document=Document("", "", 0, " ".join(words)),
        words=words,
        token_start=starts.astype(np.int32),
        token_end=ends.astype(np.int32),
        sentence_offsets=np.array([0, len(words)], np.int32),
        sentence_start=starts[:1].astype(np.int32),
        sentence_end=ends[-1:].astype(np.int32),
    )


def split_word(word: str, style: TokenStyle = "fine", *, characters: bool = False) -> list[str]:
    """The tokens that extraction would cut `word` into; of a blank word, the word itself."""
    if word.isalnum() and (not characters or word.isascii()):
        return [word]
    return _slices(word, *token_offsets(word, style, characters=characters)) or [word]


def _slices(text: str, starts: Ints, ends: Ints) -> list[str]:
    return [text[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class _Words(Sequence[str]):
    """The tokens of a text, each of which becomes a string when it is asked for."""

    text: str
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self.starts), _PART_TOKENS):
            yield from self[first : first + _PART_TOKENS]

    @overload
    def __getitem__(self, position: int) -> str: ...
    @overload
    def __getitem__(self, position: slice) -> list[str]: ...
    def __getitem__(self, position: int | slice) -> str | list[str]:
        if isinstance(position, slice):
            return _slices(self.text, self.starts[position], self.ends[position])
        return self.text[self.starts[position] : self.ends[position]]


def _sentence_offsets(
    text: str, starts: Ints, ends: Ints, titles: NDArray[np.bool_], segmentation: Segmentation
) -> Ints:
    """Boundaries of the sentences in tokens, (sentence + 1,); sentences without token vanish."""
    tokens = len(starts)
    if not tokens:
        return np.zeros(1, np.int32)
    if not is_composed(text):
        text, starts = _composed_text(text, starts, ends)
    # A sentence begins with the first token that starts at or after its boundary.
    splits = np.fromiter(sentence_starts(text, segmentation.language), np.int64)
    is_bound = np.zeros(tokens + 1, np.bool_)
    is_bound[np.searchsorted(starts, splits)] = True
    is_bound[1:] &= ~titles  # no sentence begins behind one
    if breaks := list(break_starts(text)):
        is_bound[np.searchsorted(starts, breaks)] = True
    is_bound[[0, tokens]] = True
    bounds = np.flatnonzero(is_bound)
    return _cap_lengths(bounds, segmentation.max_sentence_tokens).astype(np.int32)


def _composed_text(text: str, starts: Ints, ends: Ints) -> tuple[str, Ints]:
    """The text with its tokens composed, and where they start in it: one form has one cut."""
    pieces = []
    end = shift = 0
    changed, shifts = [0], [0]  # from which token on starts are shifted, and by how much
    for number, word in enumerate(_Words(text, starts, ends)):
        new = composed(word)
        if new != word:
            start = int(starts[number])
            pieces += [text[end:start], new]
            end = start + len(word)
            shift += len(new) - len(word)
            changed.append(number + 1)
            shifts.append(shift)
    counts = np.diff([*changed, len(starts)])
    return "".join([*pieces, text[end:]]), starts + np.repeat(np.array(shifts, np.int32), counts)


def _cap_lengths(bounds: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    if (np.diff(bounds) <= longest).all():
        return bounds
    counts = -(-np.diff(bounds) // longest)  # (sentence,) pieces of each
    first = np.cumsum(counts) - counts
    within = np.arange(counts.sum()) - np.repeat(first, counts)
    return np.append(np.repeat(bounds[:-1], counts) + longest * within, bounds[-1])


def _kinds(text: str) -> NDArray[np.uint8]:
    """Kind of every code point of `text`, (character,)."""
    if text.isascii():
        return np.frombuffer(text.encode().translate(_ascii_kinds()), np.uint8)
    if len(text) <= _PART_CHARACTERS:
        return _kinds_of_part(text)
    firsts = range(0, len(text), _PART_CHARACTERS)
    return np.concatenate([_kinds_of_part(text[n : n + _PART_CHARACTERS]) for n in firsts])


def _kinds_of_part(text: str) -> NDArray[np.uint8]:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds: NDArray[np.uint8] = _plane_kinds()[np.minimum(codes, _PLANE - 1)]
    if (beyond := codes >= _PLANE).any():
        distinct, positions = np.unique(codes[beyond], return_inverse=True)
        of_distinct = [_kind(chr(code)) for code in distinct.tolist()]
        kinds[beyond] = np.array(of_distinct, np.uint8)[positions]
    return kinds


@cache
def _ascii_kinds() -> bytes:
    """Kinds of the first 128 code points, as `translate` takes them."""
    return bytes(map(_kind, map(chr, range(128)))).ljust(256)


@cache
def _plane_kinds() -> NDArray[np.uint8]:
    """Kinds of the first 65,536 code points; made once per process in about 20 ms."""
    return np.array([_kind(chr(code)) for code in range(_PLANE)], np.uint8)


def _kind(character: str) -> int:
    if character.isspace():
        return _SPACE
    if unicodedata.category(character)[0] == "M":
        return _MARK
    if has_no_blanks(character):
        return _CHARACTER
    if character.isalnum() or character in ("_", SOFT_HYPHEN):
        return _WORD
    return _OTHER


def retokenize(
    words: Sequence[str],
    tags: Sequence[str],
    style: TokenStyle = "fine",
    *,
    characters: bool = False,
) -> tuple[list[str], list[str]]:
    """Cut labelled words as extraction would, with their IOB2 tags.

    The tokens of one word carry its tag; of a `B-X` word only the first keeps the `B-`.
    """
    new_words: list[str] = []
    new_tags: list[str] = []
    for word, tag in zip(words, tags, strict=True):
        tokens = split_word(word, style, characters=characters)
        new_words += tokens
        inside = "I-" + tag[2:] if tag.startswith("B-") else tag
        new_tags += [tag] + [inside] * (len(tokens) - 1)
    return new_words, new_tags
