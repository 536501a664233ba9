"""The start without a model: a list of a few terms for each label finds the first passages."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.label.choice import choose
from jobs.label.passages import Candidate, Passage
from model.host.regular_files import open_regular
from model.tags import Span, is_label
from model.text.composition import composed
from model.text.segmentation import Segmentation, split_word, tokenize_document
from pipeline.console.text import listed
from schemas.errors import UsageError
from schemas.records import Document, Floats

_COLUMNS = ("term", "label")
_FLAG = "--seed_labels"
# The share of passages without a term: from these, too, a model learns what is no entity.
_CONTRAST = 0.2


@dataclass(frozen=True, slots=True)
class SeedTerms:
    """Terms and their labels, ready to be found in texts; warnings: what of the list is odd.

    A term in lower case stands for any case of it, another for itself alone.
    """

    labels: tuple[str, ...]
    by_first_word: Mapping[str, Sequence[tuple[tuple[str, ...], str]]]
    warnings: tuple[str, ...] = ()

    def spans(self, passage: Passage, segmentation: Segmentation) -> list[Span]:
        """Where terms stand in a passage as whole tokens, in its code points; none overlap.

        Of terms that begin at the same token the longest counts.
        """
        cut = tokenize_document(
            Document(passage.doc_id, passage.source, 0, passage.text), segmentation
        )
        words = list(map(composed, cut.words))
        found = []
        position = 0
        while position < len(words):
            match = self._match(words, position)
            if match is None:
                position += 1
                continue
            length, label = match
            last = position + length - 1
            start, end = int(cut.token_start[position]), int(cut.token_end[last])
            found.append(Span(start, end, label))
            position += length
        return found

    def _match(self, words: Sequence[str], position: int) -> tuple[int, str] | None:
        for term, label in self.by_first_word.get(words[position].lower(), ()):
            stretch = words[position : position + len(term)]
            if len(stretch) == len(term) and all(map(_is_spelt, stretch, term)):
                return len(term), label
        return None


def _is_spelt(word: str, term: str) -> bool:
    return word == term or (term.islower() and word.lower() == term)


def read_seed_terms(path: str, segmentation: Segmentation) -> SeedTerms:
    """A csv with the columns `term` and `label`, or JSON lines with these keys.

    Raises UsageError, which names the line, for what is neither.
    """
    try:
        with open_regular(path) as stream:
            text = stream.readall().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{_FLAG} {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{_FLAG} {path} is not UTF-8") from error
    lines = text.splitlines()
    rows = _json_rows(path, lines) if text.lstrip().startswith("{") else _csv_rows(path, lines)
    terms: dict[tuple[str, ...], str] = {}
    several: list[str] = []
    for line, term, label in rows:
        where = f"{_FLAG} {path}:{line}"
        if not is_label(label):
            raise UsageError(f"{where}: the label is {label!r}, expected a name")
        words = tuple(
            word
            for part in term.split()
            for word in split_word(
                composed(part), segmentation.tokens, characters=segmentation.characters
            )
        )
        if not words:
            raise UsageError(f"{where}: the term is empty")
        if terms.setdefault(words, label) != label:
            several.append(term)
    if not terms:
        raise UsageError(f"{_FLAG} {path} holds no term")
    by_first_word: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
    for words, label in sorted(terms.items(), key=lambda item: (-len(item[0]), item[0])):
        by_first_word[words[0].lower()].append((words, label))
    labels = tuple(sorted(set(terms.values())))
    told = f"terms with several labels are shown with the first: {listed(several)}"
    return SeedTerms(labels, dict(by_first_word), (told,) if several else ())


def choose_by_terms(
    terms: SeedTerms,
    found: Sequence[tuple[Passage, Sequence[Span]]],
    budget: int,
    seed: int,
) -> list[Candidate]:
    """Passages and the terms in them in; those to label first out, with some that have no term.

    Every term that is in a passage is worth as much.
    """
    candidates = [_candidate(terms, passage, spans) for passage, spans in found]
    with_terms = [each for each in candidates if each.features]
    without = [each for each in candidates if not each.features]
    contrast = min(round(_CONTRAST * budget), len(without))
    chosen = choose(with_terms, budget - contrast, seed)
    return chosen + choose(without, budget - len(chosen), seed, chosen)


def _candidate(terms: SeedTerms, passage: Passage, spans: Sequence[Span]) -> Candidate:
    of_term = {passage.text[span.start : span.end].casefold(): span.label for span in spans}
    worth: Floats = np.zeros((len(of_term), len(terms.labels)), np.float32)
    for row, label in enumerate(of_term.values()):
        worth[row, terms.labels.index(label)] = 1
    return Candidate(passage, tuple(of_term), worth)


def _csv_rows(path: str, lines: Sequence[str]) -> Iterable[tuple[int, str, str]]:
    reader = csv.reader(lines)
    header = [name.strip() for name in next(reader, [])]
    if not set(_COLUMNS) <= set(header):
        raise UsageError(
            f"{_FLAG} {path}:1: the columns are {', '.join(header) or 'missing'}, expected a "
            "header with term and label"
        )
    columns = [header.index(name) for name in _COLUMNS]
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            found = f"{len(row)} columns, expected {len(header)}"
            raise UsageError(f"{_FLAG} {path}:{reader.line_num}: {found}")
        term, label = (row[column].strip() for column in columns)
        yield reader.line_num, term, label


def _json_rows(path: str, lines: Sequence[str]) -> Iterable[tuple[int, str, str]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise UsageError(f"{_FLAG} {path}:{number}: invalid JSON: {error}") from error
        match value:
            case {"term": str(term), "label": str(label)}:
                yield number, term.strip(), label.strip()
            case _:
                raise UsageError(
                    f"{_FLAG} {path}:{number}: expected an object with the texts term and label"
                )
