"""Where a training stands after an epoch: in memory, and in one file to resume from."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from model.host.durable_files import replace_file
from model.host.regular_files import open_regular
from model.tagger.vocabulary import Vocabulary
from model.training.averaging import WeightAverage
from model.training.configuration import TrainingConfig
from model.training.data.batches import EncodedSentences
from model.training.network import BiLSTMCRF
from schemas.errors import STOPS, UsageError

Arrays = list[NDArray[Any]]

_STATE_VERSION = 2
_PROGRESS = ("history", "kept_epoch", "stopped")


class TrainingState:
    """What an epoch leaves behind: weights, moments, averages, the kept weights, the curves.

    Draws and batches follow from seed, step and epoch, so there is no random state to keep.
    """

    def __init__(self, model: BiLSTMCRF, average: WeightAverage, identity: str) -> None:
        self.model = model
        self.average = average
        self.identity = identity
        self.history: dict[str, list[float]] = {}
        self.kept_epoch = 0  # from 1; 0: none yet
        self.kept_weights: Arrays = model.get_weights()
        self.stopped = False

    @property
    def epochs(self) -> int:
        """Epochs that are done."""
        return len(next(iter(self.history.values()), []))

    def record(self, logs: dict[str, float]) -> None:
        """Append the logged values of an epoch."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))

    def save(self, file: Path) -> None:
        """Write all of it; the file is replaced at once, so a kill leaves the one before.

        Raises OSError where it cannot be written, and leaves the one before then too.
        """
        arrays = {
            f"{group}.{n:04}": np.asarray(value)
            for group, values in self._groups().items()
            for n, value in enumerate(values)
        }
        progress = {name: getattr(self, name) for name in ("identity", *_PROGRESS)}
        data = safetensors.numpy.save(arrays, {"progress": json.dumps(progress)})
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, data)

    def load(self, file: Path) -> None:
        """Go on from a file; raises UsageError where it is no such file, or of another training."""
        try:
            open_regular(file).close()
            with safetensors.safe_open(file, "numpy") as stored:
                progress = _checked(json.loads(stored.metadata()["progress"]))
                if progress["identity"] != self.identity:
                    raise UsageError(
                        f"{file} is of a training with other data or settings: "
                        "resume with the same flags, or remove it to start anew"
                    )
                names = sorted(stored.keys())
                groups = {
                    group: [stored.get_tensor(n) for n in names if n.startswith(f"{group}.")]
                    for group in self._groups()
                }
            if list(map(np.shape, groups["kept"])) != list(map(np.shape, groups["weights"])):
                raise ValueError("the kept weights have other shapes than the last")
            self.model.set_weights(groups["weights"])
            variables = [*self._optimizer_variables(), *self.average.averages]
            values = [*groups["optimizer"], *groups["averages"]]
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        except UsageError:
            raise
        except BaseException as error:  # by what it holds, any of safetensors, JSON and TensorFlow
            if isinstance(error, STOPS):
                raise
            reason = f"{error}".partition("\n")[0]
            raise UsageError(f"{file} cannot be resumed from: {reason}") from error
        self.kept_weights = groups["kept"]
        for name in _PROGRESS:
            setattr(self, name, progress[name])

    def _groups(self) -> dict[str, Arrays]:
        return {
            "weights": self.model.get_weights(),
            "optimizer": _values(self._optimizer_variables()),
            "averages": _values(self.average.averages),
            "kept": self.kept_weights,
        }

    def _optimizer_variables(self) -> list[Any]:
        # The learning rate is a schedule of the step, and no variable.
        return list(self.model.optimizer.variables)


def fingerprint(
    parts: Sequence[EncodedSentences],
    model: BiLSTMCRF,
    vocabulary: Vocabulary,
    config: TrainingConfig,
) -> str:
    """What a training may be resumed with: equal data and settings, but for verbosity and time."""
    settings = [
        _STATE_VERSION,
        asdict(model.config),
        asdict(replace(config, verbose=0, max_minutes=0.0)),
        model.crf.tags.tags,
        vocabulary.words,
        vocabulary.characters,
    ]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    arrays = [array for part in parts for array in part.identity]
    for array in (*arrays, model.word_features.vectors.numpy()):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _checked(progress: dict[str, Any]) -> dict[str, Any]:
    """The progress as it was saved; raises ValueError where it cannot have been."""
    history, kept_epoch = progress["history"], progress["kept_epoch"]
    curves = list(history.values()) if isinstance(history, dict) else [None]
    if not all(isinstance(curve, list) and set(map(type, curve)) <= {float} for curve in curves):
        raise ValueError("its history is no list of numbers for each curve")
    if type(kept_epoch) is not int or not isinstance(progress["stopped"], bool):
        raise ValueError("it does not say which epoch is kept")
    return progress


def _values(variables: Iterable[Any]) -> Arrays:
    return [variable.numpy() for variable in variables]
