"""A run with too many dead letters in, what most of them died of out, in words."""

from model.harmless import harmless, shortened
from pipeline.current import Manifest
from pipeline.report.reasons import COLUMNS, count_reasons
from pipeline.report.rows import MOST_ROWS, RunTables
from pipeline.summary import counted

_KIND, _MESSAGE = 40, 120  # characters


def refusal_in_words(root: str, manifest: Manifest, place: str, most_rows: int = MOST_ROWS) -> str:
    """What ended a run of which the dead letters alone are kept; `place` is where to see more.

    They are counted as the report counts them, so what the report masks is masked here.
    """
    said = f"{manifest['error']}; no other rows were written"
    cause = _most_frequent(RunTables(root, manifest, most_rows))
    if not cause:
        return f"{said}, see {place}"
    return f"{said}. The most frequent cause {cause}; see {place}"


def _most_frequent(tables: RunTables) -> str:
    """The cause of most records that died, nothing where their files cannot be read."""
    try:
        reasons = count_reasons(tables.batches("dead_letters", COLUMNS))
    except Exception:  # noqa: BLE001 - of a store, any; the run has failed for a better reason
        return ""
    # What a whole file died of is no record's, and such dead letters are not in the share.
    of_records = [(why, count) for why, count in reasons.ranked() if not why.is_shard]
    if not of_records:
        return ""
    why, count = of_records[0]
    some = "at least " if reasons.further or tables.left_out("dead_letters") else ""
    message = _brief(why.message, _MESSAGE).rstrip(".")
    return f"({some}{counted(count, 'time')}) is {_brief(why.error, _KIND)}: {message}"


def _brief(text: str, most: int) -> str:
    """Text of others on one line, its end cut off where it is long."""
    return shortened(harmless(" ".join(text.split())), most)
