"""Manifests that are cut off, edited or made up: each is refused by name, or does no harm.

Whatever stands in one, no command ends otherwise than it says, and nothing of others is removed.
"""

import contextlib
import copy
import io
import json
import math
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jobs.runs.__main__ import run
from pipeline.run import run as extract
from schemas.errors import JobError
from tests.builders import PART_A

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MakeOutput

CODES = {0, 1, 2}
MANY, SOME = 20_000, 400
BATCH = 1_000

COMMANDS: Sequence[Sequence[str]] = (
    ["list"],
    ["list", "--json"],
    ["show", "r1"],
    ["show", "r3", "--json"],
    ["verify"],
    ["diff", "r1", "r2"],
    ["view"],
    ["view", "--engine=trino"],
    ["view", "--engine=spark"],
    ["rollback", "r2"],
    ["forget", "--doc_id=a1"],
    ["forget", "--source=/in/b"],
    ["compact"],
    ["expire", "--older_than=0"],
    ["clean"],
)
ODD: Sequence[Any] = (
    *(None, True, -1, 0, 1, 7.5, 10**30, -(10**30), 1e308, math.nan, math.inf, "", "x", "..", "/"),
    *("../../notes.txt", f"entities/run_id=r1/../../{PART_A}", f"documents/run_id=r2/{PART_A}"),
    *("r1", "r2", "c1", "committed", "failed", "rolled_back", "rolled back on 2026", "\x1b[31m"),
    *("\ud800", "2026-01-01", "9999-12-31T23:59:59.999999+00:00", "0001-01-01T00:00:00+00:00"),
    *([], {}, [None], [[]], {"": {}}, [".."], ["r1", "r2"], {"path": ".."}, {"files": []}),
)


@pytest.fixture(scope="module")
def whole(make_output: "MakeOutput") -> Path:
    """An output with runs of every kind, and files of somebody else in it."""
    output = make_output()
    output.commit("r0", output.read("/in/z", ("z1",)))
    output.commit("c0", output.read("/in/y", ("y1",)))
    assert run(["compact", f"--output={output.root}"]) == 0
    output.commit("r1", output.read("/in/a", ("a1", "a2"), unread=("a3",)))
    output.commit("r2", output.read("/in/a", ("a1",)), output.read("/in/b", ("b1",)))
    output.commit("r3", output.read("/in/a", ("a3",), repairs="r2"))
    output.commit("r4", output.read("/in/c", ("c1",)), model="other@0123456789ab")
    output.commit("r5", output.read("/in/c", ("c1",)))
    output.commit("r6")
    assert run(["rollback", "r5", f"--output={output.root}"]) == 0
    assert run(["forget", "--doc_id=c1", f"--output={output.root}"]) == 0
    output.report("r1", "r2")
    for name in FOREIGN:
        (output.root / name).parent.mkdir(parents=True, exist_ok=True)
        (output.root / name).write_text("mine")
    return output.root


FOREIGN = (
    *("notes.txt", "entities/run_id=r1/notes.txt", "entities/notes.txt", "_staging/notes.txt"),
    *("_staging/r1/notes.txt", "documents/run_id=r9/mine.parquet", "reports/mine.html"),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """The paths of all values within a value."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A manifest with one to three things changed."""
    kind = chance.randrange(12)
    if kind == 0:
        return data[: chance.randrange(len(data))]
    if kind == 1:
        place = chance.randrange(len(data))
        return data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
    if kind == 2:
        return chance.choice(
            [
                b"",
                b"null",
                b"[" * 100_000,
                b'{"a":' * 100_000,
                b"\xff\xfe",
                b"{}" + data,
                data + data,
            ]
        )
    told = json.loads(data)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        *above, key = chance.choice(list(places(told)))
        holder = told
        for step in above:
            holder = holder[step]
        change = chance.randrange(6)
        if change == 0 and isinstance(holder, dict):
            del holder[key]
        elif change == 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(chance.choice([*ODD, holder[key]])))
        elif change == 2 and isinstance(holder, dict):
            holder[chance.choice(["x", "replaces", "part", "error", "forgotten", "\x1b[0m"])] = (
                copy.deepcopy(chance.choice(ODD))
            )
        elif change == 3 and isinstance(holder[key], int):
            holder[key] += chance.choice([-1, 1, 10**6])
        else:
            holder[key] = copy.deepcopy(chance.choice(ODD))
    return json.dumps(told, ensure_ascii=chance.random() < 0.9).encode("utf-8", "surrogatepass")


def linked(whole: Path, place: Path) -> Path:
    """The output again: nothing that is there is ever written to, so links will do."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(whole, place, copy_function=os.link)
    return place


def contents(root: Path) -> dict[str, tuple[int, int]]:
    """Which files there are; another inode is another file."""
    return {
        str(path.relative_to(root)): (path.lstat().st_ino, path.lstat().st_size)
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def code_of(work: Callable[[], int]) -> int:
    """The exit code of a command; whatever else it raises is what this test looks for."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        try:
            code = work()
        except JobError as error:
            told.write(str(error))
            code = error.exit_code
    assert "Traceback" not in told.getvalue()
    return code


def try_manifests(whole: Path, place: Path, seeds: range) -> None:
    names = sorted(path.name for path in (whole / "runs").iterdir())
    for seed in seeds:
        chance = random.Random(seed)
        output = linked(whole, place / "out")
        manifest = output / "runs" / chance.choice(names)
        data = manifest.read_bytes()
        manifest.unlink()
        if chance.random() < 0.1:
            manifest = manifest.with_name(chance.choice(["...json", "r9.json", "x y.json", *names]))
            manifest.unlink(missing_ok=True)
            manifest.write_bytes(data)
        else:
            manifest.write_bytes(mutated(data, chance))
        before = contents(output)
        *command, is_run = [*chance.choice(COMMANDS), False]
        if chance.random() < 0.05:
            command, is_run = ["--allow_no_input", f"--input={place}/none*", "--run_id=n"], True
        arguments = [*command, f"--output={output}"]
        code = code_of(lambda: (extract if is_run else run)(arguments))  # noqa: B023 - called at once
        context = (seed, manifest.name, command, code)
        assert code in CODES, context
        after = contents(output)
        if code == 2 or command[0] in ("list", "show", "verify", "diff"):
            assert after == before, context
        assert {name: after.get(name) for name in FOREIGN} == {
            name: before[name] for name in FOREIGN
        }, context
        assert sorted(path.name for path in place.iterdir()) == ["out"], context


def test_some_mutated_manifests_do_no_harm(whole: Path, tmp_path: Path) -> None:
    try_manifests(whole, tmp_path, range(SOME))


@pytest.mark.slow
@pytest.mark.parametrize("start", range(SOME, MANY, BATCH))
def test_mutated_manifests_do_no_harm(whole: Path, tmp_path: Path, start: int) -> None:
    try_manifests(whole, tmp_path, range(start, start + BATCH))
