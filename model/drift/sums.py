"""A run's profile as totals of its files: numbers by name, which add up as the files do."""

from collections.abc import Iterator, Mapping

from model.drift.profile import CONFIDENCE_BINS, LENGTH_BOUNDS, Profile

_LENGTHS, _CONFIDENCES = "sentence_lengths", "confidences"


def profile_sums(profile: Profile) -> dict[str, int]:
    """A profile in, its counts by name out; those that are 0 are left out."""
    return {
        "tokens": profile.tokens,
        "unknown_tokens": profile.unknown_tokens,
        **{name: count for name, count in _histograms(profile) if count},
    }


def _histograms(profile: Profile) -> Iterator[tuple[str, int]]:
    for step, count in enumerate(profile.sentence_lengths):
        yield f"{_LENGTHS}/{step}", count
    for label, counts in profile.confidences.items():
        for step, count in enumerate(counts):
            yield f"{_CONFIDENCES}/{step}/{label}", count


def profile_of_sums(sums: Mapping[str, int]) -> Profile:
    """Sums over files of what `profile_sums` gave in, the profile of all their documents out."""
    lengths = [0] * len(LENGTH_BOUNDS)
    confidences: dict[str, list[int]] = {}
    for name, count in sums.items():
        kind, *place = name.split("/", maxsplit=2)  # a label may have a slash itself
        if kind == _LENGTHS:
            lengths[int(place[0])] += count
        elif kind == _CONFIDENCES:
            step, label = place
            confidences.setdefault(label, [0] * CONFIDENCE_BINS)[int(step)] += count
    return Profile(
        tokens=sums.get("tokens", 0),
        unknown_tokens=sums.get("unknown_tokens", 0),
        sentence_lengths=tuple(lengths),
        confidences={label: tuple(counts) for label, counts in confidences.items()},
    )
