"""What was seen in the input and not read, as far as a manifest has room for it."""

from collections import Counter
from collections.abc import Sequence

from pipeline.inputs.walk import Unread
from schemas.manifest import UnreadEntry

_LISTED = 100  # the counts tell of all


def some_unread(unread: Sequence[Unread]) -> list[UnreadEntry]:
    """What was not read, as far as there is room; of many, the first of each reason."""
    seen: Counter[str] = Counter()
    ranked = []
    for passed in unread:
        seen[passed.reason] += 1
        entry = UnreadEntry(path=_in_utf8(passed.path), reason=passed.reason)
        if passed.detail:
            entry["detail"] = _in_utf8(passed.detail)
        ranked.append((seen[passed.reason], entry))
    ranked.sort(key=lambda pair: pair[0])
    return sorted((entry for _, entry in ranked[:_LISTED]), key=lambda entry: entry["path"])


def _in_utf8(path: str) -> str:
    """A name that is not UTF-8 with escapes for its other bytes: it is not read."""
    return path.encode("utf-8", "backslashreplace").decode()
