"""Linear-chain CRF over a batch of sentences: decoding and forward-backward in logs.

A tag sequence y over emissions e scores
    start[y_0] + sum_t e[t, y_t] + sum_t transitions[y_{t-1}, y_t] + end[y_{n-1}]
and has probability exp(score) / Z (Lafferty et al. 2001; forward-backward as in Rabiner 1989).
Illegal starts, transitions and ends weigh -inf, so no sequence that holds one is ever decoded or
given probability.

Sentences lie end to end: `emissions` is (token, tag), `lengths` counts the tokens of each. Many
sentences advance together, longest first, so step t touches just those that are longer than t:
there is no padding, and the result cannot depend on the company a sentence is in.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.records import Ints, Positions

Scores = NDArray[np.float64]
Emissions = NDArray[np.float32] | NDArray[np.float64]

# Sentences and tokens that advance together. More sentences would leave the processor's cache: a
# step of `decode` has 1.2 MB with 17 tags; more tokens would only take memory. With more than 64
# tags, a step weighs so many pairs of tags, and a pack has so many scores, at most: 16 and 64 MB.
_PACKED_SENTENCES = 512
_PACKED_TOKENS = 131_072
_PAIRS = 512 * 64**2
_SCORES = 131_072 * 64
# float64's exp underflows at -708; this leaves room for the weight that it is multiplied with.
_FAR = 500.0


class TokenSpans(NamedTuple):
    """Spans as columns: tokens [start, end) of the batch, and the position of each one's label."""

    start: Positions  # (span,)
    end: Positions  # (span,)
    label: Positions  # (span,)


@dataclass(frozen=True)
class Potentials:
    """The CRF's own weights; -inf marks what is illegal."""

    start: Scores  # (tag,)
    transitions: Scores  # (tag, tag) from, to
    end: Scores  # (tag,)

    def __post_init__(self) -> None:
        tags = len(self.start)
        if self.transitions.shape != (tags, tags) or self.end.shape != (tags,):
            raise ValueError(
                f"potentials do not fit: start {self.start.shape}, "
                f"transitions {self.transitions.shape}, end {self.end.shape}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class PackedSentences:
    """Sentences that advance together: all first tokens, longest sentence first, then all second.

    Scores in this order are (tag, token): what a step touches is a slice of columns, and numpy's
    inner loops run along the sentences, which are many, and not along the tags.
    """

    sentences: Positions  # (sentence,) which ones, longest first
    tokens: Positions  # (token,) in packed order: where each stands in the input
    begins: Positions  # (time,) first column of each step
    last: Positions  # (sentence,) column of each sentence's last token
    steps: Sequence[tuple[slice, slice]]  # for t = 1, 2, ...: columns of t, and theirs at t - 1

    def columns(self, scores: Emissions) -> Scores:
        """(token, tag) in input order -> (tag, token) in packed order, a copy."""
        return scores[self.tokens].T.astype(np.float64, order="C")


def pack(lengths: Ints, tags: int, sentences: Positions | None = None) -> Iterator[PackedSentences]:
    """All sentences, or those that are named, in groups that keep temporary arrays in bounds."""
    most = max(1, min(_PACKED_SENTENCES, _PAIRS // tags**2))
    most_tokens = min(_PACKED_TOKENS, _SCORES // tags)
    if len(lengths) and lengths.min() < 1:
        raise ValueError("a sentence without tokens has no tag sequence")
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    chosen = np.arange(len(lengths)) if sentences is None else sentences
    order = chosen[np.argsort(-lengths[chosen], kind="stable")]
    while len(order):
        ends = np.cumsum(lengths[order[:most]], dtype=np.int64)
        count = max(1, int(np.searchsorted(ends, most_tokens, side="right")))
        yield _packed(lengths, starts, order[:count])
        order = order[count:]


def _packed(lengths: Ints, starts: Positions, order: Positions) -> PackedSentences:
    size = lengths[order].astype(np.int64)
    times = np.arange(size[0])
    alive = np.searchsorted(-size, -times, side="left")  # (time,) sentences longer than t
    ends = np.cumsum(alive)
    begins = ends - alive
    row = np.arange(ends[-1]) - np.repeat(begins, alive)  # of the sentence in `order`
    columns = zip(begins[:-1].tolist(), begins[1:].tolist(), alive[1:].tolist(), strict=True)
    return PackedSentences(
        sentences=order,
        tokens=starts[order][row] + np.repeat(times, alive),
        begins=begins,
        last=begins[size - 1] + np.arange(len(order)),
        steps=[
            (slice(now, now + count), slice(before, before + count))
            for before, now, count in columns
        ],
    )


def decode(potentials: Potentials, emissions: Emissions, lengths: Ints) -> Ints:
    """The most probable tag of every token, (token,): Viterbi, one sequence a sentence."""
    tags = np.empty(len(emissions), np.int32)
    into = potentials.transitions[:, :, None]  # (from, to, 1)
    for packed in pack(lengths, len(potentials.start)):
        scores = packed.columns(emissions)  # (tag, token) best score of a path ending here
        scores[:, : len(packed.sentences)] += potentials.start[:, None]
        for now, before in packed.steps:
            paths = scores[:, None, before] + into  # (from, to, sentence)
            scores[:, now] += paths.max(axis=0)
        best = np.empty(len(packed.tokens), np.int32)
        best[packed.last] = (scores[:, packed.last] + potentials.end[:, None]).argmax(axis=0)
        for now, before in reversed(packed.steps):
            # The best predecessor is found again from the scores: one tag a token, not one a tag.
            paths = scores[:, before] + potentials.transitions[:, best[now]]  # (from, sentence)
            best[before] = paths.argmax(axis=0)
        tags[packed.tokens] = best
    return tags


def forward(potentials: Potentials, emissions: Emissions, lengths: Ints) -> tuple[Scores, Scores]:
    """Log forward scores (token, tag) and log Z of every sentence (sentence,), in input order."""
    scores = np.empty(emissions.shape)
    log_z = np.empty(len(lengths))
    weights = np.exp(potentials.transitions.T)  # (to, from)
    for packed in pack(lengths, len(potentials.start)):
        alpha = packed.columns(emissions)
        alpha[:, : len(packed.sentences)] += potentials.start[:, None]
        for now, before in packed.steps:
            alpha[:, now] += _log_matmul(weights, potentials.transitions.T, alpha[:, before])
        log_z[packed.sentences] = logsumexp(alpha[:, packed.last] + potentials.end[:, None])
        scores[packed.tokens] = alpha.T
    return scores, log_z


def backward(potentials: Potentials, emissions: Emissions, lengths: Ints) -> Scores:
    """Log backward scores (token, tag): all that follows a token, its own emission left out."""
    scores = np.empty(emissions.shape)
    weights = np.exp(potentials.transitions)  # (from, to)
    for packed in pack(lengths, len(potentials.start)):
        following = packed.columns(emissions)
        beta = np.empty(following.shape)
        beta[:, packed.last] = potentials.end[:, None]
        for now, before in reversed(packed.steps):
            after = following[:, now] + beta[:, now]
            beta[:, before] = _log_matmul(weights, potentials.transitions, after)
        scores[packed.tokens] = beta.T
    return scores


def marginals(potentials: Potentials, emissions: Emissions, lengths: Ints) -> Scores:
    """The probability of each tag at each token, (token, tag): a row adds up to 1."""
    alpha, log_z = forward(potentials, emissions, lengths)
    beta = backward(potentials, emissions, lengths)
    probabilities: Scores = np.exp(alpha + beta - np.repeat(log_z, lengths)[:, None])
    return probabilities


def _log_matmul(weights: Scores, log_weights: Scores, scores: Scores) -> Scores:
    """log(weights @ exp(scores)), (tag, sentence), without overflow or underflow."""
    shift = scores.max(axis=0)
    behind = scores - shift
    with np.errstate(divide="ignore"):  # log 0 = -inf is what an unreachable tag must get
        result: Scores = np.log(weights @ np.exp(behind)) + shift
    if behind.min() < -_FAR:
        # A tag that far behind comes out as exp = 0, and so do those that only it leads to.
        far = ((behind < -_FAR) & (behind > -np.inf)).any(axis=0)
        for column in np.flatnonzero(far).tolist():
            result[:, column] = logsumexp((log_weights + scores[:, column]).T)
    return result


def logsumexp(scores: Scores) -> Scores:
    """log(sum(exp(scores))) over the first axis, (tag, ...) -> (...,)."""
    shift = scores.max(axis=0)
    shift = np.where(np.isfinite(shift), shift, 0.0)
    with np.errstate(divide="ignore"):
        result: Scores = np.log(np.exp(scores - shift).sum(axis=0)) + shift
    return result
