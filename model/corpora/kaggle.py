"""The CSV of the well-known recipe, Kaggle's "Entity Annotated Corpus" (`ner_dataset.csv`)."""

import csv
import io
from types import ModuleType
from typing import TYPE_CHECKING

from model.corpora.illegal_tags import illegal_tags
from model.corpora.records import LabelledCorpus, LabelledSentence, bad_tag, broken, wrong_columns
from model.tags import is_tag, scheme_of, to_iob2
from schemas.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

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
    that is empty, an unknown tag, no sentence id so far), and UsageError without pandas.
    """
    pd = _pandas()
    header, row_lines = _check_shape(path, text)
    positions = {name: header.index(name) for name in COLUMNS}
    # newline="" everywhere: a quoted field keeps its line breaks, as in the file.
    table = pd.read_csv(
        io.StringIO(text, newline=""),
        header=0,
        names=range(len(header)),  # by position: other columns may be unnamed or share a name
        index_col=False,
        usecols=list(positions.values()),
        dtype=str,
        keep_default_na=False,
        na_filter=False,
    )
    if len(table) != len(row_lines):
        raise broken(path, 1, f"read as {len(table)} rows and as {len(row_lines)}, check quoting")
    columns = table.rename(columns={position: name for name, position in positions.items()})
    _check_cells(path, columns, row_lines)
    ids = columns[SENTENCE].str.strip(" ")
    ids = ids.where(ids != "").ffill()
    if ids.isna().any():
        raise broken(path, row_lines[0], "no sentence id in this row, and none above it")
    # A dict groups GMB's 835,642 rows in 0.5 s, `groupby().agg(tuple)` in 7 s.
    sentences: dict[str, tuple[list[str], list[str], list[int]]] = {}
    cells = (ids.tolist(), columns[WORD].tolist(), columns[TAG].tolist(), row_lines)
    for sentence_id, word, tag, line in zip(*cells, strict=True):
        words, tags, lines = sentences.setdefault(sentence_id, ([], [], []))
        words.append(word)
        tags.append(tag)
        lines.append(line)
    scheme = scheme_of(tags for _, tags, _ in sentences.values())
    return LabelledCorpus(
        path=path,
        format="kaggle",
        scheme=scheme,
        sentences=tuple(
            LabelledSentence(tuple(words), tuple(to_iob2(tags)), lines[0])
            for words, tags, lines in sentences.values()
        ),
        illegal_tags=illegal_tags(((tags, lines) for _, tags, lines in sentences.values()), scheme),
    )


def _pandas() -> ModuleType:
    try:
        import pandas as pd
    except ImportError as error:
        raise UsageError(
            "a Kaggle CSV is read with pandas, which is missing: pip install 'gleaner[train]'"
        ) from error
    return pd


def _check_shape(path: str, text: str) -> tuple[list[str], list[int]]:
    """The names in the header, and the line on which each row begins.

    pandas takes a first row that is too wide for one with an index, fills a short row up, counts
    rows instead of lines in its errors, and runs over rows after a stray quote. So the csv module,
    in strict mode, looks first.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    row_lines: list[int] = []
    line = 1
    try:
        for row in reader:
            if not row:
                pass  # a blank line; pandas leaves it out too
            elif not header:
                header = [name.strip() for name in row]
                _check_header(path, line, header)
            elif len(row) != len(header):
                expected = f"{len(header)} as in the header"
                raise broken(path, line, wrong_columns(len(row), expected))
            else:
                row_lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise broken(path, line, f"the row's quoting is broken: {error}") from error
    if not row_lines:
        raise broken(path, 1, "the file has a header and no rows")
    return header, row_lines


def _check_header(path: str, line: int, header: list[str]) -> None:
    found = ", ".join(repr(name) for name in header)
    for name in COLUMNS:
        if header.count(name) != 1:
            fault = "no column" if name not in header else "more than one column"
            raise broken(path, line, f"the header has {fault} {name!r}, it has {found}")


def _check_cells(path: str, columns: "DataFrame", row_lines: list[int]) -> None:
    """Raise for the first row with an empty word, an empty tag or an unknown tag."""
    # Only spaces: "\x85" is white space to Python, and a word in GMB.
    empty_word = columns[WORD].str.strip(" ") == ""
    bad_tags = [tag for tag in columns[TAG].unique() if not is_tag(tag)]
    faulty = empty_word | columns[TAG].isin(bad_tags)
    if not faulty.any():
        return
    row = int(faulty.to_numpy().argmax())
    tag = columns[TAG].iloc[row]
    if empty_word.iloc[row]:
        reason = "the word is empty"
    elif not tag.strip(" "):
        reason = "the tag is empty"
    else:
        reason = bad_tag(tag)
    raise broken(path, row_lines[row], reason)
