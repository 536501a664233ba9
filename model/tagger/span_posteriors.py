"""The probability of exactly a span: forward-backward over the sentences that hold one.

Forward scores are numbers that are divided by their largest at every step, and backward scores by
the same (Rabiner 1989, section V.A): a product where logs take an exp and a log for each tag. Where
a sentence's scores lie too far apart for that, `model.tagger.crf` sums them again in logs.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.tagger import crf
from model.tagger.crf import Emissions, PackedSentences, Potentials, Scores, TokenSpans
from model.tags import SpanTags
from schemas.records import Ints, Positions

# A forward score below this share of its step's largest may have lost digits.
SMALLEST = 1e-200


class _Scaled(NamedTuple):
    """Scores of packed sentences, divided at each step by its largest forward score."""

    weights: Scores  # (tag, tag) exp of the transitions
    end: Scores  # (tag,) exp of the end scores
    alpha: Scores  # (tag, token)
    beta: Scores  # (tag, token)
    emitted: Scores  # (tag, token) exp of the emissions, divided as their step is
    z: Scores  # (sentence,)


class _Places(NamedTuple):
    """Where spans lie in packed sentences."""

    row: Positions  # (span,) the sentence's
    first: Positions  # (span,) the span's first token, counted in its sentence
    size: Positions  # (span,) tokens
    is_last: NDArray[np.bool_]  # (span,) whether it ends with its sentence


def span_posteriors(
    potentials: Potentials,
    emissions: Emissions,
    lengths: Ints,
    spans: TokenSpans,
    span_tags: SpanTags,
) -> Scores:
    """Probability of exactly each span with its label: not a token longer, not one shorter.

    The mass of all tag sequences that have the span's tags at its tokens, and do not go on inside
    it at the token after. (In BIOES they cannot: `I-x` has no weight after `E-x` or `S-x`.)
    """
    posteriors = np.empty(len(spans.start))
    ends = np.cumsum(lengths, dtype=np.int64)
    sentence = np.searchsorted(ends, spans.start, side="right")  # (span,)
    for packed in crf.pack(lengths, len(potentials.start), np.unique(sentence)):
        row = np.full(len(lengths), -1)
        row[packed.sentences] = np.arange(len(packed.sentences))
        mine = np.flatnonzero(row[sentence] >= 0)
        start, end, label = (column[mine] for column in spans)
        stop = ends[sentence[mine]]
        places = _Places(
            row[sentence[mine]],
            start - stop + lengths[sentence[mine]],
            end - start,
            end == stop,
        )
        own_tags = SpanTags(*(tags[label] for tags in span_tags))  # (span,) each
        scaled = _scaled(potentials, packed.columns(emissions), packed)
        posteriors[mine] = _posteriors(scaled, packed.begins, places, own_tags)
        again = mine[_doubtful(potentials, scaled, packed)[places.row]]
        if len(again):
            few = TokenSpans(*(column[again] for column in spans))
            posteriors[again] = posteriors_in_logs(potentials, emissions, lengths, few, span_tags)
    return posteriors


def _scaled(potentials: Potentials, emissions: Scores, packed: PackedSentences) -> _Scaled:
    """`emissions`: (tag, token) in packed order, overwritten."""
    # What overflows, vanishes or becomes no number here is what `_doubtful` looks for.
    with np.errstate(all="ignore"):
        weights, end = np.exp(potentials.transitions), np.exp(potentials.end)
        into = np.ascontiguousarray(weights.T)  # (to, from)
        emissions -= emissions.max(axis=0)
        emitted = np.exp(emissions, out=emissions)
        alpha, beta = np.empty_like(emitted), np.empty_like(emitted)
        largest = np.empty(emitted.shape[1])
        count = len(packed.sentences)
        ahead = emitted[:, :count] * np.exp(potentials.start)[:, None]
        largest[:count] = ahead.max(axis=0)
        alpha[:, :count] = ahead / largest[:count]
        for now, before in packed.steps:
            ahead = into @ alpha[:, before]
            ahead *= emitted[:, now]
            largest[now] = ahead.max(axis=0)
            np.divide(ahead, largest[now], out=alpha[:, now])
        emitted /= largest
        beta[:, packed.last] = end[:, None]
        for now, before in reversed(packed.steps):
            np.matmul(weights, emitted[:, now] * beta[:, now], out=beta[:, before])
        return _Scaled(weights, end, alpha, beta, emitted, end @ alpha[:, packed.last])


def _doubtful(
    potentials: Potentials, scaled: _Scaled, packed: PackedSentences
) -> NDArray[np.bool_]:
    """The sentences where a tag that can be reached has too small a score, (sentence,)."""
    legal = potentials.transitions > -np.inf
    reached = [potentials.start > -np.inf]
    for _ in packed.begins[1:]:
        reached.append(legal[reached[-1]].any(axis=0))
    alive = np.diff(packed.begins, append=scaled.alpha.shape[1])  # (time,)
    reachable = np.repeat(np.array(reached).T, alive, axis=1)  # (tag, token)
    lost = (reachable & ~(scaled.alpha > SMALLEST)) | ~np.isfinite(scaled.beta)
    columns = np.flatnonzero(lost.any(axis=0))
    doubtful = ~(scaled.z > SMALLEST)
    doubtful[columns - np.repeat(packed.begins, alive)[columns]] = True
    return doubtful


def _posteriors(scaled: _Scaled, begins: Positions, places: _Places, own_tags: SpanTags) -> Scores:
    """own_tags: those of each span's label, (span,) each."""
    row, first, size, is_last = places
    begin, inside, end, single = own_tags
    with np.errstate(all="ignore"):  # as above
        tag = np.where(size > 1, begin, single)
        score = scaled.alpha[tag, begins[first] + row]
        step, going = 1, np.flatnonzero(size > 1)  # the spans that are longer than the step
        while len(going):
            column = begins[first[going] + step] + row[going]
            to = np.where(size[going] > step + 1, inside[going], end[going])
            score[going] *= scaled.weights[tag[going], to] * scaled.emitted[to, column]
            tag[going] = to
            step, going = step + 1, going[size[going] > step + 1]
        following = begins[np.where(is_last, 0, first + size)] + row
        leave = scaled.weights[tag].T * scaled.emitted[:, following] * scaled.beta[:, following]
        leave[inside, np.arange(len(inside))] = 0.0  # (tag, span)
        score *= np.where(is_last, scaled.end[tag], leave.sum(axis=0))
        posteriors: Scores = np.minimum(score / scaled.z[row], 1.0)
    return posteriors


def posteriors_in_logs(
    potentials: Potentials,
    emissions: Emissions,
    lengths: Ints,
    spans: TokenSpans,
    span_tags: SpanTags,
) -> Scores:
    """As `span_posteriors`, one sentence at a time and for scores of any size."""
    ends = np.cumsum(lengths, dtype=np.int64)
    posteriors = np.empty(len(spans.start))
    summed = -1  # the sentence that the sums are of; spans of one follow each other
    for n, (start, end, label) in enumerate(zip(*map(np.ndarray.tolist, spans), strict=True)):
        sentence = int(np.searchsorted(ends, start, side="right"))
        if sentence != summed:
            summed, first = sentence, int(ends[sentence] - lengths[sentence])
            scores = emissions[first : ends[sentence]]
            size = lengths[sentence : sentence + 1]
            alpha, log_z = crf.forward(potentials, scores, size)
            beta = crf.backward(potentials, scores, size)
        begin, inside, last, single = (int(tags[label]) for tags in span_tags)
        between = [inside] * (end - start - 2)
        tags = np.array([begin, *between, last] if end - start > 1 else [single])
        score = alpha[start - first, tags[0]] + potentials.transitions[tags[:-1], tags[1:]].sum()
        score += scores[np.arange(start + 1, end) - first, tags[1:]].sum(dtype=np.float64)
        if end == ends[sentence]:
            score += potentials.end[tags[-1]]
        else:
            leave = potentials.transitions[tags[-1]] + scores[end - first]
            leave += beta[end - first]
            leave[inside] = -np.inf
            score += crf.logsumexp(leave)
        posteriors[n] = np.exp(min(score - log_z[0], 0.0))
    return posteriors
