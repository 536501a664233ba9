"""The CSV of the well-known recipe, Kaggle's "Entity Annotated Corpus" (`ner_dataset.csv`)."""

import csv
import io
from collections.abc import Iterator

from model.corpora.records import LabelledCorpus, LabelledWord, broken, wrong_columns

SENTENCE = "Sentence #"
WORD = "Word"
TAG = "Tag"
COLUMNS = (SENTENCE, WORD, TAG)


def read_kaggle(path: str, text: str) -> LabelledCorpus:
    r"""The sentences of a CSV with the columns `Sentence #`, `Word` and `Tag`, others left out.

    Rows are grouped as in the recipe: the sentence column is filled down (a file that comes filled
    is the same), and rows of one sentence id are one sentence, `groupby("Sentence #")`, also where
    they are not adjacent. Unlike there, sentences keep the order in which they first appear.
    Words stay exactly as written, `None`, `NA`, `null` and `\x85` too. Tags of any scheme become
    IOB2. Raises CorpusError for the first row at fault (quoting, number of columns, a word or tag
    that is empty, an unknown tag, no sentence id so far).
    """
    return LabelledCorpus.of_words(path, "kaggle", _words(path, text))


def _words(path: str, text: str) -> Iterator[LabelledWord]:
    # newline="": a quoted field keeps its line breaks, as in the file.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    sentence = ""
    line = 1
    try:
        for row in reader:
            if not row:
                pass  # a blank line
            elif not header:
                header = [name.strip() for name in row]
                _check_header(path, line, header)
                positions = [header.index(name) for name in COLUMNS]
            elif len(row) != len(header):
                expected = f"{len(header)} as in the header"
                raise broken(path, line, wrong_columns(len(row), expected))
            else:
                sentence_id, word, tag = (row[position] for position in positions)
                sentence = sentence_id.strip(" ") or sentence
                if not sentence:
                    raise broken(path, line, "no sentence id in this row, and none above it")
                yield LabelledWord(line, sentence, word, tag)
            line = reader.line_num + 1
    except csv.Error as error:
        raise broken(path, line, f"the row's quoting is broken: {error}") from error
    if not sentence:
        raise broken(path, 1, "the file has a header and no rows")


def _check_header(path: str, line: int, header: list[str]) -> None:
    for name in COLUMNS:
        if header.count(name) != 1:
            fault = "no column" if name not in header else "more than one column"
            names = ", ".join(map(repr, header))
            raise broken(path, line, f"the header has {fault} {name!r}, it has {names}")
