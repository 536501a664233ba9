"""The CRF's log-likelihood, for training only, and the seam to tensorflow-addons.

tensorflow-addons gives it where that has a release, on Python 3.11; elsewhere a forward algorithm
of our own, with equal values and gradients. Neither knows start and end scores or forbidden
transitions, so they come in through the inputs: a start score is part of the first emission, an
end score of the last, and what is illegal weighs -10,000, which float32 turns into a probability of
exactly 0. The addons' `CRF` layer is not used: it sums the mask as int8 and cannot be reloaded.
"""

import sys

import tensorflow as tf

if sys.version_info < (3, 12):
    from tensorflow_addons.text import crf_log_likelihood, crf_log_norm
else:
    from model.training.layers.forward_algorithm import crf_log_likelihood, crf_log_norm

ILLEGAL = -1e4


def log_likelihood(
    emissions: tf.Tensor,
    tags: tf.Tensor,
    lengths: tf.Tensor,
    start: tf.Tensor,
    transitions: tf.Tensor,
    end: tf.Tensor,
) -> tf.Tensor:
    """Log probability of `tags` for each sentence, (batch,).

    emissions: (batch, time, tag); tags: (batch, time); lengths: (batch,), at least 1;
    start, end: (tag,); transitions: (tag, tag) from, to. Padding right of a length is not read.
    """
    lengths = tf.cast(lengths, tf.int32)
    inputs = _with_ends(emissions, lengths, start, end)
    likelihood, _ = crf_log_likelihood(inputs, tags, lengths, transitions)
    return likelihood


def silver_log_likelihood(
    emissions: tf.Tensor,
    possible: tf.Tensor,
    certainty: tf.Tensor,
    lengths: tf.Tensor,
    start: tf.Tensor,
    transitions: tf.Tensor,
    end: tf.Tensor,
) -> tf.Tensor:
    """Log probability of what a teacher who may be wrong tells of each sentence's tags, (batch,).

    possible: (batch, time, tag), 1 for the tags that a token may have by what is told of it, else
    0; certainty: (batch, time), 0 to 1. With that probability the teacher knows, else anything is
    told: the tags that are not possible are by so much less likely, and with a certainty of 1 they
    are out of question. A token whose tags are all possible, or whose certainty is 0, says nothing.
    With one possible tag each and certainties of 1 it is `log_likelihood`, which takes half the
    time. Otherwise as there.
    """
    lengths = tf.cast(lengths, tf.int32)
    inputs = _with_ends(emissions, lengths, start, end)
    tags = tf.cast(tf.shape(emissions)[2], emissions.dtype)
    guessed = (1 - certainty) / tags
    against = tf.maximum(tf.math.log(guessed / (certainty + guessed)), ILLEGAL)  # (batch, time)
    told = inputs + (1 - possible) * against[:, :, None]
    told_norm = crf_log_norm(told, lengths, transitions)
    return told_norm - crf_log_norm(inputs, lengths, transitions)


def _with_ends(
    emissions: tf.Tensor, lengths: tf.Tensor, start: tf.Tensor, end: tf.Tensor
) -> tf.Tensor:
    """Emissions with the start score in each sentence's first token, the end score in its last."""
    time = tf.shape(emissions)[1]
    first = tf.one_hot(tf.zeros_like(lengths), time)[:, :, None]  # (batch, time, 1)
    last = tf.one_hot(lengths - 1, time)[:, :, None]
    return emissions + first * start + last * end
