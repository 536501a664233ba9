"""Every way to read a table names the file that is damaged, and skips what cannot be meant."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.outputs.table_reader import read_batches, read_row_groups, row_groups
from schemas.errors import JobError

ROWS = 1000


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A file of two row groups, a source each, with dictionaries."""
    sources = pa.array(["a"] * ROWS + ["b"] * ROWS).dictionary_encode()
    numbers = pa.array(range(2 * ROWS))
    pq.write_table(
        pa.table({"source": sources, "number": numbers, "text": pa.nulls(2 * ROWS, pa.string())}),
        tmp_path / "part.parquet",
        row_group_size=ROWS,
    )
    return str(tmp_path / "part.parquet")


READ: dict[str, Callable[[str], Iterable[object]]] = {
    "batches": read_batches,
    "row groups": read_row_groups,
    "batches of a row group": lambda path: [
        [*group.batches(["number"])] for group in row_groups(path)
    ],
}


@pytest.mark.parametrize("way", READ)
@pytest.mark.parametrize("damage", ["missing", "cut", "a page"])
def test_a_damaged_file_is_named(path: str, way: str, damage: str) -> None:
    file = Path(path)
    data = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    else:
        data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
        file.write_bytes(data)
    with pytest.raises(JobError) as caught:
        list(READ[way](path))
    assert str(caught.value).startswith(f"{path} cannot be read: ")


def test_row_groups_without_the_sources_are_left_out(path: str) -> None:
    rows = pa.Table.from_batches(read_batches(path, ["source", "number"], {"b"}))
    assert rows["number"].to_pylist() == list(range(ROWS, 2 * ROWS))
    assert not list(read_batches(path, ["number"], {"c"}))


def test_row_groups_are_read_whole_without_dictionaries(path: str) -> None:
    first, second = read_row_groups(path, ["source"])
    assert first["source"].to_pylist() == ["a"] * ROWS
    assert second.schema.field("source").type == pa.string()
    assert [group.has_only_nulls("text") for group in row_groups(path)] == [True, True]
