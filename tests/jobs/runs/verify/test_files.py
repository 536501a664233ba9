"""Files and manifests that are damaged, foreign or gone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders import input_of

if TYPE_CHECKING:
    from tests.jobs.runs.verify.conftest import Manifest, VerifiedOutput


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def no_parquet(output: "VerifiedOutput") -> None:
    path = output.only("documents/run_id=job.1/*")
    path.write_bytes(b"PAR1")
    output.tell(path)


def put_directory(output: "VerifiedOutput") -> None:
    path = output.only("documents/run_id=repair/*")
    path.unlink()
    path.mkdir()


def count_more(name: str) -> "Callable[[VerifiedOutput], None]":
    def change(told: "Manifest") -> None:
        told["counts"][name] += 1

    return lambda output: output.change_manifest("job.1", change)


def count_less_of_source(told: "Manifest") -> None:
    told["inputs"][0]["entities"] -= 1
    told["counts"]["entities"] -= 1


def name_inputs(change: "Callable[[list[int]], list[int]]") -> "Callable[[Manifest], None]":
    def changed(told: "Manifest") -> None:
        (file,) = told["tables"]["documents"]["files"]
        file["inputs"] = change(file["inputs"])

    return changed


def name_another_input(told: "Manifest") -> None:
    told["inputs"].append(input_of("/elsewhere"))
    name_inputs(lambda inputs: [*inputs, len(told["inputs"]) - 1])(told)


DAMAGE: "dict[str, tuple[Callable[[VerifiedOutput], object], str]]" = {
    "a byte": (
        lambda out: flip(out.only("entities/run_id=job.1/*")),
        " has another checksum than the manifest says, its bytes were changed",
    ),
    "an end": (
        lambda out: out.only("dead_letters/run_id=refused/*").write_bytes(b"PAR1"),
        " has 4 bytes, but the manifest says ",
    ),
    "a missing file": (lambda out: out.only("documents/run_id=repair/*").unlink(), " is missing"),
    "a foreign file": (
        lambda out: shutil.copy(
            out.only("entities/run_id=job.1/*"), out.root / "entities/run_id=job.2/part-x.parquet"
        ),
        "error: entities/run_id=job.2/part-x.parquet is named by no manifest",
    ),
    "rows of a run without a manifest": (
        lambda out: (out.root / "runs/first.json").unlink(),
        "is named by no manifest",
    ),
    "a directory": (put_directory, " cannot be read: "),
    "no Parquet": (no_parquet, " is no Parquet file that can be read: "),
    "tokens": (count_more("tokens"), " tokens, but the documents have "),
    "records": (count_more("records"), "run job.1: counts 36 records, but its inputs 35"),
    "broken files": (count_more("broken_files"), "counts 1 broken files, but its inputs are 0"),
    "entities of a source": (
        lambda out: out.change_manifest("job.1", count_less_of_source),
        " entities, but the files have ",
    ),
    "labels": (
        lambda out: out.change_manifest(
            "job.1", lambda told: told["counts"].update(entities_by_label={})
        ),
        "run job.1: the manifest says 0 entities ",
    ),
    "an input of a file": (
        lambda out: out.change_manifest("job.1", name_inputs(lambda inputs: inputs[:-1])),
        ", which the manifest does not say",
    ),
    "an input too many of a file": (
        lambda out: out.change_manifest("job.1", name_another_input),
        "has no row of /elsewhere, but the manifest says so",
    ),
    "bytes of a table": (
        lambda out: out.change_manifest(
            "job.1", lambda told: told["tables"]["entities"].update(bytes=1)
        ),
        "run job.1: counts 1 bytes of entities, but its files ",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(output: "VerifiedOutput", name: str) -> None:
    change, expected = DAMAGE[name]
    change(output)
    code, told = output.verify()
    assert code == 1
    assert any(expected in line and line.startswith("error: ") for line in told)
