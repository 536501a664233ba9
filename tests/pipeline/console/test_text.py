"""Words for people: what an error says without a value of what was read."""

import pickle

import pytest

from pipeline.console.text import cause
from schemas.errors import RecordError, ShardError


@pytest.mark.parametrize(
    "error",
    [
        ValueError("could not convert string to float: 'secret'"),
        ValueError("it is inside 'é' (bytes 1..3) of `it's 'secret' and \"more\"`"),
        OSError("Not a gzipped file (b'secret')"),
        ValueError("Could not convert 'secret' with type str: tried to convert to int64"),
        ValueError("an end that is cut off: 'secret"),
        KeyError("secret"),
        KeyError("a secret"),
        LookupError("secret"),
        ShardError("There is no column 'a'; the columns are secret.", "There is no column 'a'."),
    ],
)
def test_a_cause_quotes_no_value(error: Exception) -> None:
    assert "secret" not in cause(error)
    assert cause(error)


def test_a_cause_says_what_is_no_value() -> None:
    assert cause(RecordError("The text field 'text' is missing.")) == (
        "The text field 'text' is missing"
    )
    assert cause(OSError(28, "No space left on device", "/in/secret")) == "No space left on device"
    assert cause(ValueError("it isn't 'so' and can't be")) == "it isn't '…' and can't be"
    assert cause(MemoryError()) == "MemoryError without a message"
    again = pickle.loads(pickle.dumps(ShardError("with names", "without")))  # noqa: S301 - its own
    assert (str(again), again.nameless) == ("with names", "without")
