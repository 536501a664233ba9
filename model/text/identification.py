"""Which language a text is in, as py3langid tells by the bytes of its beginning."""

import math
from functools import cache

from schemas.errors import STOPS

# Of shorter texts too many are names and numbers.
LEAST_BYTES = 40
# What a text begins with: more takes longer and says little more.
READ_CHARACTERS = 300
# Below, nothing is said: half of what it says then is wrong.
_SURE = 0.95


def identify(text: str) -> str | None:
    """The ISO 639-1 code of a text's language; None for a short one, and where it is not sure."""
    beginning = " ".join(text[: 2 * READ_CHARACTERS].split())[:READ_CHARACTERS]
    if len(beginning.encode(errors="replace")) < LEAST_BYTES:
        return None
    import py3langid

    try:
        ranked = py3langid.rank(beginning)
    except STOPS:
        raise
    except BaseException:  # noqa: BLE001 - nothing that it says is worth a document, let alone a file
        return None
    best, score = ranked[0]
    odds = sum(math.exp(float(other) - float(score)) for _, other in ranked)
    return str(best) if 1 / odds >= _SURE else None


@cache
def identifiable() -> frozenset[str]:
    """The codes that `identify` may give."""
    import py3langid

    return frozenset(str(code) for code, _ in py3langid.rank("a"))
