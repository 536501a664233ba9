"""What is known of the records before a run reads them: their columns, and how many there are."""

import gzip
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.inputs.files import match_files
from pipeline.inputs.formats import ReadConfig
from pipeline.inputs.formats.records import PREVIEW_BYTES
from pipeline.inputs.shards import plan_shards
from pipeline.planning.preview import estimate_documents, require_columns
from schemas.errors import UsageError
from schemas.records import Shard


def shards_of(folder: Path, **config: str) -> tuple[list[Shard], ReadConfig]:
    read = ReadConfig(**config)  # type: ignore[arg-type]
    return plan_shards(match_files([str(folder)]), read), read


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_number_of_documents_is_estimated_within_a_tenth(tmp_path: Path, suffix: str) -> None:
    rng = random.Random(3)
    lines = [b'{"text": "%x"}\n' % rng.getrandbits(rng.randrange(100, 400)) for _ in range(20_000)]
    data = b"".join(lines)
    assert len(data) > 2 * PREVIEW_BYTES
    for name in "abcd":
        path = tmp_path / f"{name}.jsonl{suffix}"
        path.write_bytes(gzip.compress(data) if suffix else data)
    shards, config = shards_of(tmp_path)
    assert estimate_documents(shards, config) == pytest.approx(80_000, rel=0.1)


def test_small_files_and_texts_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id,text\n1,"a\nb"\n2,c\n')
    (tmp_path / "b.txt").write_text("a\nb\nc\n")
    (tmp_path / "c.jsonl").write_bytes(b"")
    pq.write_table(pa.table({"text": ["a", "b", "c"]}), tmp_path / "d.parquet")
    shards, config = shards_of(tmp_path)
    assert estimate_documents(shards, config) == 2 + 1 + 0 + 3


def avro(path: Path, texts: Sequence[str], field: str = "text") -> None:
    fields = [{"name": field, "type": "string"}]
    with path.open("wb") as sink:
        fastavro.writer(
            sink, {"type": "record", "name": "Row", "fields": fields}, [{field: t} for t in texts]
        )


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", ["json", "avro"])
@pytest.mark.parametrize("count", [0, 3, 20_000])
def test_records_of_json_and_avro_are_estimated_within_a_tenth(
    tmp_path: Path, name: str, suffix: str, count: int
) -> None:
    rng = random.Random(3)
    texts = [f"{rng.getrandbits(rng.randrange(100, 400)):x}, " for _ in range(count)]
    for letter in "abcd":
        path = tmp_path / f"{letter}.{name}"
        if name == "avro":
            avro(path, texts)
        else:
            path.write_text(json.dumps([{"text": text} for text in texts]))
        if suffix:
            Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    shards, config = shards_of(tmp_path)
    assert estimate_documents(shards, config) == pytest.approx(4 * count, rel=0.1)


def test_a_line_longer_than_the_peek_and_an_unreadable_file_count_one(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"x" * (PREVIEW_BYTES + 1))
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    shards, config = shards_of(tmp_path)
    assert estimate_documents(shards, config) == 2


def test_a_table_without_the_text_column_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,body\n1,a\n")
    shards, config = shards_of(tmp_path)
    message = "a.csv: There is no column 'text'; the columns are id, body."
    with pytest.raises(UsageError, match=re.escape(message)):
        require_columns(shards, config)
    require_columns(shards, ReadConfig(text_field="body"))


@pytest.mark.parametrize("without", [b"id,body\n1,a\n", b"text,text\na,b\n"])
def test_a_table_without_the_text_beside_files_that_have_it_is_left_to_the_run(
    tmp_path: Path, without: bytes
) -> None:
    """One bad file is one bad file, be the others of the same format or not."""
    (tmp_path / "a.csv").write_bytes(without)
    with pytest.raises(UsageError, match=re.escape(f"--text_field does not fit {tmp_path}/a.csv")):
        require_columns(*shards_of(tmp_path))
    (tmp_path / "b.csv").write_bytes(b"no\n")
    with pytest.raises(UsageError, match=re.escape(f"--text_field does not fit {tmp_path}/a.csv")):
        require_columns(*shards_of(tmp_path))
    good = {"b.csv": b"text\na\n", "c.jsonl": b"{}", "d.txt": b"a", "e.parquet": b""}
    for name, data in good.items():
        (tmp_path / name).write_bytes(data)
        if name == "e.parquet":
            pq.write_table(pa.table({"text": ["a"]}), tmp_path / name)
        require_columns(*shards_of(tmp_path))
        (tmp_path / name).unlink()


def test_an_avro_schema_without_a_field_is_refused_before_the_run(tmp_path: Path) -> None:
    avro(tmp_path / "a.avro", [], "body")
    shards, config = shards_of(tmp_path)
    message = "a.avro: There is no column 'text'; the columns are body."
    with pytest.raises(UsageError, match=re.escape(message)):
        require_columns(shards, config)
    with pytest.raises(UsageError, match="There is no column 'year'"):
        require_columns(shards, ReadConfig(text_field="body", keep_fields=("year",)))
    (tmp_path / "b.avro").write_bytes(b"no avro")
    require_columns(shards_of(tmp_path)[0], ReadConfig(text_field="body"))


def test_a_table_with_another_separator_than_the_one_named_is_refused_before_the_run(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_bytes(b"id;text\n1;a\n")
    shards, _ = shards_of(tmp_path)
    require_columns(shards, ReadConfig())
    message = r"a\.csv: .* Its values are not separated by --csv_delimiter ',': give auto\."
    with pytest.raises(UsageError, match=message):
        require_columns(shards, ReadConfig(csv_delimiter=","))


def test_a_table_that_cannot_be_read_is_left_to_the_run(tmp_path: Path) -> None:
    """Its columns are unknown, so they may be the ones."""
    (tmp_path / "a.csv").write_bytes(b'text\n"a')
    (tmp_path / "b.parquet").write_bytes(b"")
    (tmp_path / "c.csv").write_bytes(b"")
    require_columns(*shards_of(tmp_path))
    (tmp_path / "a.csv").write_bytes(b'"a"b')
    shards, _ = shards_of(tmp_path)
    require_columns(shards, ReadConfig(keep_fields=("year",)))


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("--keep_fields", ReadConfig(keep_fields=("title", "yaer"))),
        ("--id_field", ReadConfig(id_field="yaer")),
    ],
)
def test_a_named_field_that_no_table_has_is_refused_before_the_run(
    flag: str, named: ReadConfig, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(b"text,title\na,b\n")
    (tmp_path / "b.csv").write_bytes(b"title,year,text\nb,1892,a\n")
    pq.write_table(pa.table({"text": ["a"], "meta": [{"date": 1892}]}), tmp_path / "c.parquet")
    (tmp_path / "d.txt").write_text("lines and text have no fields")
    shards, _ = shards_of(tmp_path)
    found = f"{flag} does not fit {tmp_path}/"
    message = "c.parquet: There is no column 'yaer'; the columns are text, meta. Nor is there "
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        require_columns(shards, named)
    assert str(caught.value).startswith(found)
    with pytest.raises(UsageError, match=re.escape("'yaer', did you mean year? The columns are")):
        require_columns(shards[1:2], named)
    for good in ("year", "meta.date"):
        require_columns(shards, ReadConfig(id_field=good, keep_fields=("title", good)))


def test_of_many_tables_some_are_looked_at_and_nothing_is_refused_for_a_named_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Older tables may lack it, and to open each of 100,000 would take too long."""
    for number in range(100):
        (tmp_path / f"{number:03d}.csv").write_bytes(b"text\n")
    shards, _ = shards_of(tmp_path)
    config = ReadConfig(keep_fields=("year",))
    require_columns(shards, config)
    told = "Nor is there one in any other of the 32 tables looked at. Where the rest lacks it too, "
    assert told in capsys.readouterr().err
    for number in (0, 99):
        (tmp_path / f"{number:03d}.csv").write_bytes(b"text,year\n")
        require_columns(shards, config)
        assert not capsys.readouterr().err
        (tmp_path / f"{number:03d}.csv").write_bytes(b"text\n")


@pytest.mark.parametrize("name", ["jsonl", "json"])
def test_a_field_may_be_in_any_record_of_json(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").write_bytes(b"text\na\n")
    (tmp_path / f"b.{name}").write_text('{"text": "a"}')
    shards, _ = shards_of(tmp_path)
    require_columns(shards, ReadConfig(id_field="key", keep_fields=("year",)))


def test_ids_are_made_where_no_field_was_named_for_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text\na\n")
    require_columns(*shards_of(tmp_path))
