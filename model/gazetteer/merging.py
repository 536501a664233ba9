"""What a model found and what a gazetteer says of the same tokens, as one.

Spans of the model overlap each other nowhere, and no span crosses sentences. By the policies:

forbid    drops a span of the model that is exactly a match, if it has that label.
override  drops all spans of the model that it overlaps, but for the same one with the same label.
add       counts where nothing else is: no span of the model that is left, and no override.

Of matches of one policy that overlap, the longest in tokens counts, then the first in the text,
then the one that goes first among those of one place. What both found is one span, of both.
"""

from typing import NamedTuple

import numpy as np

from model.gazetteer.matching import ANY, Gazetteer, Matches
from model.gazetteer.terms import ADD, FORBID, OVERRIDE
from schemas.records import Flags, Positions

NONE = -1


class ModelSpans(NamedTuple):
    """What a model found, in order of the text; label: a position in the gazetteer's, or NONE."""

    start: Positions  # (span,) tokens
    end: Positions  # (span,) half-open
    label: Positions  # (span,)


class Merged(NamedTuple):
    """Spans in order of the text, and how the terms fared.

    span: which of the model's each is; match: of which match it is; NONE where it is none, and
    never for both. is_contradicted: whether spans of the model were dropped for it.
    forbidden: for each span of the model that was forbidden, the match which said so.
    disagreements: pairs of a match and a span of the model that overlaps it with another label: one
    of the two was dropped.
    """

    span: Positions  # (merged,)
    match: Positions  # (merged,)
    is_contradicted: Flags  # (merged,)
    forbidden: Positions  # (forbidden,)
    disagreements: Positions  # (pair, 2)


def merge(model: ModelSpans, matches: Matches, gazetteer: Gazetteer) -> Merged:
    """Spans of a model and matches of a gazetteer in, those of both out."""
    policy = gazetteer.policy[matches.term]
    label = gazetteer.label[matches.term].astype(np.int64)
    equal = _equal(model, matches)
    agrees = (equal != NONE) & (label == np.append(model.label, NONE)[equal])

    forbids = np.flatnonzero((policy == FORBID) & (equal != NONE) & (agrees | (label == ANY)))
    _, first = np.unique(equal[forbids], return_index=True)
    forbidden = forbids[first]
    is_kept = np.ones(len(model.start), np.bool_)
    is_kept[equal[forbidden]] = False

    # Of a span that both found, the match that goes first.
    match_of = np.full(len(model.start), NONE)
    overrides = _longest(matches, np.flatnonzero(policy == OVERRIDE))
    is_same = agrees[overrides] & np.append(is_kept, False)[equal[overrides]]
    match_of[equal[overrides[is_same]]] = overrides[is_same]
    overrides = overrides[~is_same]
    dropped_for = _overlaps(model, matches, overrides, is_kept)
    is_kept[dropped_for[:, 1]] = False

    adds = np.flatnonzero(policy == ADD)
    both = adds[agrees[adds] & np.append(is_kept, False)[equal[adds]]][::-1]
    both = both[match_of[equal[both]] == NONE]
    match_of[equal[both]] = both  # where several are, the last of them, which goes first
    blocked_by = _overlaps(model, matches, adds, is_kept)
    is_free = ~np.isin(adds, blocked_by[:, 0]) & ~_is_within(matches, adds, overrides)
    added = _longest(matches, adds[is_free])

    kept = np.flatnonzero(is_kept)
    own = np.concatenate([overrides, added])
    starts = np.concatenate([model.start[kept], matches.start[own]])
    order = np.argsort(starts, kind="stable")
    pairs = np.concatenate([dropped_for, blocked_by])
    return Merged(
        span=np.append(kept, np.full(len(own), NONE))[order],
        match=np.append(match_of[kept], own)[order],
        is_contradicted=np.append(np.zeros(len(kept), np.bool_), np.isin(own, dropped_for[:, 0]))[
            order
        ],
        forbidden=forbidden,
        disagreements=pairs[label[pairs[:, 0]] != model.label[pairs[:, 1]]],
    )


def _equal(model: ModelSpans, matches: Matches) -> Positions:
    """The span of the model that has exactly the tokens of each match, or NONE."""
    span = np.searchsorted(model.start, matches.start)
    start, end = np.append(model.start, NONE)[span], np.append(model.end, NONE)[span]
    equal: Positions = np.where((start == matches.start) & (end == matches.end), span, NONE)
    return equal


def _overlaps(model: ModelSpans, matches: Matches, chosen: Positions, is_kept: Flags) -> Positions:
    """Pairs of one of the chosen matches and a kept span that it overlaps, (pair, 2)."""
    first = np.searchsorted(model.end, matches.start[chosen], side="right")
    counts = np.searchsorted(model.start, matches.end[chosen], side="left") - first
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    pairs = np.stack([np.repeat(chosen, counts), np.repeat(first, counts) + within], axis=1)
    kept: Positions = pairs[is_kept[pairs[:, 1]]]
    return kept


def _is_within(matches: Matches, chosen: Positions, others: Positions) -> Flags:
    """Whether each of the chosen matches overlaps others, which do not overlap each other."""
    first = np.searchsorted(matches.end[others], matches.start[chosen], side="right")
    stop = np.searchsorted(matches.start[others], matches.end[chosen], side="left")
    is_within: Flags = stop > first
    return is_within


def _longest(matches: Matches, chosen: Positions) -> Positions:
    """Of matches that overlap, the longest, the first in the text, the first of one place."""
    if not len(chosen):
        return chosen
    start, end = matches.start[chosen], matches.end[chosen]
    reach = np.maximum.accumulate(end)
    begins = np.append(True, start[1:] >= reach[:-1])  # of what overlaps nothing before it
    is_alone = begins & np.append(begins[1:], True)
    others = np.flatnonzero(~is_alone)
    order = others[np.lexsort((others, start[others], start[others] - end[others]))]
    taken = bytearray(int(reach[-1]))
    longest = []
    for match, first, stop in zip(
        order.tolist(), start[order].tolist(), end[order].tolist(), strict=True
    ):
        # Whatever is taken is no shorter, so one that overlaps it has one of its ends there.
        if not taken[first] and not taken[stop - 1]:
            taken[first:stop] = b"\x01" * (stop - first)
            longest.append(match)
    return chosen[np.sort(np.concatenate([np.flatnonzero(is_alone), longest]).astype(np.int64))]
