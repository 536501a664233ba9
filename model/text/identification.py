"""Which language a text is in, as py3langid tells by the bytes of its beginning."""

from functools import cache
from typing import Any

import numpy as np

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
    try:
        language, share = _likeliest(beginning)
    except STOPS:
        raise
    except BaseException:  # noqa: BLE001 - nothing that it says is worth a document, let alone a file
        return None
    return language if share >= _SURE else None


def _likeliest(text: str) -> tuple[str, float]:
    """The likeliest language and its probability.

    As `py3langid.rank` has it, which multiplies the counts of all 7,480 features, nearly all of
    them 0, and takes three times as long.
    """
    identifier = _identifier()
    counts = identifier.instance2fv(text)
    seen = np.flatnonzero(counts)
    scores = counts[seen] @ identifier.nb_ptc[seen] + identifier.nb_pc
    best = int(np.argmax(scores))
    return str(identifier.nb_classes[best]), 1 / float(np.exp(scores - scores[best]).sum())


@cache
def identifiable() -> frozenset[str]:
    """The codes that `identify` may give."""
    return frozenset(map(str, _identifier().nb_classes))


@cache
def _identifier() -> Any:  # noqa: ANN401 - py3langid has no types
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_pickled_model(MODEL_FILE)
