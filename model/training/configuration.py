"""How a tagger is built and fitted; fields are called as the flags are, and as in Keras."""

from dataclasses import dataclass

from model.tags import SCHEMES
from schemas.errors import UsageError

_SEEDS = 2**32  # numpy's
# What training logs at the end of an epoch.
MONITORED = ("loss", "val_f1", "val_loss", "val_precision", "val_recall")


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise UsageError(f"--{name} is {value}, expected {expected}")


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes and regularisation of the network. Raises UsageError naming a value that is off."""

    embedding_size: int = 100
    character_size: int = 24
    character_filters: int = 48
    character_width: int = 3
    casing_size: int = 8
    units: int = 100
    dropout: float = 0.5
    input_dropout: float = 0.3
    recurrent_dropout: float = 0.2
    word_dropout: float = 0.03
    kernel_initializer: str = "glorot_uniform"

    def __post_init__(self) -> None:
        for name in (
            "embedding_size",
            "character_size",
            "character_filters",
            "character_width",
            "casing_size",
            "units",
        ):
            value = getattr(self, name)
            _require(value >= 1, name, value, "at least 1")
        for name in ("dropout", "input_dropout", "recurrent_dropout", "word_dropout"):
            value = getattr(self, name)
            _require(0 <= value < 1, name, value, "at least 0 and below 1")


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is fitted. Raises UsageError naming a value that is off."""

    scheme: str = "BIO"
    batch_size: int = 64
    epochs: int = 6
    optimizer: str = "adam"
    learning_rate: float = 0.004
    final_rate: float = 0.1
    clipnorm: float = 5.0
    average_decay: float = 0.998
    min_word_count: int = 1
    vocabulary_size: int = 400_000
    unknown_rate: float = 0.5
    monitor: str = "val_f1"
    mode: str = "auto"
    save_best_only: bool = True
    patience: int = 0
    verbose: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs", "min_word_count"):
            value = getattr(self, name)
            _require(value >= 1, name, value, "at least 1")
        for name in ("learning_rate", "clipnorm"):
            value = getattr(self, name)
            _require(value > 0, name, value, "more than 0")
        for name in ("unknown_rate", "patience", "vocabulary_size"):
            value = getattr(self, name)
            _require(value >= 0, name, value, "at least 0")
        _require(0 <= self.seed < _SEEDS, "seed", self.seed, f"from 0 to {_SEEDS - 1}")
        _require(self.scheme in SCHEMES, "scheme", self.scheme, f"one of {', '.join(SCHEMES)}")
        _require(0 <= self.final_rate <= 1, "final_rate", self.final_rate, "from 0 to 1")
        _require(
            0 <= self.average_decay < 1, "average_decay", self.average_decay, "at least 0, below 1"
        )
        _require(
            self.monitor in MONITORED, "monitor", self.monitor, f"one of {', '.join(MONITORED)}"
        )
        _require(self.mode in ("auto", "max", "min"), "mode", self.mode, "auto, max or min")
        _require(self.verbose in (0, 1, 2), "verbose", self.verbose, "0, 1 or 2")

    @property
    def best(self) -> str:
        """Whether the best monitored value is the largest (max) or the smallest (min).

        Keras's own "auto" would take the smallest `val_f1` for the best.
        """
        if self.mode != "auto":
            return self.mode
        return "min" if self.monitor.endswith("loss") else "max"
