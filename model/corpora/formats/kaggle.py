"""The CSV of the well-known recipe, Kaggle's "Entity Annotated Corpus" (`ner_dataset.csv`)."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from model.corpora.faults import Fault, broken, wrong_columns
from model.corpora.records import LabelledCorpus, LabelledWord, Remark
from model.tags import is_tag
from model.text.escaping import harmless

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


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive rows of one sentence; `again` is where its id stands below an empty cell."""

    sentence_id: str
    words: list[tuple[int, str, str]]  # line, word and tag
    again: list[int]

    @property
    def line(self) -> int:
        return self.words[0][0]


@dataclass
class _Body:
    """What stands below the header, and how often the header stands there again."""

    runs: list[_Run] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    headers: int = 0


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
    Raises CorpusError, with all rows at fault.
    """
    # newline="": a quoted field keeps its line breaks, as in the file.
    lines = io.StringIO(text, newline="").readlines()
    start = next(number for number, line in enumerate(lines) if line.strip())
    header = _header(path, lines[start], start + 1)
    body = _body(lines, start + 1, header)
    if not body.runs and not body.faults:
        raise broken(path, 1, "the file has a header and no rows")
    returned = _returned(body.runs)
    _refuse_scattered(path, body.runs, returned)
    words = (
        LabelledWord(line, number, word, tag)
        for number, run in enumerate(body.runs)
        for line, word, tag in run.words
    )
    return replace(
        LabelledCorpus.of_words(path, "kaggle", [*body.faults, *words]),
        facts=tuple(_facts(header, body)),
        remarks=tuple(_remarks(path, body.runs, returned)),
    )


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


def _body(lines: Sequence[str], start: int, header: _Header) -> _Body:
    body = _Body()
    positions = [header.position(name) for name in COLUMNS]
    run: _Run | None = None
    is_below_empty = False
    for line, cells in _rows(lines, start, header):
        if isinstance(cells, Fault):
            body.faults.append(cells)
            continue
        if list(map(_folded, cells)) == header.names:
            body.headers += 1
            run = None
            continue
        sentence_id, word, tag = (cells[position] for position in positions)
        sentence_id = sentence_id.strip(" ")
        is_empty = sentence_id.casefold() in _EMPTY
        if is_empty and run is None:
            reason = "no sentence id in this row, and none above it"
            body.faults.append(Fault(line, "row", reason))
            continue
        if run is None or not (is_empty or sentence_id == run.sentence_id):
            run = _Run(sentence_id, [], [])
            body.runs.append(run)
        elif is_below_empty and not is_empty:
            run.again.append(line)
        run.words.append((line, word, tag))
        is_below_empty = is_empty
    return body


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
    return len(cells) == len(header.names) and is_tag(cells[header.position(TAG)])


def _returned(runs: Sequence[_Run]) -> list[tuple[_Run, _Run]]:
    """The runs whose id stood before, each behind the run where it stood last."""
    last: dict[str, _Run] = {}
    returned = []
    for run in runs:
        if run.sentence_id in last:
            returned.append((last[run.sentence_id], run))
        last[run.sentence_id] = run
    return returned


def _refuse_scattered(
    path: str, runs: Sequence[_Run], returned: Sequence[tuple[_Run, _Run]]
) -> None:
    counts = Counter(run.sentence_id for run in runs)
    torn = [run for run in runs if counts[run.sentence_id] > 1]
    rows = sum(len(run.words) for run in torn)
    is_many = len(returned) >= _MANY and 2 * len(torn) > len(runs)
    if is_many and rows < _SCATTERED * len(torn):
        before, run = returned[0]
        ids = sum(count > 1 for count in counts.values())
        raise broken(
            path,
            run.line,
            f"the rows of sentence {run.sentence_id!r} do not stand together: it is in line "
            f"{before.line}, and again here, as are {ids:,} of {len(counts):,} sentences, mostly "
            "row by row: the file is shuffled, or sorted by something else than its text, so sort "
            "it back",
        )


def _facts(header: _Header, body: _Body) -> Iterator[str]:
    if header.delimiter != ",":
        yield f"parted by {_DELIMITERS[header.delimiter]}"
    if body.headers:
        yield f"{body.headers:,} more header{'' if body.headers == 1 else 's'} left out"


def _remarks(
    path: str, runs: Sequence[_Run], returned: Sequence[tuple[_Run, _Run]]
) -> Iterator[Remark]:
    path = harmless(path)
    if returned:
        yield Remark(
            f"{len(returned):,} of {len(runs):,} sentences of {path} have an id that stood before, "
            "as where files were put together, and are read as sentences of their own: number them "
            "anew, or sort the rows by sentence if they belong together",
            tuple(_place(path, run, run.line, before.line) for before, run in returned),
        )
    again = [(run, line) for run in runs for line in run.again]
    if again:
        yield Remark(
            f"{len(again):,} rows of {path} have the id of their own sentence below an empty "
            "one, and go on with it: number them anew if they begin another sentence",
            tuple(_place(path, run, line, run.line) for run, line in again),
        )
    broken_words = [
        line for run in runs for line, word, _ in run.words if "\n" in word or "\r" in word
    ]
    if broken_words:
        yield Remark(
            f"{len(broken_words):,} words of {path} hold a line break: see whether a quote before "
            "them is missing",
            tuple(f"{path}:{line}" for line in broken_words),
        )


def _place(path: str, run: _Run, line: int, before: int) -> str:
    return f"{path}:{line}: {harmless(run.sentence_id)!r} stood in line {before:,} too"


def _delimiter(line: str) -> str:
    """The delimiter by which a line names most columns of this format."""
    wanted = set(map(_folded, COLUMNS))
    return max(_DELIMITERS, key=lambda mark: len(wanted.intersection(_split(line, mark))))


def _split(line: str, delimiter: str) -> list[str]:
    return [_folded(cell.strip('\r\n "')) for cell in line.split(delimiter)]


def _folded(name: str) -> str:
    return name.strip().casefold()
