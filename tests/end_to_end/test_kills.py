"""Whatever is killed before whichever file operation: what counts is as before or as after.

A reader by SQL never fails meanwhile, and the same command again does the rest.
"""

import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from jobs.runs.__main__ import run as runs
from pipeline.run import run as extract
from tests.end_to_end.kills.killing import Command, finished, killed_at, started

Rows = dict[str, list[str]]

KILLED = -9
# One of so many kills in `make test`: all of them take a quarter of an hour.
SAMPLED = 19


class Change(NamedTuple):
    """A command that changes an output, as its arguments.

    in_steps: whether it goes run by run, and a reader may find some of them done.
    again: the exit code of the same command once all is done.
    """

    arguments: Sequence[str]
    in_steps: bool = False
    again: int = 0

    def command(self, place: Path) -> Command:
        told = [argument.format(place=place) for argument in self.arguments]
        return [*told, f"--output={place}/out"]


def extraction(*flags: str, in_steps: bool = False) -> Change:
    return Change(["run", "--model={place}/tiny", *flags], in_steps, again=2)


CHANGES = {
    "run": extraction("--input={place}/*.json", "--run_id=n", "--max_dead_letters=1"),
    "parts": extraction(
        *("--input={place}/*.json", "--only_new", "--max_dead_letters=1", "--commit_shards=1"),
        in_steps=True,
    ),
    "refused": extraction("--input={place}/*.json", "--run_id=n", "--max_dead_letters=0"),
    "empty": extraction("--input={place}/none*", "--run_id=n", "--allow_no_input"),
    "forget a document": Change(["forget", "--doc_id=a1"], in_steps=True),
    "forget a source": Change(["forget", "--source={place}/a.jsonl"], in_steps=True),
    "compact": Change(["compact"]),
    "rollback": Change(["rollback", "r2"], again=2),
    "expire": Change(["expire", "--older_than=0"]),
    "view": Change(["view"]),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_artifact: Path) -> Path:
    """An output of three runs, one of them superseded, with reports, a view and dead letters."""
    place = tmp_path_factory.mktemp("kills")
    shutil.copytree(tiny_artifact, place / "tiny")
    for name in ("a.jsonl", "b.jsonl", "c.json", "d.json"):
        texts = [f"Maria met the council of Lisbon on Monday {n}." for n in range(3)]
        records = [{"id": f"{name[0]}{n}", "text": text} for n, text in enumerate([*texts, None])]
        (place / name).write_text("".join(f"{json.dumps(record)}\n" for record in records))
    flags = [f"--output={place}/out", f"--model={place}/tiny", "--max_dead_letters=1"]
    for run_id, given in (("r1", "*"), ("r2", "a"), ("r3", "b")):
        assert extract([*flags, f"--input={place}/{given}.jsonl", f"--run_id={run_id}"]) == 0
    assert runs(["view", f"--output={place}/out"]) == 0
    shutil.copytree(place / "out", place / "kept")
    return place


# Without what differs from one try to the next.
_SHOWN = {
    "documents": "SELECT source, doc_id, entities FROM current_documents",
    "entities": "SELECT source, doc_id, start_char, end_char, label FROM current_entities",
    "dead_letters": "SELECT source, record, stage, raw FROM current_dead_letters",
}


def seen(output: Path) -> Rows:
    """The rows that count, as SQL shows them."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute((output / "current.sql").read_text())
        return {
            table: sorted(map(str, connection.execute(asked).fetchall()))
            for table, asked in _SHOWN.items()
        }


def is_between(rows: Rows, before: Rows, after: Rows) -> bool:
    """Whether some of what changes is done, and the rest is as before."""
    return all(
        {*before[table]} & {*after[table]} <= {*rows[table]} <= {*before[table], *after[table]}
        for table in _SHOWN
    )


def ended(output: Path) -> list[str]:
    """The status of each run that read something; names are in part made up each time."""
    told = [json.loads(file.read_bytes()) for file in (output / "runs").glob("*.json")]
    return sorted(f"{run['run_id'][:2]} {run['status']}" for run in told if run.get("inputs", 1))


def restored(place: Path) -> Path:
    """The output as it was at first."""
    output = place / "out"
    shutil.rmtree(output)
    shutil.copytree(place / "kept", output)
    return output


def require_whole(output: Path) -> None:
    """Nothing is left of what was killed, and all that is there is as the manifests say."""
    assert runs(["verify", f"--output={output}"]) == 0
    assert not (output / "_staging").exists()


def kill_everywhere(place: Path, change: Change, step: int) -> int:
    """Kill the change before every so manyth operation; returns how many kills that were."""
    output, command = restored(place), change.command(place)
    before = seen(output)
    assert finished(str(output), command) in (0, 3)
    require_whole(output)
    after, endings = seen(output), ended(output)
    for kills in itertools.count():
        if killed_at(kills * step + step // 2, str(restored(place)), command) != KILLED:
            return kills
        rows = seen(output)
        assert rows in (before, after) or (change.in_steps and is_between(rows, before, after))
        assert finished(str(output), command) in (0, 3, change.again), kills
        assert (seen(output), ended(output)) == (after, endings), kills
        require_whole(output)
    raise AssertionError


@pytest.mark.parametrize("name", ["forget a document", "compact", "rollback"])
def test_what_is_killed_is_done_or_not_done(place: Path, name: str) -> None:
    """Some of the operations."""
    assert kill_everywhere(place, CHANGES[name], SAMPLED)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_is_killed_is_done_or_not_done_at_every_operation(place: Path) -> None:
    kills = {
        name: kill_everywhere(place, change, 3 if name == "parts" else 1)
        for name, change in CHANGES.items()
    }
    assert sum(kills.values()) >= 300, kills


@pytest.mark.slow
@pytest.mark.parametrize("name", ["forget a document", "forget a source", "compact", "rollback"])
def test_no_query_fails_while_an_output_is_changed(place: Path, name: str) -> None:
    """A session that runs the SQL now finds all files that it names."""
    for _ in range(5):
        output = restored(place)
        process = started(str(output), CHANGES[name].command(place))
        while process.is_alive():
            seen(output)
        assert process.exitcode == 0
