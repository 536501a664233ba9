"""The CSV of the well-known recipe, Kaggle's "Entity Annotated Corpus" (`ner_dataset.csv`)."""

import csv
import io
import itertools
from collections.abc import Iterator
from types import ModuleType

from model.corpora.records import LabelledCorpus, LabelledWord, broken, wrong_columns
from model.installation import install_command
from schemas.errors import UsageError

SENTENCE = "Sentence #"
WORD = "Word"
TAG = "Tag"
COLUMNS = (SENTENCE, WORD, TAG)
_LINE = "line"


def read_kaggle(path: str, text: str) -> LabelledCorpus:
    r"""The sentences of a CSV with the columns `Sentence #`, `Word` and `Tag`, others left out.

    Rows are grouped as in the recipe: the sentence column is filled down (a file that comes filled
    is the same), and rows of one sentence id are one sentence, `groupby("Sentence #")`, also where
    they are not adjacent. Unlike there, sentences keep the order in which they first appear.
    Words stay exactly as written, `None`, `NA`, `null` and `\x85` too. Tags of any scheme become
    IOB2. Raises CorpusError for the first row at fault (quoting, number of columns, a word or tag
    that is empty, an unknown tag, no sentence id so far), and UsageError without pandas.
    """
    pd = _pandas()
    frame = pd.DataFrame(_rows(path, text), columns=[_LINE, *COLUMNS])
    if frame.empty:
        raise broken(path, 1, "the file has a header and no rows")
    ids = frame[SENTENCE].str.strip(" ")
    ids = ids.where(ids != "").ffill()
    if ids.isna().any():
        raise broken(path, frame[_LINE].iloc[0], "no sentence id in this row, and none above it")
    words = zip(frame[_LINE], ids, frame[WORD], frame[TAG], strict=True)
    return LabelledCorpus.of_words(path, "kaggle", itertools.starmap(LabelledWord, words))


def _pandas() -> ModuleType:
    try:
        import pandas as pd
    except ImportError as error:
        raise UsageError(
            f"a Kaggle CSV is read with pandas, which is missing: {install_command('train')}"
        ) from error
    return pd


def _rows(path: str, text: str) -> Iterator[tuple[int | str, ...]]:
    """The line, sentence id, word and tag of each row, by the csv module in strict mode.

    pandas itself takes a first row that is too wide for one with an index, fills a short row up,
    counts rows instead of lines in its errors, and runs over rows after a stray quote.
    """
    # newline="": a quoted field keeps its line breaks, as in the file.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
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
                yield (line, *(row[position] for position in positions))
            line = reader.line_num + 1
    except csv.Error as error:
        raise broken(path, line, f"the row's quoting is broken: {error}") from error


def _check_header(path: str, line: int, header: list[str]) -> None:
    for name in COLUMNS:
        if header.count(name) != 1:
            fault = "no column" if name not in header else "more than one column"
            names = ", ".join(map(repr, header))
            raise broken(path, line, f"the header has {fault} {name!r}, it has {names}")
