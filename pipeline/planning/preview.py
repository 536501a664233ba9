"""A look at the first bytes of a few files, before the job starts: does it fit, how much is it."""

import contextlib
import functools
from collections.abc import Callable, Sequence
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.console.printing import warn
from pipeline.filesystems.beam import open_file
from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import MissingColumnError, ReadConfig, missing_fields, read_records
from pipeline.inputs.shards import open_shard
from schemas.errors import UsageError
from schemas.records import Shard

PEEK_BYTES = 256 * 1024
_FILES = 3
_PARQUET = ("parquet", "dead_letters")
_TABLES = ("csv", "parquet")
_TABLES_SEEN = 32  # to open one on an object store takes 50 ms

_Look = Callable[[Shard], dict[str, str] | None]


def require_columns(shards: Sequence[Shard], config: ReadConfig) -> None:
    """Shards and configuration in; raises UsageError if the tables lack columns that it names.

    The first csv and the first Parquet file must have the text. Other fields may be missing from
    older files, so one table must have them, the newest first; lines of jsonl could hold any. Of
    many tables some are looked at, and what they lack is a warning. A table that cannot be read is
    left to the run, which makes a dead letter of it.
    """
    tables = [shard for shard in shards if shard.format in _TABLES]
    look = functools.cache(functools.partial(_missing_fields, config=config))
    for shard in {shard.format: shard for shard in reversed(tables)}.values():
        try:
            look(shard)
        except MissingColumnError as error:
            raise UsageError(f"--text_field does not fit {shard.source}: {error}") from error
    if config.named_fields and not any(shard.format == "jsonl" for shard in shards):
        _require_named(tables, config, look)


def _require_named(tables: Sequence[Shard], config: ReadConfig, look: _Look) -> None:
    last, steps = len(tables) - 1, max(min(len(tables), _TABLES_SEEN) - 1, 1)
    seen: list[dict[str, str]] = []
    nowhere = set(config.named_fields)
    for part in range(min(len(tables), _TABLES_SEEN)):
        shard = tables[last - last * part // steps]
        with contextlib.suppress(MissingColumnError):
            missing = look(shard)
            if missing is not None:
                seen.append({field: f"{shard.source}: {why}" for field, why in missing.items()})
                nowhere &= missing.keys()
        if not nowhere:
            return
    others = f" Nor is there one in any other of the {len(seen)} tables looked at."
    for field, why in (seen[0] if seen else {}).items():
        if field in nowhere:
            flag = "--id_field" if field == config.id_field else "--keep_fields"
            told = f"{flag} does not fit {why}{others if len(seen) > 1 else ''}"
            if len(tables) <= _TABLES_SEEN:
                raise UsageError(told)
            warn(f"{told} Where the rest lacks it too, it is null.")


def _missing_fields(shard: Shard, config: ReadConfig) -> dict[str, str] | None:
    """None for a table that cannot be read."""
    try:
        with open_shard(shard.source) as stream:
            return missing_fields(stream, shard.format, config)
    except MissingColumnError:
        raise
    except Exception:  # noqa: BLE001 - whatever makes it unreadable shows in the run
        return None


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
    raw = open_file(shard.source)
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
