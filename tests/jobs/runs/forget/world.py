"""Outputs of real runs over files of all formats, in which every word that is a secret is known."""

import contextlib
import gzip
import io
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipeline.extraction
import pipeline.stages.pad
import pipeline.stages.row_sinks
import pipeline.stages.tokenize
from jobs.runs.__main__ import run as runs
from model.tagger.tagger import Tagger
from pipeline.run import run
from schemas.errors import JobError, WorkerLostError

# A document whose text has one of these words fails at that stage, with an error that quotes it.
STAGES = ("PANICS", "UNPADDED", "UNTAGGED", "UNWRITTEN")


_Spoil = Callable[[dict[str, Any]], bytes]


def _with(**values: Any) -> _Spoil:
    return lambda row: json.dumps({**row, **values}).encode()


# What makes a record die, that is whole JSON and that is none.
_WHOLE: list[_Spoil] = [
    _with(text=None),
    _with(text=7),
    _with(year="\ud800"),
    lambda row: json.dumps({**row, "text": {"is": row["text"]}}).encode(),
    lambda row: json.dumps({**row, "id": [row["id"]]}).encode(),
    lambda row: json.dumps({**row, "note": row["text"] + "\ud800", "text": "\ud800"}).encode(),
    lambda row: json.dumps(row).encode().replace(b"Maria", b"Mar\xff"),
    lambda row: json.dumps([row]).encode(),
]
SPOILT: list[_Spoil] = [
    *_WHOLE,
    lambda row: json.dumps(row, ensure_ascii=False).encode()[:-2],
    lambda row: json.dumps(row, ensure_ascii=False).encode() + b"}",
]


@dataclass(frozen=True)
class Subject:
    """A record of a file, by the id under which it is forgotten; words: its secrets."""

    doc_id: str
    source: str
    words: frozenset[str]


class _PanicError(BaseException):
    """As libraries in Rust raise it."""


@dataclass
class World:
    """An output and its inputs below `place`, made of a seed.

    subjects: what can be forgotten by its id. names: of each file, by each path that can be given
    as `--source`, the words of its name and of all records that were read in it, and the sources
    that go with it. never: words of what is no record, which no run may have written down.
    """

    place: Path
    model: Path
    seed: int
    subjects: list[Subject] = field(default_factory=list)
    names: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    never: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.out = self.place / "out"

    def word(self) -> str:
        """A secret."""
        return f"zq{self.random.getrandbits(44):011x}qz"

    def extract(self, run_id: str, *flags: str) -> None:
        """One run; what it ends with is nobody's business here."""
        own = [f"--output={self.out}", f"--model={self.model}", f"--run_id={run_id}"]
        own += ["--direct_num_workers=1", "--keep_text=all", "--max_broken_files=1"]
        given = {flag.partition("=")[0] for flag in flags}
        usual = {"--keep_fields": "year", "--max_dead_letters": "1"}
        own += [f"{name}={value}" for name, value in usual.items() if name not in given]
        with contextlib.suppress(JobError):
            run([*own, *flags])

    # What stands in the files.

    def file(self, folder: str, ending: str) -> tuple[Path, set[str]]:
        """A new file with a secret name, and the set that its words are to be added to."""
        name = self.word()
        odd = self.random.choice(["", " é's", " & <b>", " 100%", " (1)"])
        path = self.place / folder / f"{name}{odd}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        words = {name}
        self.names[str(path)] = (words, {str(path)})
        return path, words

    def row(self, **more: Any) -> dict[str, Any]:
        """A record that can be read, all values of which are secrets."""
        doc_id: str = self.random.choice(
            [
                f"{self.word()}é",
                f'{self.word()} "x"/y',
                str(self.random.randrange(10**12, 10**13)),
                f"a,{self.word()}",
                self.word(),
            ]
        )
        text = f"Maria {self.word()} met {self.word()} in Lisbon, and said «{self.cyrillic()}»."
        return {"id": doc_id, "text": text, "year": self.word(), **more}

    def cyrillic(self) -> str:
        return "".join(self.random.choice("бвгджзклмнпрстфхцчш") for _ in range(12))

    def note(self, path: Path, row: dict[str, Any], doc_id: str | None = None) -> None:
        """Have a record be known, with every word in it."""
        words = words_of(json.dumps(row, ensure_ascii=False))
        own = str(row["id"]) if doc_id is None else doc_id
        self.names[str(path)][0].update(words)
        self.subjects.append(Subject(own, str(path), frozenset(words)))

    def objects(self, path: Path, spoilt: Sequence[_Spoil]) -> Iterator[bytes]:
        """Records of JSON that are good, and such as die of what they can die of."""
        for n in range(self.random.randrange(2, 5)):
            row = self.row(**{self.word(): n})
            self.note(path, row)
            yield json.dumps(row, ensure_ascii=bool(n % 2)).encode()
        stages = STAGES if "in/" in str(path) else self.random.sample(STAGES, 2)
        for stage in stages:
            row = self.row()
            row["text"] += f" {stage}"
            self.note(path, row)
            yield json.dumps(row).encode()
        for spoil in self.random.sample(spoilt, 4):
            row = self.row(**{self.word(): 1})
            self.note(path, row)
            yield spoil(row)

    def rows(self, path: Path, encoding: str) -> Iterator[bytes]:
        """Rows of csv below their header."""
        for n in range(8):
            row = self.row()
            if encoding == "latin-1":
                row["text"] = f"Maria {self.word()} left Málaga."
            self.note(path, row)
            quoted = [f'"{value.replace(chr(34), chr(34) * 2)}"' for value in row.values()]
            line = ",".join(quoted[: 2 if n == 1 else 3])
            line += f",{quoted[0]}" if n == 2 else ""
            line += "x" if n == 3 else ""
            data = (line + "\n").encode(encoding)
            yield data.replace(b"Maria", b"Mar\xff\xff") if n == 4 and encoding == "utf-8" else data

    def fill(self) -> None:
        """Write the files of the folder `in`."""
        path, _ = self.file("in", ".jsonl")
        path.write_bytes(b"\n".join(self.objects(path, SPOILT)) + b"\n")
        path, _ = self.file("in", ".json")
        path.write_bytes(b"[" + b",\n".join(self.objects(path, _WHOLE)) + b"]")
        path, _ = self.file("in", ".jsonl.gz")
        whole = gzip.compress(b"\n".join(self.objects(path, SPOILT)) + b"\n", mtime=0)
        path.write_bytes(whole[:-8] if self.random.random() < 0.5 else whole)
        path, _ = self.file("in", ".csv")
        path.write_bytes(b"id,text,year\n" + b"".join(self.rows(path, "utf-8")))
        for _ in range(3):
            path, _ = self.file("in", ".txt")
            row = self.row()
            self.note(path, {"id": "", "text": row["text"]}, f"{path}#0")
            path.write_text(row["text"])
        self._fill_tables()
        self._fill_what_is_no_record()

    def _fill_tables(self) -> None:
        path, _ = self.file("in", ".parquet")
        rows = [self.row() for _ in range(5)]
        for row in rows:
            self.note(path, row)
        columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]}
        columns["text"][1] = None
        texts = [None if text is None else text.encode() for text in columns["text"]]
        texts[2] = b"\xff" + (texts[2] or b"")
        pq.write_table(pa.table({**columns, "text": pa.array(texts, pa.binary())}), path)
        path, _ = self.file("in", ".avro")
        rows = [self.row() for _ in range(5)]
        rows[3]["text"] = None
        for row in rows:
            self.note(path, row)
        kinds = [{"name": name, "type": ["null", "string"]} for name in rows[0]]
        sink = io.BytesIO()
        fastavro.writer(sink, {"type": "record", "name": "Row", "fields": kinds}, rows)
        path.write_bytes(sink.getvalue())

    def _fill_what_is_no_record(self) -> None:
        """A table without a header, and objects without an array: nobody asked for their words."""
        lines = [[self.word() for _ in range(3)] for _ in range(2)]
        path, _ = self.file("in", ".csv")
        path.write_text("".join(",".join(line) + "\n" for line in lines))
        keys = [self.word() for _ in range(3)]
        other, _ = self.file("in", ".json")
        other.write_text(json.dumps({key: {"text": 1} for key in keys}))
        self.never.update(*lines, keys)

    def make(self) -> None:
        """Write the files, and have runs of every kind read them."""
        self.fill()
        folder = f"--input={self.place}/in"
        with _failing_stages():
            self.extract("first", folder)
            self._moved_and_linked()
            self._one_by_one()
            self._failed()
            self.extract("again", folder, "--keep_fields=year,absent")
            runs(["view", "--engine=trino", f"--output={self.out}"])
            self.extract("parts", f"--input={self.place}/more", "--commit_shards=1")
            self.extract("nothing", f"--input={self.place}/more", "--only_new")
            self.extract("gone", f"--input={self.place}/more")
        runs(["rollback", "gone", f"--output={self.out}"])
        letters = f"--input={self.out}/dead_letters/run_id=again"
        self.extract("repaired", letters, "--input_format=dead_letters")

    def _moved_and_linked(self) -> None:
        """A file that has a new name, and one that is a link."""
        old, _ = self.file("more", ".jsonl")
        old.write_bytes(b"\n".join(self.objects(old, SPOILT)) + b"\n")
        self.extract("before", f"--input={self.place}/more")
        new, words = self.file("more", ".jsonl")
        old.rename(new)
        both = (words | self.names[str(old)][0], {str(old), str(new)})
        self.names[str(old)] = self.names[str(new)] = both
        for subject in [one for one in self.subjects if one.source == str(old)]:
            self.subjects.append(Subject(subject.doc_id, str(new), subject.words))
        real, _ = self.file("elsewhere", ".jsonl")
        real.write_bytes(b"\n".join(self.objects(real, SPOILT)) + b"\n")
        link = self.place / "more" / f"{self.word()}.jsonl"
        link.symlink_to(real)
        words, _ = self.names[str(real)]
        words.add(link.stem)
        self.names[str(real)] = self.names[str(link)] = (words, {str(link)})
        self.subjects = [
            Subject(one.doc_id, str(link), one.words) if one.source == str(real) else one
            for one in self.subjects
        ]
        # The same file once more, behind it in their order: it is not read.
        word = self.word()
        twin = self.place / "more" / f"zz {word}.jsonl"
        twin.symlink_to(link.name)
        words.add(word)
        self.names[str(twin)] = (words, {str(link)})

    def _one_by_one(self) -> None:
        """Runs with files of their own: lines, and encodings; the files are named."""
        path, _ = self.file("alone", ".log")
        lines: list[str] = []
        for _ in range(4):
            text = f"Maria {self.word()} left Lisbon."
            offset = sum(len(line) + 1 for line in lines)
            self.note(path, {"id": "", "text": text}, f"{path}#{offset}")
            lines.append(text)
        path.write_text("\n".join(lines) + "\n")
        self.extract("lines", f"--input={path}", "--input_format=lines")
        path, _ = self.file("alone", ".csv")
        path.write_bytes(b"id,text,year\n" + b"".join(self.rows(path, "latin-1")))
        self.extract("latin", f"--input={path}", "--encoding=latin-1")
        path, _ = self.file("alone", ".jsonl")
        rows = [self.row(text=None), self.row(text=7), self.row()]
        for row in rows:
            self.note(path, row)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path.write_bytes(("\ufeff" + text).encode("utf-16-be"))
        self.extract("wide", f"--input={path}", "--encoding=utf-16")

    def _failed(self) -> None:
        """Runs that are refused, and such as fail with errors that quote all that there is."""
        path, _ = self.file("alone", ".jsonl")
        path.write_bytes(b"\n".join(self.objects(path, SPOILT)) + b"\n")
        self.extract("refused", f"--input={path}", "--max_dead_letters=0")
        self.extract("textless", f"--input={path}", "--text_field=absent", "--id_field=nope")
        quoted = " ".join(sorted(self.names[str(path)][0])) + f" in {path}"
        lost = WorkerLostError("a worker process died; its work is lost, and the run has no result")
        lost.add_note(f"log-1.txt\nthread panicked at `{quoted}`")
        for run_id, error in (("broken", ValueError(quoted)), ("lost", lost)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pipeline.extraction, "_run", _raising(error))
                self.extract(run_id, f"--input={path}")


def words_of(text: str) -> set[str]:
    """The secrets in a text."""
    return set(re.findall(r"zq[0-9a-f]{11}qz|[бвгджзклмнпрстфхцчш]{12}|\b[0-9]{13}\b", text))


def _raising(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@contextlib.contextmanager
def _failing_stages() -> Iterator[None]:
    """Let each stage fail at documents with its word, as libraries do that quote what they see."""

    def failing(work: Callable[..., Any], word: str, error: type[BaseException]) -> Any:  # noqa: ANN401
        def wrapped(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever is wrapped
            for text in _texts(given):
                if word in text:
                    raise error(f"it is inside {text} and `{text}`")
            return work(*given, **named)

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for owner, name, word, error in (
            (pipeline.stages.tokenize, "tokenize_document", "PANICS", _PanicError),
            (pipeline.stages.pad, "pad_documents", "UNPADDED", ValueError),
            (Tagger, "tag", "UNTAGGED", RuntimeError),
            (pipeline.stages.row_sinks, "document_rows", "UNWRITTEN", pa.ArrowInvalid),
        ):
            patch.setattr(owner, name, failing(getattr(owner, name), word, error))
        yield


def _texts(given: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """The texts of the documents in what a stage was given, whatever that is."""
    if isinstance(given, list | tuple):
        for part in given:
            yield from _texts(part)
    elif hasattr(given, "documents"):
        yield from _texts(given.documents)
    elif hasattr(given, "document"):
        yield given.document.text
    elif hasattr(given, "doc_id"):
        yield given.text
