"""Dates, times and identifiers of Parquet and Avro, from the integers that they are, as text.

The spelling is that of Python's `str`, for which people may have joined by it, also where Python
has no such value: years beyond 9999 or before 1, nanoseconds, zones that this machine lacks.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from uuid import UUID

from schemas.errors import RecordError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_DAY = 86_400  # seconds
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097  # after which the calendar is the same again
_MICROSECONDS, _NANOSECONDS = 6, 9  # digits


@dataclass(frozen=True, slots=True)
class BadValue:
    """A value that cannot be written as text: why, and its bytes where it has some."""

    error: Exception
    raw: bytes = b""

    def __str__(self) -> str:
        return self.raw.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class OtherValue:
    """A value that is no text, though one was sought: what it is called, and how it is written."""

    kind: str
    value: object

    def __str__(self) -> str:
        return str(self.value)


def date_text(days: int) -> str:
    """Days since 1970-01-01 in the Gregorian calendar in, `2026-11-26` out; year 0 is 1 BC."""
    ordinal = _EPOCH_DAY + days
    if 1 <= ordinal <= date.max.toordinal():
        return date.fromordinal(ordinal).isoformat()
    cycles, within = divmod(ordinal - 1, _CYCLE_DAYS)
    day = date.fromordinal(within + 1)
    year = day.year + cycles * _CYCLE_YEARS
    return f"{'-' if year < 0 else ''}{abs(year):04}{day:-%m-%d}"


def timestamp_text(count: int, per_second: int, zone: tzinfo | None = None) -> str:
    """A time since 1970 in, `2026-11-26 12:00:00.5` with the offset of its zone out.

    Where Python has no such time in the zone, it is that of UTC.
    """
    seconds, fraction = divmod(count, per_second)
    ending = _fraction(fraction, per_second)
    if zone not in {None, UTC}:
        try:
            local = str((_EPOCH + timedelta(seconds=seconds)).astimezone(zone))
        except (OverflowError, ValueError):
            pass
        else:
            time = len("2026-11-26 12:00:00")
            return local[:time] + ending + local[time:]
    days, seconds = divmod(seconds, _DAY)
    return f"{date_text(days)} {_clock(seconds)}{ending}{'+00:00' if zone else ''}"


def time_text(count: int, per_second: int) -> str:
    """A time since midnight in, `12:00:00` out; raises RecordError for one that no day has."""
    seconds, fraction = divmod(count, per_second)
    if not 0 <= seconds < _DAY:
        raise RecordError("no day has the time that it holds")
    return _clock(seconds) + _fraction(fraction, per_second)


def duration_text(count: int, per_second: int) -> str:
    """A duration in, `1 day, 2:03:04` out, as Python writes a `timedelta`."""
    seconds, fraction = divmod(count, per_second)
    days, seconds = divmod(seconds, _DAY)
    hours, minutes = divmod(seconds // 60, 60)
    told = f"{days} day{'' if abs(days) == 1 else 's'}, " if days else ""
    return f"{told}{hours}:{minutes:02}:{seconds % 60:02}{_fraction(fraction, per_second)}"


def binary_text(value: bytes) -> str | bytes:
    """Sixteen bytes in; a UUID out, in the usual spelling, unless they are text that is printed.

    Of random UUIDs less than one in a million is such text.
    """
    try:
        return value if value.decode().isprintable() else str(UUID(bytes=value))
    except UnicodeDecodeError:
        return str(UUID(bytes=value))


def _clock(seconds: int) -> str:
    minutes = seconds // 60
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds % 60:02}"


def _fraction(fraction: int, per_second: int) -> str:
    if not fraction:
        return ""
    nanoseconds = f"{fraction * 10**_NANOSECONDS // per_second:09}"
    return f".{nanoseconds.removesuffix('000')}"
