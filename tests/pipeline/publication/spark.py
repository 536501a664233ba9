"""Published tables as Spark finds them, where the environment names one (`make test-spark`)."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

SCRIPT = Path(__file__).parents[3] / ".ci/published_with_spark.py"


class SparkTable(TypedDict):
    """A table in Spark's words: types of its columns, and rows as `readers.as_counts` has them."""

    types: dict[str, str]
    rows: dict[str, int]


# By target and table: what stands there when it is asked for.
Ask = Callable[[], Mapping[str, Mapping[str, SparkTable]]]


@contextmanager
def asked_spark(root: Path, folder: Path, query: str) -> Iterator[Ask | None]:
    """One Spark that is asked as often as one likes; None where there is none.

    root: an output with tables of Delta in it and of Iceberg; folder: with its others of Delta;
    query: what it is to find in `entities` and `names`, as the table `joined`.
    """
    interpreter, jars = (os.environ.get(f"GLEANER_SPARK{name}") for name in ("", "_JARS"))
    if not (interpreter and jars):
        yield None
        return
    command = [interpreter, str(SCRIPT), jars, str(root), str(folder), query]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, text=True) as spark,
    ):

        def ask() -> Mapping[str, Mapping[str, SparkTable]]:
            assert spark.stdin
            assert spark.stdout
            spark.stdin.write("\n")
            spark.stdin.flush()
            answer = spark.stdout.readline()
            if not answer:
                log.seek(0)
                raise AssertionError(f"Spark has stopped: {log.read()[-5000:]}")
            found: Mapping[str, Mapping[str, SparkTable]] = json.loads(answer)
            return found

        yield ask
