"""A look at the first bytes of a few files, before the job starts: does it fit, how much is it."""

import contextlib
import functools
import io
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, cast

from pipeline.console.printing import warn
from pipeline.filesystems.beam import open_file
from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import (
    AUTO,
    FORMATS,
    DoubledColumnError,
    MissingColumnError,
    ReadConfig,
    RecordBuilder,
)
from pipeline.inputs.formats.csv.table import CSV, SEPARATORS, separator_of, usual_separator
from pipeline.inputs.shards import open_shard
from schemas.errors import UsageError
from schemas.records import Shard

_FILES = 3
_TABLES_SEEN = 32  # to open one on an object store takes 50 ms

_Look = Callable[[Shard], Mapping[str, str] | None]


def require_columns(shards: Sequence[Shard], config: ReadConfig) -> None:
    """Shards and configuration in; raises UsageError if the tables lack columns that it names.

    Where all shards are tables, one must have the text, and no field twice; beside one that has it,
    or files of other formats, a table without it is a file that cannot be read. Other fields may be
    missing from older files, so one table must have them, the newest first; where the columns of a
    format are not known before its records are (jsonl, json), those could hold any. Of many tables
    some are looked at, and what they lack is a warning. A table that cannot be read is left to the
    run, which makes a dead letter of it.
    """
    tables = [shard for shard in shards if FORMATS[shard.format].columns]
    look = functools.cache(functools.partial(_missing_fields, config=config))
    if len(tables) == len(shards):
        _require_text(tables, config, look)
    formats = [FORMATS[name] for name in {shard.format for shard in shards}]
    unknown = any(known.has_fields and not known.columns for known in formats)
    if config.named_fields and not unknown:
        _require_named(tables, config, look)


def separator_warnings(shards: Sequence[Shard], config: ReadConfig) -> list[str]:
    """What was found out of csv files that are not separated as their names say, in sentences."""
    if config.csv_delimiter != AUTO:
        return []
    tables = [shard for shard in shards if shard.format == CSV.name]
    seen = _some(tables)
    found: dict[str, list[str]] = {}
    for shard in reversed(seen):
        with contextlib.suppress(Exception):  # whatever makes it unreadable shows in the run
            with open_shard(shard.place, config.max_window_mb) as stream:
                separator = separator_of(stream, RecordBuilder(shard, config))
            if separator != usual_separator(shard.place):
                found.setdefault(separator, []).append(shard.source)
    return [
        f"--csv_delimiter auto: {SEPARATORS.get(separator, repr(separator))} separate the values "
        f"of {sources[0]}{_and_others(len(sources) - 1, len(seen))}."
        for separator, sources in found.items()
    ]


def _and_others(others: int, seen: int) -> str:
    return f" and of {others} more of the {seen} csv files looked at" if others else ""


def _some(tables: Sequence[Shard]) -> list[Shard]:
    """So many tables as are looked at, from the last to the first with even steps."""
    last, steps = len(tables) - 1, max(min(len(tables), _TABLES_SEEN) - 1, 1)
    return [tables[last - last * part // steps] for part in range(min(len(tables), _TABLES_SEEN))]


def _require_text(tables: Sequence[Shard], config: ReadConfig, look: _Look) -> None:
    """Tables in; raises UsageError if all that can be read lack the text or have a field twice."""
    flags = {config.text_field: "--text_field", config.id_field: "--id_field"}
    first: UsageError | None = None
    for shard in reversed(_some(tables)):
        try:
            if look(shard) is not None:
                return
        except (MissingColumnError, DoubledColumnError) as error:
            field = error.name if isinstance(error, DoubledColumnError) else config.text_field
            flag = flags.get(field, "--keep_fields")
            first = first or UsageError(f"{flag} does not fit {shard.source}: {error}")
    if first:
        raise first


def _require_named(tables: Sequence[Shard], config: ReadConfig, look: _Look) -> None:
    seen: list[dict[str, str]] = []
    nowhere = set(config.named_fields)
    for shard in _some(tables):
        with contextlib.suppress(MissingColumnError, DoubledColumnError):
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
            message = f"{flag} does not fit {why}{others if len(seen) > 1 else ''}"
            if any(f"/{field}=" in table.source for table in tables):
                message += f" Folders named {field}=... are not read as a column."
            if len(tables) <= _TABLES_SEEN:
                raise UsageError(message)
            warn(f"{message} Where the rest lacks it too, it is null.")


def _missing_fields(shard: Shard, config: ReadConfig) -> Mapping[str, str] | None:
    """None for a table that cannot be read."""
    columns = FORMATS[shard.format].columns
    try:
        with open_shard(shard.place, config.max_window_mb) as stream:
            return columns(stream, RecordBuilder(shard, config)) if columns else None
    except (MissingColumnError, DoubledColumnError):
        raise
    except Exception:  # noqa: BLE001 - whatever makes it unreadable shows in the run
        return None


def estimate_documents(shards: Sequence[Shard], config: ReadConfig) -> int:
    """Shards in, about how many records they hold out; exact for `text` and a few small files.

    Looks at the beginning of three files of each format, or at their footers, and scales by the
    bytes of all. Files that cannot be read count one each when none could.
    """
    sizes: dict[str, dict[str, int]] = {}
    for shard in shards:
        files = sizes.setdefault(shard.format, {})
        files[shard.place] = files.get(shard.place, 0) + shard.size
    return sum(_estimate(name, files, config) for name, files in sizes.items())


def _estimate(name: str, files: Mapping[str, int], config: ReadConfig) -> int:
    if FORMATS[name].separator is None:
        return len(files)
    paths = list(files)
    chosen = {paths[len(paths) * part // _FILES] for part in range(_FILES)}
    records, seen = 0, 0.0
    for path in sorted(chosen):
        builder = RecordBuilder(Shard(path, name, 0, None, files[path], ""), config)
        try:
            stored = open_file(path)
            with decompressed(stored, path, config.max_window_mb) as stream:
                counted = FORMATS[name].count(stream, builder)
                size = _stored(counted.size, stored, stream)
        except Exception:  # noqa: BLE001, S112 - whatever makes it unreadable shows in the run
            continue
        records += counted.records
        seen += files[path] if size is None else size
    if not seen:
        return 0 if sum(files.values()) == 0 else len(files)
    return round(records * sum(files.values()) / seen)


def _stored(size: int | None, stored: BinaryIO, stream: BinaryIO) -> float | None:
    """How many bytes of a file those take that were read of what it holds."""
    if size is None or stream is stored:
        return size
    return size * stored.tell() / cast("io.BufferedReader", stream).raw.tell()
