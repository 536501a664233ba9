"""The CSV of the well-known recipe, Kaggle's "Entity Annotated Corpus" (`ner_dataset.csv`)."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from types import ModuleType
from typing import TYPE_CHECKING

from model.corpora.faults import Fault, broken, wrong_columns
from model.corpora.records import LabelledCorpus, LabelledWord, Remark
from model.corpora.tag_spelling import could_be_tag
from model.host.installation import install_command
from model.text.escaping import harmless
from schemas.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

SENTENCE = "Sentence #"
WORD = "Word"
TAG = "Tag"
COLUMNS = (SENTENCE, WORD, TAG)
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# How an empty cell is written, by pandas and others.
_EMPTY = frozenset({"", "nan", "na", "<na>", "null"})
_SCATTERED = 2  # rows at a stretch: sentences of text have more
_MANY = 3  # ids that come back; fewer are remarked on alone


@dataclass(frozen=True)
class _Header:
    """The folded names of the columns, and what parts them."""

    names: Sequence[str]
    delimiter: str

    def position(self, column: str) -> int:
        return self.names.index(_folded(column))


@dataclass(frozen=True)
class _Body:
    """What stands below the header, and how often the header stands there again.

    rows: a word each, by its line: `id` and `sentence` (from 0), `word`, `tag`, and whether the id
    stands there `again` below an empty cell. runs: a sentence each: its `id`, `line`, how many
    `words` it has, and `before`, the line where its id stood last, if it did.
    """

    rows: "pd.DataFrame"
    runs: "pd.DataFrame"
    faults: list[Fault]
    headers: int


def is_header(line: str) -> bool:
    """Whether a first line names columns of this format, in any case."""
    wanted = set(map(_folded, COLUMNS))
    columns = _split(line, _delimiter(line))
    return _folded(SENTENCE) in line.casefold() or (
        len(columns) > 1 and not wanted.isdisjoint(columns)
    )


def read_kaggle(path: str, text: str) -> LabelledCorpus:
    r"""The sentences of a CSV with the columns `Sentence #`, `Word` and `Tag`, others left out.

    The names may be in any case; commas, semicolons, tabs or bars part the columns, as the header
    has it. A sentence is a run of consecutive rows: a cell that is empty, or `nan` as pandas writes
    it, goes on with the sentence above, and an id that comes back after another sentence begins one
    of its own. Such ids are remarked on; where they come back row by row, the order of the words is
    lost, and the file is refused. A header that comes again ends a sentence and is left out. Words
    stay exactly as written, `None`, `NA`, `null` and `\x85` too. Tags of any scheme become IOB2.
    Raises CorpusError, with all rows at fault, and UsageError without pandas.
    """
    pd = _pandas()
    # newline="": a quoted field keeps its line breaks, as in the file.
    lines = io.StringIO(text, newline="").readlines()
    start = next(number for number, line in enumerate(lines) if line.strip())
    header = _header(path, lines[start], start + 1)
    body = _body(pd, lines, start + 1, header)
    if body.runs.empty and not body.faults:
        raise broken(path, 1, "the file has a header and no rows")
    _refuse_scattered(path, body.runs)
    rows = body.rows
    words = zip(rows.index.tolist(), rows["sentence"], rows["word"], rows["tag"], strict=True)
    rows_or_faults: list[LabelledWord | Fault] = [*body.faults, *starmap(LabelledWord, words)]
    corpus = LabelledCorpus.of_words(path, "kaggle", rows_or_faults)
    return corpus.with_facts(*_facts(header, body)).with_remarks(*_remarks(path, body))


def _pandas() -> ModuleType:
    try:
        import pandas as pd
    except ImportError as error:
        raise UsageError(
            f"a Kaggle CSV is read with pandas, which is missing: {install_command('train')}"
        ) from error
    return pd


def _header(path: str, line: str, number: int) -> _Header:
    delimiter = _delimiter(line)
    try:
        written = next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise broken(path, number, f"the row's quoting is broken: {error}") from error
    header = _Header(list(map(_folded, written)), delimiter)
    for name in COLUMNS:
        count = header.names.count(_folded(name))
        if count != 1:
            fault = "more than one column" if count else "no column"
            names = ", ".join(repr(name.strip()) for name in written)
            raise broken(path, number, f"the header has {fault} {name!r}, it has {names}")
    return header


def _body(pd: ModuleType, lines: Sequence[str], start: int, header: _Header) -> _Body:
    cells, faults = _cells(pd, lines, start, header)
    sentence, word, tag = (header.position(name) for name in COLUMNS)
    ids = cells[sentence]
    known = ids.unique()
    is_empty = ids.isin([name for name in known if name.strip(" ").casefold() in _EMPTY])
    likely = cells[ids.isin([name for name in known if _folded(name) == header.names[sentence]])]
    again = [list(map(_folded, row)) == header.names for row in likely.itertuples(index=False)]
    is_header = pd.Series(cells.index.isin(likely.index[again]), cells.index, dtype=bool)
    part = is_header.cumsum()
    rows = pd.DataFrame(
        {
            "id": ids.str.strip(" ").where(~is_empty & ~is_header).groupby(part).ffill(),
            "word": cells[word],
            "tag": cells[tag],
            "part": part,
            "empty": is_empty,
        }
    )[~is_header]
    lacking = rows["id"].isna()
    reason = "no sentence id in this row, and none above it"
    faults += [Fault(line, "row", reason) for line in rows.index[lacking].tolist()]
    rows = rows[~lacking]
    begins = (rows[["id", "part"]] != rows[["id", "part"]].shift()).any(axis=1)
    rows = rows.assign(
        sentence=begins.cumsum() - 1,
        again=~begins & ~rows["empty"] & rows["empty"].shift(fill_value=False),
    )
    runs = rows.loc[begins, ["id"]].assign(line=rows.index[begins])
    runs["words"] = rows["sentence"].value_counts(sort=False).sort_index().to_numpy()
    runs["before"] = runs.groupby("id")["line"].shift()
    return _Body(rows, runs, faults, int(is_header.sum()))


def _cells(
    pd: ModuleType, lines: Sequence[str], start: int, header: _Header
) -> tuple["pd.DataFrame", list[Fault]]:
    """The cells of each row that is not blank, by its line, and the rows at fault.

    pandas reads rows of one line each without anything odd, which is most files. Of others it drops
    quotes, fills up short rows, and counts rows instead of lines; they are read row by row.
    """
    columns = range(len(header.names))
    if all(map(_plain_row(header).fullmatch, lines[start:])):
        cells = pd.read_csv(
            io.StringIO("".join(lines[start:]) or "\n", newline=""),
            sep=header.delimiter,
            header=None,
            names=columns,
            index_col=False,
            dtype=str,
            na_filter=False,
            skip_blank_lines=False,
        )
        cells.index = pd.RangeIndex(start + 1, start + 1 + len(cells))
        return cells[(cells != "").any(axis=1)], []
    read = list(_rows(lines, start, header))
    whole = {line: row for line, row in read if not isinstance(row, Fault)}
    cells = pd.DataFrame(list(whole.values()), list(whole), columns, dtype=str)
    return cells, [row for _, row in read if isinstance(row, Fault)]


def _plain_row(header: _Header) -> re.Pattern[str]:
    """A line that is a whole row by itself, whose quotes are right, or that is blank."""
    odd = r'"\r\n\0\ufeff'
    mark = re.escape(header.delimiter)
    cell = f'(?:"(?:[^{odd}]|"")*"|[^{odd}{mark}]*)'
    row = f"{cell}(?:{mark}{cell}){{{len(header.names) - 1}}}"
    return re.compile(rf"(?:{row})?(?:\r\n|\n|\r)?")


def _rows(
    lines: Sequence[str], start: int, header: _Header
) -> Iterator[tuple[int, list[str] | Fault]]:
    """The number of the line and the cells of each row that is not blank, or its fault.

    A stray quote takes no row but its own along: reading goes on in the next line.
    """
    width = len(header.names)
    expected = f"{width} as in the header"
    while start < len(lines):
        # The reader is begun anew behind a stray quote, since it has read further by then.
        reader = csv.reader(_from(lines, start), delimiter=header.delimiter, strict=True)
        first = start
        while True:
            line = start + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, Fault(line, "row", f"the row's quoting is broken: {error}")
                break
            end = first + reader.line_num
            if end > line and _is_row(lines[start], header):
                reason = f"a quote that opens here runs over rows to line {end}: write it as "
                yield line, Fault(line, "row", reason + '""""')
                break
            if any(cells):
                too_wide = len(cells) != width
                reason = wrong_columns(len(cells), expected)
                yield line, Fault(line, "row", reason) if too_wide else cells
            start = end
        start += 1


def _from(lines: Sequence[str], start: int) -> Iterator[str]:
    for number in range(start, len(lines)):
        yield lines[number]


def _is_row(line: str, header: _Header) -> bool:
    """Whether a line is a row by itself, if quotes mean nothing."""
    cells = line.rstrip("\r\n").split(header.delimiter)
    return len(cells) == len(header.names) and could_be_tag(cells[header.position(TAG)])


def _refuse_scattered(path: str, runs: "pd.DataFrame") -> None:
    torn = runs[runs["id"].duplicated(keep=False)]
    returned = runs[runs["before"].notna()]
    is_many = len(returned) >= _MANY and 2 * len(torn) > len(runs)
    if is_many and torn["words"].sum() < _SCATTERED * len(torn):
        first = returned.iloc[0]
        raise broken(
            path,
            first["line"],
            f"the rows of sentence {first['id']!r} do not stand together: it is in line "
            f"{first['before']:.0f}, and again here, as are {torn['id'].nunique():,} of "
            f"{runs['id'].nunique():,} sentences, mostly row by row: the file is shuffled, or "
            "sorted by something else than its text, so sort it back",
        )


def _facts(header: _Header, body: _Body) -> Iterator[str]:
    if header.delimiter != ",":
        yield f"parted by {_DELIMITERS[header.delimiter]}"
    if body.headers:
        yield f"{body.headers:,} more header{'' if body.headers == 1 else 's'} left out"


def _remarks(path: str, body: _Body) -> Iterator[Remark]:
    path = harmless(path)
    rows, runs = body.rows, body.runs
    returned = runs[runs["before"].notna()]
    if len(returned):
        yield Remark(
            f"{len(returned):,} of {len(runs):,} sentences of {path} have an id that stood before, "
            "as where files were put together, and are read as sentences of their own: number them "
            "anew, or sort the rows by sentence if they belong together",
            _places(path, returned),
        )
    again = rows[rows["again"]]
    if len(again):
        begun = runs["line"].to_numpy()[again["sentence"]]
        yield Remark(
            f"{len(again):,} rows of {path} have the id of their own sentence below an empty "
            "one, and go on with it: number them anew if they begin another sentence",
            _places(path, again.assign(line=again.index, before=begun)),
        )
    broken_words = rows.index[rows["word"].str.contains(r"[\r\n]")]
    if len(broken_words):
        yield Remark(
            f"{len(broken_words):,} words of {path} hold a line break: see whether a quote before "
            "them is missing",
            tuple(f"{path}:{line}" for line in broken_words),
        )


def _places(path: str, found: "pd.DataFrame") -> tuple[str, ...]:
    """Where the ids of these rows stand, and where they stood before."""
    return tuple(
        f"{path}:{line}: {harmless(name)!r} stood in line {before:,.0f} too"
        for line, name, before in zip(found["line"], found["id"], found["before"], strict=True)
    )


def _delimiter(line: str) -> str:
    """The delimiter by which a line names most columns of this format."""
    wanted = set(map(_folded, COLUMNS))
    return max(_DELIMITERS, key=lambda mark: len(wanted.intersection(_split(line, mark))))


def _split(line: str, delimiter: str) -> list[str]:
    return [_folded(cell.strip('\r\n "')) for cell in line.split(delimiter)]


def _folded(name: str) -> str:
    return name.strip().casefold()
