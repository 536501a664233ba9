"""Arrays of Arrow in, what their rows weigh and the values that they hold out.

Values are written out from Arrow's own integers: Python's dates end with the year 9999, and know
neither nanoseconds nor zones that the machine lacks.
"""

import contextlib
from collections.abc import Callable
from datetime import UTC, tzinfo
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.inputs.formats.logical import (
    BadValue,
    binary_text,
    date_text,
    duration_text,
    time_text,
    timestamp_text,
)
from schemas.errors import RecordError, ShardError

_VALUE_BYTES = 8  # about, of what is no text
_ITEM_BYTES = 32  # about, of what is in a list, beside its bytes
_UUID_BYTES = 16
_DAY_MSEC = 86_400_000
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def is_text(kind: pa.DataType) -> bool:
    """Whether columns of a type can hold texts: strings, or bytes that count as UTF-8."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    if isinstance(kind, pa.UuidType):
        return False
    if isinstance(kind, pa.BaseExtensionType):
        return is_text(kind.storage_type)
    return _is_binary(kind) or pa.types.is_fixed_size_binary(kind)


def row_bytes(array: pa.Array) -> NDArray[np.int64]:
    """(row,) About how many bytes the values of an array take once they are written out.

    Raises ShardError for a dictionary that lacks values of its rows.
    """
    array, kind = _stored(array)
    if pa.types.is_dictionary(kind):
        words = np.append(row_bytes(array.dictionary), 0)
        ends = pc.min_max(array.indices).as_py()
        if ends["max"] is not None and not 0 <= ends["min"] <= ends["max"] < len(words) - 1:
            raise ShardError("A column is damaged: rows have values that its dictionary lacks.")
        return words[array.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)]
    if _is_binary(kind):
        lengths = pc.binary_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        return np.asarray(lengths, np.int64)
    if pa.types.is_struct(kind):
        return sum((row_bytes(part) for part in array.flatten()), np.zeros(len(array), np.int64))
    if _is_list(kind):
        lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        ends = np.cumsum(lengths, dtype=np.int64)
        before = np.concatenate([[0], np.cumsum(row_bytes(array.flatten()))])
        # Of nothing, many times over, the values of Python take memory all the same.
        own = lengths * (_ITEM_BYTES * _cells(array.type.value_type))
        return np.maximum(before[ends] - before[ends - lengths], own)
    return np.full(len(array), _VALUE_BYTES, np.int64)


def _cells(kind: pa.DataType) -> int:
    """How many values one of a type is made of, without what is in lists within."""
    if isinstance(kind, pa.BaseExtensionType):
        return _cells(kind.storage_type)
    return 1 + sum(_cells(field.type) for field in kind) if pa.types.is_struct(kind) else 1


def values(array: pa.Array) -> list[Any]:
    """The values of an array, one a row: strings, numbers, booleans, lists, dicts, bytes or None.

    Dates, times, decimals and UUIDs are strings. What cannot be written is a `BadValue`.
    """
    is_map = pa.types.is_map(array.type)
    array, kind = _stored(array)
    if pa.types.is_dictionary(kind):
        return values(array.dictionary_decode())
    if pa.types.is_struct(kind):
        return _structs(array)
    if _is_list(kind):
        flat = iter(values(array.flatten()))
        if is_map:
            flat = (pair if isinstance(pair, BadValue) else [*pair.values()] for pair in flat)
        lengths = pc.list_value_length(array).to_pylist()
        return [None if n is None else _whole(list(islice(flat, n))) for n in lengths]
    write = _writer(kind)
    if not write:
        return _leaves(array)
    numbers = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())  # noqa: PLR2004
    return [None if number is None else write(number) for number in numbers.to_pylist()]


def head_of(array: pa.Array, row: int, size: int) -> bytes:
    """The first bytes of a string or of bytes, which is not made a value of Python; else none."""
    scalar = array[row]
    while isinstance(scalar, pa.DictionaryScalar | pa.ExtensionScalar):
        scalar = scalar.value
    if scalar is None or not hasattr(scalar, "as_buffer") or not scalar.is_valid:
        return b""
    return bytes(scalar.as_buffer()[:size])


def _stored(array: pa.Array) -> tuple[pa.Array, pa.DataType]:
    """An array in the form of which there is one for all types that hold the same."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType) and not isinstance(kind, pa.UuidType | pa.Bool8Type):
        return _stored(array.storage)
    if pa.types.is_run_end_encoded(kind):
        return _stored(pc.run_end_decode(array))
    if pa.types.is_map(kind):
        pairs = pa.struct([kind.key_field, kind.item_field])
        return _stored(array.view(pa.list_(pairs)))
    if pa.types.is_string_view(kind):
        array = array.cast(pa.large_string())
    elif pa.types.is_binary_view(kind):
        array = array.cast(pa.large_binary())
    return array, array.type


def _leaves(array: pa.Array) -> list[Any]:
    plain = None
    with contextlib.suppress(UnicodeDecodeError):
        plain = list(array.to_pylist())
    if plain is None:
        # One bad string fails the whole column, so take values one by one.
        return [_string(scalar) for scalar in array]
    kind = array.type
    if pa.types.is_decimal(kind) or isinstance(kind, pa.UuidType):
        return [None if value is None else str(value) for value in plain]
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width == _UUID_BYTES:
        return [None if value is None else binary_text(value) for value in plain]
    return plain


def _structs(array: pa.Array) -> list[Any]:
    names = [field.name for field in array.type]
    if len(set(names)) < len(names):
        error = RecordError("it has several members of one name")
        return [BadValue(error) if is_there else None for is_there in array.is_valid().to_pylist()]
    columns = [values(part) for part in array.flatten()]
    rows = zip(*columns, strict=True) if columns else iter([()] * len(array))
    return [
        _whole(dict(zip(names, row, strict=True))) if is_there else None
        for is_there, row in zip(array.is_valid().to_pylist(), rows, strict=True)
    ]


def _whole(value: Any) -> Any:  # noqa: ANN401 - a list or a dict
    """A value, or what in it cannot be written."""
    parts = value.values() if isinstance(value, dict) else value
    return next((part for part in parts if isinstance(part, BadValue)), value)


def _string(scalar: pa.Scalar) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError as error:
        return BadValue(error.with_traceback(None), error.object)


def _writer(kind: pa.DataType) -> Callable[[int], object] | None:
    """How the integers of dates and times are written; None for other types."""
    if pa.types.is_date32(kind):
        return date_text
    if pa.types.is_date64(kind):
        return lambda count: date_text(count // _DAY_MSEC)
    if not (pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind)):
        return None
    per_second = _PER_SECOND[kind.unit]
    if pa.types.is_timestamp(kind):
        zone = _zone(kind.tz) if kind.tz else None
        return lambda count: timestamp_text(count, per_second, zone)
    if pa.types.is_duration(kind):
        return lambda count: duration_text(count, per_second)

    def write(count: int) -> object:
        try:
            return time_text(count, per_second)
        except RecordError as error:
            return BadValue(error)

    return write


def _zone(name: str) -> tzinfo:
    """A zone of Arrow; UTC for one that is not known here, in which a moment is the same."""
    try:
        zone: tzinfo = pa.lib.string_to_tzinfo(name)
    except (KeyError, ValueError, OSError):  # pytz and zoneinfo have errors of their own
        return UTC
    return zone


def _is_binary(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_string_view(kind)
        or types.is_binary_view(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
        or types.is_list_view(kind)
        or types.is_large_list_view(kind)
    )
