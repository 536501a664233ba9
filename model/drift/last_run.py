"""Whether a run found far fewer entities than the last run of the same sources.

Counts of two runs are compared as those of two Poisson processes are: of all entities of both, the
later run has a share that is binomial where its rate is the same (J. Przyborowski and H. Wilenski,
Homogeneity of results in testing samples from Poisson series, Biometrika 31, 1940). Its lower tail
is bounded by H. Chernoff (A measure of asymptotic efficiency for tests of a hypothesis based on the
sum of observations, Ann. Math. Stat. 23, 1952), exactly so where nothing was found.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

NAME = "entities_since_last_run"

# By how many times fewer a token has than before.
_LIMITS = (2.0, 3.0)
# Fewer that were to be expected say little, and so does what a run in a million has by chance.
_EXPECTED = 20
_CHANCE = 1e-6
# Entities stand together in some documents, those of one label all the more: a fall is believed
# only where one of so many times fewer entities would be. Of 4,000 pairs of draws of three
# documents from a collection of books 2 came out as drift; of ten or more, and of newswire, none.
_ALIKE, _ALIKE_OF_LABEL = 2, 5


@dataclass(frozen=True)
class LastRun:
    """What the last run of the same sources found.

    entities: by label, where the model that runs now has that label; total: all of them.
    """

    run_id: str
    tokens: int
    total: int
    entities: Mapping[str, int] = field(default_factory=dict)


class _Fall(NamedTuple):
    ratio: float
    before: float  # entities per 1,000 tokens
    now: float
    label: str | None


def compare_with_last(last: LastRun, tokens: int, entities: Mapping[str, int]) -> dict[str, Any]:
    """The worst fall of a rate of entities, of all or of one label, as a manifest holds it.

    tokens, entities: those of the run, the latter by label. A fall that may be chance is none.
    """
    expected = last.total * tokens / last.tokens if last.tokens else 0.0
    if expected < _EXPECTED:
        return {
            "reason": f"too few entities to compare: run {last.run_id} has {last.total:,}, which "
            f"makes {expected:,.0f} in a run of this size, expected at least {_EXPECTED}"
        }
    worst = max(_falls(last, tokens, entities), key=lambda fall: fall.ratio)
    return {
        "level": ("stable", "moderate", "drift")[sum(worst.ratio > limit for limit in _LIMITS)],
        "value": round(worst.ratio, 4),
        "limits": list(_LIMITS),
        "baseline": round(worst.before, 3),
        "run": round(worst.now, 3),
        "last_run": last.run_id,
        **({"label": worst.label} if worst.label is not None else {}),
    }


def _falls(last: LastRun, tokens: int, entities: Mapping[str, int]) -> Iterator[_Fall]:
    """All entities, then each label that fell further than chance would have it."""
    total = sum(entities.values())
    # Where nothing at all was found, no document is like another.
    alike = _ALIKE if total else 1
    counts: list[tuple[str | None, int, int, int]] = [(None, last.total, total, alike)]
    labels = last.entities.items()
    counts += [(name, n, entities.get(name, 0), _ALIKE_OF_LABEL) for name, n in labels]
    for label, before, now, alike in counts:
        expected = before * tokens / last.tokens
        ratio = (expected + 0.5) / (now + 0.5)
        chance = _log_chance(before, now, tokens / (last.tokens + tokens)) / alike
        is_chance = chance >= math.log(_CHANCE)
        if label is None or not (is_chance or expected < _EXPECTED):
            rates = (1000 * before / last.tokens, 1000 * now / tokens)
            yield _Fall(min(ratio, _LIMITS[0]) if is_chance else ratio, *rates, label)


def _log_chance(before: int, now: int, share: float) -> float:
    """The logarithm of a bound on how often the later of two equal rates gives so few, or fewer.

    share: of the tokens of both runs, those of the later.
    """
    both = before + now
    found = now / both if both else share
    if found >= share:
        return 0.0
    divergence = (1 - found) * math.log((1 - found) / (1 - share))
    if found:
        divergence += found * math.log(found / share)
    return -both * divergence
