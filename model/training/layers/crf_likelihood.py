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
    from tensorflow_addons.text import crf_log_likelihood
else:
    from model.training.layers.forward_algorithm import crf_log_likelihood

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
    time = tf.shape(emissions)[1]
    first = tf.one_hot(tf.zeros_like(lengths), time)[:, :, None]  # (batch, time, 1)
    last = tf.one_hot(lengths - 1, time)[:, :, None]
    inputs = emissions + first * start + last * end
    likelihood, _ = crf_log_likelihood(inputs, tags, lengths, transitions)
    return likelihood
