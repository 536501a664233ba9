"""An output as it looks after two nights: what the cookbook asks about, and what readers read."""

import gzip
import json
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import pytest

import pipeline
from jobs.resolve.__main__ import run as resolve
from jobs.runs.__main__ import run as look_after
from pipeline.run import run as extract

CORPUS = Path(pipeline.__file__).parent / "bundled"
FIRST, LAST = datetime(2026, 11, 9, 2, tzinfo=UTC), datetime(2026, 11, 23, 2, tzinfo=UTC)


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory, kept_taggers: None) -> Path:
    """The folder in which `out` is: the bundled corpus and a few broken files, two weeks apart."""
    folder = tmp_path_factory.mktemp("nights")
    inputs = folder / "in"
    inputs.mkdir()
    for name in ("letters", "news"):
        (inputs / f"{name}.jsonl").write_bytes((CORPUS / f"{name}.jsonl").read_bytes())
    _extract(folder, FIRST)
    (inputs / "minutes.jsonl").write_bytes((CORPUS / "minutes.jsonl").read_bytes())
    _add_a_letter(inputs / "letters.jsonl")
    _write_scans(inputs / "scans.jsonl")
    _write_archive(inputs / "archive.jsonl.gz")
    _extract(folder, LAST)
    assert look_after(["view", f"--output={folder}/out"]) == 0
    assert resolve([f"--output={folder}/out"]) == 0
    return folder


def _extract(folder: Path, started: datetime) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls.fromisoformat(started.isoformat())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.extraction.datetime", Clock)
        patch.setattr("pipeline.outputs.manifest.datetime", Clock)
        flags = [f"--input={folder}/in", f"--output={folder}/out", "--keep_fields=title,date"]
        done = [f"--run_id=r{started:%Y%m%d}", "--only_new", "--max_dead_letters=0.2"]
        done += ["--max_broken_files=0.5"]
        assert extract([*flags, *done]) == 0


def _add_a_letter(path: Path) -> None:
    """The file changed, so all of its letters are read again: the first night's are superseded."""
    letters = path.read_text("utf-8").rstrip("\n").split("\n")
    copy = {**json.loads(letters[0]), "id": "letter-0001-copy"}
    path.write_text("\n".join([*letters, json.dumps(copy)]) + "\n", "utf-8")


def _write_scans(path: Path) -> None:
    path.write_bytes(
        b"\n".join(
            [
                b'{"id": "scan-1", "date": "2012-02-14", "text": "The same again, and no more."}',
                b'{"id": "scan-2", "date": "2012-02-14", "text": ""}',
                b'{"id": "scan-3", "date": "2012-02-14", "text": null}',
                b'{"id": "scan-4", "date": "2012-02-14", "text": "A page that broke off',
                b'{"id": "scan-5", "date": "2012-02-14", "text": "caf\xe9"}',
            ]
        )
        + b"\n"
    )


def _write_archive(path: Path) -> None:
    """Twelve records of the news under other ids; the file ends within the next.

    It is stored, not deflated, so that it breaks off at the same place with every zlib.
    """
    news = (CORPUS / "news.jsonl").read_text("utf-8").rstrip("\n").split("\n")
    records = [{**json.loads(line), "id": f"archive-{n:02}"} for n, line in enumerate(news)]
    lines = [f"{json.dumps(record)}\n" for record in records]
    whole = gzip.compress("".join(lines).encode(), compresslevel=0, mtime=0)
    path.write_bytes(whole[: len("".join(lines[:12])) + 200])
