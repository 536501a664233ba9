"""Linear-chain CRF over a batch of sentences: decoding, forward-backward, span posteriors.

A tag sequence y over emissions e scores
    start[y_0] + sum_t e[t, y_t] + sum_t transitions[y_{t-1}, y_t] + end[y_{n-1}]
and has probability exp(score) / Z (Lafferty et al. 2001; forward-backward as in Rabiner 1989).
Illegal starts, transitions and ends weigh -inf, so no sequence that holds one is ever decoded or
given probability.

Sentences lie end to end: `emissions` is (token, tag), `lengths` counts the tokens of each. All
sentences advance together, longest first, so step t touches just those that are longer than t:
there is no padding, and the result cannot depend on the company a sentence is in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.records import Ints

Scores = NDArray[np.float64]
Positions = NDArray[np.int64]
Emissions = NDArray[np.float32] | NDArray[np.float64]

# float64's exp underflows at -708; this leaves room for the weight that it is multiplied with.
_FAR = 500.0


class TokenSpans(NamedTuple):
    """Spans as columns: tokens [start, end) of the batch, and the tag that begins each."""

    start: Positions  # (span,)
    end: Positions  # (span,)
    begin_tag: Positions  # (span,)


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


class _Steps(NamedTuple):
    """The order of work: sentences longest first, and how many are alive at each step."""

    first: Positions  # (sentence,) first token of each sentence, longest sentence first
    last: Positions  # (sentence,) last token of each
    alive: Positions  # (time,) sentences longer than t

    def forward(self) -> Iterator[tuple[Positions, int]]:
        """Tokens of step t and their number, for t = 1, 2, ..."""
        for t in range(1, len(self.alive)):
            count = int(self.alive[t])
            yield self.first[:count] + t, count

    def backward(self) -> Iterator[tuple[Positions, int]]:
        for t in range(len(self.alive) - 1, 0, -1):
            count = int(self.alive[t])
            yield self.first[:count] + t, count


def _steps(lengths: Ints) -> _Steps:
    if len(lengths) and lengths.min() < 1:
        raise ValueError("a sentence without tokens has no tag sequence")
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    order = np.argsort(-lengths, kind="stable")
    longest_first = lengths[order].astype(np.int64)
    first = starts[order]
    times = np.arange(longest_first[0] if len(order) else 0)
    alive = np.searchsorted(-longest_first, -times, side="left")
    return _Steps(first, first + longest_first - 1, alive)


def decode(potentials: Potentials, emissions: Emissions, lengths: Ints) -> Ints:
    """The most probable tag of every token, (token,): Viterbi, one sequence a sentence."""
    steps = _steps(lengths)
    scores = np.array(emissions, np.float64)  # (token, tag) best score of a path ending here
    scores[steps.first] += potentials.start
    into = potentials.transitions[:, None, :]  # (from, 1, to)
    for tokens, _ in steps.forward():
        # Reducing over the first axis keeps numpy's inner loop long and contiguous.
        paths = scores[tokens - 1].T[:, :, None] + into  # (from, sentence, to)
        scores[tokens] += paths.max(axis=0)
    tags = np.empty(len(scores), np.int32)
    tags[steps.last] = (scores[steps.last] + potentials.end).argmax(axis=1)
    towards = potentials.transitions.T  # (to, from)
    for tokens, _ in steps.backward():
        # The best predecessor is found again from the scores: one tag a token, not one a tag.
        tags[tokens - 1] = (scores[tokens - 1] + towards[tags[tokens]]).argmax(axis=1)
    return tags


def forward(potentials: Potentials, emissions: Emissions, lengths: Ints) -> tuple[Scores, Scores]:
    """Log forward scores (token, tag) and log Z of every sentence (sentence,), in input order."""
    steps = _steps(lengths)
    alpha = np.array(emissions, np.float64)
    alpha[steps.first] += potentials.start
    weights = np.exp(potentials.transitions)
    for tokens, _ in steps.forward():
        alpha[tokens] += _log_matmul(alpha[tokens - 1], weights, potentials.transitions)
    ends = np.cumsum(lengths, dtype=np.int64) - 1
    return alpha, _logsumexp(alpha[ends] + potentials.end)


def backward(potentials: Potentials, emissions: Emissions, lengths: Ints) -> Scores:
    """Log backward scores (token, tag): all that follows a token, its own emission left out."""
    steps = _steps(lengths)
    beta = np.empty(emissions.shape, np.float64)
    beta[steps.last] = potentials.end
    weights = np.exp(potentials.transitions.T)
    for tokens, _ in steps.backward():
        following = beta[tokens] + emissions[tokens]
        beta[tokens - 1] = _log_matmul(following, weights, potentials.transitions.T)
    return beta


def span_posteriors(
    potentials: Potentials,
    emissions: Emissions,
    lengths: Ints,
    spans: TokenSpans,
    inside_of: Ints,
) -> Scores:
    """Probability of exactly each span with its label: not a token longer, not one shorter.

    The mass of all tag sequences that begin the span at its first token, stay inside up to its
    last, and do not stay inside after it. `inside_of`: (tag,) the tag that continues a span.
    """
    if not len(spans.start):
        return np.zeros(0)
    alpha, log_z = forward(potentials, emissions, lengths)
    beta = backward(potentials, emissions, lengths)
    ends = np.cumsum(lengths, dtype=np.int64)
    sentence = np.searchsorted(ends, spans.start, side="right")
    inside = inside_of[spans.begin_tag].astype(np.int64)
    last = spans.end - 1
    long = last > spans.start

    score = alpha[spans.start, spans.begin_tag]
    score = score + np.where(long, _inside_scores(potentials, emissions, spans, inside), 0.0)
    last_tag = np.where(long, inside, spans.begin_tag)

    at_end = spans.end == ends[sentence]
    following = np.where(at_end, last, spans.end)  # any valid token where there is none
    leave = potentials.transitions[last_tag] + emissions[following] + beta[following]
    leave[np.arange(len(inside)), inside] = -np.inf  # (span, tag)
    score += np.where(at_end, potentials.end[last_tag], _logsumexp(leave))
    posteriors: Scores = np.exp(np.minimum(score - log_z[sentence], 0.0))
    return posteriors


def _inside_scores(
    potentials: Potentials, emissions: Emissions, spans: TokenSpans, inside: Positions
) -> Scores:
    """Score of the steps from each span's first token to its last, through its inside tag."""
    # Sums over a range are differences of running sums; float64 keeps them exact to 1e-10.
    running = np.zeros((len(emissions) + 1, emissions.shape[1]))
    np.cumsum(emissions, axis=0, dtype=np.float64, out=running[1:])
    emitted = running[spans.end, inside] - running[spans.start + 1, inside]
    steps = spans.end - spans.start - 2
    stay = potentials.transitions[inside, inside]
    stays = np.where(steps > 0, steps, 0) * np.where(steps > 0, stay, 0.0)
    entered: Scores = potentials.transitions[spans.begin_tag, inside] + stays + emitted
    return entered


def _log_matmul(scores: Scores, weights: Scores, log_weights: Scores) -> Scores:
    """log(exp(scores) @ weights), (sentence, tag), without overflow or underflow."""
    shift = scores.max(axis=1, keepdims=True)
    behind = scores - shift
    with np.errstate(divide="ignore"):  # log 0 = -inf is what an unreachable tag must get
        result: Scores = np.log(np.exp(behind) @ weights) + shift
    if behind.min() < -_FAR:
        # A tag that far behind comes out as exp = 0, and so do those that only it leads to.
        far = ((behind < -_FAR) & (behind > -np.inf)).any(axis=1)
        for row in np.flatnonzero(far).tolist():
            result[row] = _logsumexp((scores[row][:, None] + log_weights).T)
    return result


def _logsumexp(scores: Scores) -> Scores:
    shift = scores.max(axis=1)
    shift = np.where(np.isfinite(shift), shift, 0.0)
    with np.errstate(divide="ignore"):
        result: Scores = np.log(np.exp(scores - shift[:, None]).sum(axis=1)) + shift
    return result
