"""A look at the first bytes of a few files, before the job starts: does it fit, how much is it."""

from collections.abc import Sequence
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes

from pipeline.decompress import decompressed
from pipeline.filesystems import filesystems
from pipeline.formats import MissingColumnError, ReadConfig, read_records
from pipeline.shards import open_shard
from schemas.errors import UsageError
from schemas.records import Shard

PEEK_BYTES = 256 * 1024
_FILES = 3
_PARQUET = ("parquet", "dead_letters")


def require_text_column(shards: Sequence[Shard], config: ReadConfig) -> None:
    """Shards and configuration in; raises UsageError if the first table has no text column.

    Looks at the first csv and the first parquet file only. One that cannot be read is left to the
    run, which makes a dead letter of it.
    """
    for name in ("csv", "parquet"):
        shard = next((shard for shard in shards if shard.format == name), None)
        if shard is None:
            continue
        try:
            with open_shard(shard.source) as stream:
                next(read_records(stream, shard, config), None)
        except MissingColumnError as error:
            raise UsageError(f"--text_field does not fit {shard.source}: {error}") from error
        except Exception:  # noqa: BLE001, S112 - whatever makes it unreadable shows in the run
            continue


def estimate_documents(shards: Sequence[Shard], config: ReadConfig) -> int:
    """Shards in, about how many records they hold out; exact for `text` and a few small files.

    Reads 256 KiB (decompressed) of three files of each format, or the footers of Parquet files,
    and scales by the bytes of all. Files that cannot be read count one each when none could.
    """
    sizes: dict[str, dict[str, int]] = {}
    for shard in shards:
        files = sizes.setdefault(shard.format, {})
        files[shard.source] = files.get(shard.source, 0) + shard.size
    return sum(_estimate(name, files, config) for name, files in sizes.items())


def _estimate(name: str, files: dict[str, int], config: ReadConfig) -> int:
    if name == "text":
        return len(files)
    paths = list(files)
    chosen = {paths[len(paths) * part // _FILES] for part in range(_FILES)}
    records, seen = 0.0, 0.0
    for path in sorted(chosen):
        shard = Shard(path, name, 0, None, files[path], "")
        try:
            found, used = _peek_parquet(shard) if name in _PARQUET else _peek(shard, config)
        except Exception:  # noqa: BLE001, S112 - whatever makes it unreadable shows in the run
            continue
        records += found
        seen += used
    if not seen:
        return 0 if sum(files.values()) == 0 else len(files)
    return round(records * sum(files.values()) / seen)


def _peek_parquet(shard: Shard) -> tuple[int, float]:
    with open_shard(shard.source) as stream:
        return pq.ParquetFile(pa.PythonFile(stream, mode="r")).metadata.num_rows, shard.size


def _peek(shard: Shard, config: ReadConfig) -> tuple[int, float]:
    """Records of the first bytes, and how many bytes of the file, as it is stored, these took."""
    raw = filesystems().open(shard.source, compression_type=CompressionTypes.UNCOMPRESSED)
    with decompressed(raw, shard.source) as stream:
        data = stream.read(PEEK_BYTES)
        whole = not stream.read(1)
        used = float(shard.size if whole else min(raw.tell(), shard.size))
    if not whole:
        end = data.rfind(b"\n") + 1
        if not end:
            return 1, shard.size
        used *= end / len(data)
        data = data[:end]
    records = 0
    try:
        for _ in read_records(BytesIO(data), shard, config):
            records += 1
    except MissingColumnError:
        raise
    except Exception:  # noqa: BLE001 - the piece may end within a quoted csv field
        records += 0 if whole else 1
    return records, used
