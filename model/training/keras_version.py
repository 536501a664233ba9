"""The seam to Keras: each module of training has `keras` and `layers` from here.

On Python 3.11 it is the package keras, 2.15, the one that tensorflow-addons goes with. Later
Pythons need TensorFlow 2.20 or newer, which that Keras does not know. There it is tf-keras: the
same API with the same inner parts, kept up for each TensorFlow. Keras 3 would need a second code
path: its variables are no `tf.Variable`, so that neither `tf.custom_gradient` (the BiLSTM) nor
updates of single rows (LazyAdam) take them, and its optimizers have no `minimize` and other inner
parts.
"""

import sys

if sys.version_info < (3, 12):
    import keras
    from keras import layers
else:
    import tf_keras as keras
    from tf_keras import layers

__all__ = ["keras", "layers"]
