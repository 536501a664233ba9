"""The command line of `jobs.runs`, and its list of runs and account of one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.runs.__main__ import COMMANDS, run
from jobs.runs.layout import cause
from pipeline.console.text import short_duration
from schemas.errors import UsageError
from tests.builders import PART_A, configuration, last_of_each, manifest_of

Manifest = dict[str, Any]

CONFIGURATION = {**configuration(), "input": ["in/*.jsonl"], "runner": "R"}
COUNTS = manifest_of("r0")["counts"]


def manifest(run_id: str, minute: int, *inputs: Manifest, **more: Any) -> Manifest:
    times = {
        "started_at": f"2026-11-25T02:{minute:02}:00.5+00:00",
        "finished_at": f"2026-11-25T02:{minute:02}:09.5+00:00",
        "seconds": 9.0,
    }
    sums = {name: sum(e[name] for e in inputs) for name in ("documents", "dead_letters")}
    broken = sum(not entry["complete"] for entry in inputs)
    entities = sum(entry["entities"] for entry in inputs)
    counts = {**COUNTS, **sums, "files": len(inputs), "broken_files": broken, "entities": entities}
    told: Manifest = manifest_of(
        run_id,
        schema_version=3,
        configuration=CONFIGURATION,
        versions={"python": "3.11.7", "gleaner": "0.1.0"},
        timings=times,
        counts=counts,
        inputs=list(inputs),
    )
    return {**told, **more}


def entry(source: str, documents: int = 10, dead: int = 0, **more: Any) -> Manifest:
    told = {"source": source, "fingerprint": "1-1", "records": documents + dead, "complete": True}
    return {
        **told,
        "documents": documents,
        "dead_letters": dead,
        "entities": documents * 100,
        **more,
    }


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Runs of every kind; a path, an error and a label try to give orders to the terminal."""
    runs = tmp_path / "out" / "runs"
    runs.mkdir(parents=True)
    failed = manifest(
        "r3", 3, status="failed", error="Traceback (most recent call last):\n  x\nE: \x1b[2Jno\n"
    )
    for name in ("counts", "inputs", "tables"):
        failed.pop(name)
    file = {
        "path": f"entities/run_id=r1/{PART_A}",
        "rows": 5,
        "bytes": 10,
        "sha256": "ab" * 32,
    }
    first = manifest("r1", 1, entry("a\x1b[31m.jsonl", 1200, 2), entry("b.jsonl"))
    first["counts"]["entities_by_label"] = {"geo": 5, "p\x07er": 7}
    first["tables"]["entities"] = {"rows": 5, "bytes": 10, "files": [file]}
    history = [
        first,
        manifest(
            "job.1",
            2,
            entry("b.jsonl", complete=False),
            part={"of": "job", "number": 1, "count": 2},
        ),
        manifest("job.2", 2, entry("c.jsonl"), part={"of": "job", "number": 2, "count": 2}),
        failed,
        manifest("r4", 4, entry("a\x1b[31m.jsonl", 2, repairs="r1"), model="other@0123456789ab"),
        manifest("r5", 5, status="empty"),
    ]
    history[-1]["counts"] = {**COUNTS, "skipped_files": 3}
    erased = {"at": "2026-11-26T00:00:00+00:00", "entities": 100, "documents": 1, "dead_letters": 0}
    history.append(manifest("r6", 6, entry("d.jsonl"), replaces=["r0"], forgotten=[erased]))
    for told in history:
        (runs / f"{told['run_id']}.json").write_text(json.dumps(told))
    return runs.parent


def test_list_says_at_a_glance_how_each_run_went_and_what_counts_of_it(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["list", f"--output={output}"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "run    status     started (UTC)      took  files  now  documents  dead  entities",
        "r1     committed  2026-11-25 02:01  9.0 s      2    2      1,210     2   121,000",
        "    model tiny@0123456789ab",
        "job.1  committed  2026-11-25 02:02  9.0 s      1    0         10     0     1,000",
        "    part 1 of 2 of job, 1 file could not be read to the end",
        "job.2  committed  2026-11-25 02:02  9.0 s      1    1         10     0     1,000",
        "    part 2 of 2 of job",
        "r3     failed     2026-11-25 02:03  9.0 s      0    0          -     0         -",
        r"    error: E: \x1b[2Jno",
        "r4     committed  2026-11-25 02:04  9.0 s      1    1          2     0       200",
        "    model other@0123456789ab",
        "    reads dead letters of r1 again",
        "r5     empty      2026-11-25 02:05  9.0 s      0    0          0     0         0",
        "    model tiny@0123456789ab",
        "    3 files skipped, done before",
        "r6     committed  2026-11-25 02:06  9.0 s      1    1         10     0     1,000",
        "    replaces r0, documents were erased from it",
        "now: files whose rows of that run count; 4 in all",
    ]


def test_list_gives_scripts_the_same_as_json(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["list", "--json", f"--output={output}"]) == 0
    runs = json.loads(capsys.readouterr().out)
    assert [told["run_id"] for told in runs] == ["r1", "job.1", "job.2", "r3", "r4", "r5", "r6"]
    assert runs[4] == {
        "run_id": "r4",
        "status": "committed",
        "started_at": "2026-11-25T02:04:00.5+00:00",
        "seconds": 9.0,
        "model": "other@0123456789ab",
        "files": 1,
        "skipped_files": 0,
        "broken_files": 0,
        "documents": 2,
        "dead_letters": 0,
        "entities": 200,
        "counting_files": 1,
        "part": None,
        "repairs": ["r1"],
        "replaces": [],
        "forgotten": 0,
        "drift": None,
        "error": None,
    }


def test_drift_is_noticed_in_the_list_and_shown_with_its_figures(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that was too small to judge says so."""
    far = {"value": 0.93, "level": "drift", "limits": [0.1, 0.25], "baseline": {}, "run": {}}
    skipped = {"reason": "too few entities to compare"}
    statistics = {"confidence": far, "labels": skipped}
    for name, drift in (
        ("r1", {"level": "drift", "statistics": statistics}),
        ("r3", {"reason": "too few tokens to compare"}),
    ):
        path = output / f"runs/{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "drift": drift}))
    assert run(["list", f"--output={output}"]) == 0
    assert capsys.readouterr().out.count("drift: unlike the model's training data") == 1
    assert run(["show", "r1", f"--output={output}"]) == 0
    shown = capsys.readouterr().out
    assert "  confidence  drift  0.93, moderate above 0.1, drift above 0.25" in shown
    assert "  labels      -      too few entities to compare" in shown
    assert run(["show", "r3", f"--output={output}"]) == 0
    assert "drift\n  too few tokens to compare" in capsys.readouterr().out


def test_show_says_how_the_terms_of_lists_fared(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = output / "runs/r1.json"
    lists = {"files": ["l.csv"], "terms": 4, "fired": 3, "entities_by_label": {"geo": 2}}
    lists |= {"most": [], "never": ["Porvoo"], "disagreements": [], "disagreed": 0}
    path.write_text(json.dumps({**json.loads(path.read_text()), "gazetteer": lists}))
    assert run(["show", "r1", f"--output={output}"]) == 0
    told = "3 of 4 terms took effect; 2 entities that the model had not"
    assert f"\nlists\n  {told}\n" in capsys.readouterr().out
    assert run(["show", "r3", f"--output={output}"]) == 0
    assert "\nlists\n" not in capsys.readouterr().out


def test_show_tells_all_of_a_run(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "r1", f"--output={output}"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("run r1, committed\n")
    for line in (
        "  counts now  for 2 files",
        f"  {'min_confidence':16}  0.0",
        "    1,210  documents",
        r"        7    p\x07er",
        r"      1,200     2   120,000  yes     a\x1b[31m.jsonl",
        f"     5  0.00  abababababab  entities/run_id=r1/{PART_A}",
        "  gleaner  0.1.0",
    ):
        assert line in shown.splitlines()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("job", ["run job.1, committed", "run job.2, committed", "  (not read to its end)"]),
        ("r3", ["run r3, failed", r"  E: \x1b[2Jno"]),
        ("r4", ["  repairs     dead letters of r1"]),
        ("r6", ["replaces    r0", "1 document, 100 entities, 0 dead letters on 2026-11-26T00:00"]),
    ],
)
def test_show_tells_what_is_special_of_a_run(
    output: Path, capsys: pytest.CaptureFixture[str], name: str, expected: list[str]
) -> None:
    assert run(["show", name, f"--output={output}"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    for part in expected:
        assert part in shown


def test_show_prints_the_manifest_for_scripts(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads((output / "runs/r1.json").read_text())
    told["inputs"][0]["source"] = "\x7f\x9b\x1b[2J"
    (output / "runs/r1.json").write_text(json.dumps(told))
    assert run(["show", "r1", "--json", f"--output={output}"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown) == told
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "r9"], r"{root}/out has no run 'r9'"),
        (["show", "R-1"], r"{root}/out has no run 'R-1', did you mean r1?"),
        (["list", "--output={root}/none"], r"--output {root}/none does not exist"),
        (
            ["list", "--output={root}"],
            "--output {root} holds no runs: python -m pipeline.run makes {root}/runs",
        ),
        (["list", "--ouput=x"], "unknown flag --ouput, did you mean --output?"),
        (["list", "more"], "'more' belongs to no flag"),
    ],
)
def test_what_cannot_be_is_one_sentence(output: Path, arguments: list[str], message: str) -> None:
    root = output.parent
    given = [argument.format(root=root) for argument in arguments]
    with pytest.raises(UsageError) as caught:
        run(last_of_each([given[0], f"--output={output}", *given[1:]]))
    assert str(caught.value) == message.format(root=root)


def test_an_output_whose_runs_are_all_gone_is_still_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").mkdir()
    assert run(["list", f"--output={tmp_path}"]) == 0
    assert capsys.readouterr().out == "no runs\n"
    assert run(["verify", f"--output={tmp_path}"]) == 0


def test_the_list_fits_a_terminal(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With ids as runs get them, a million documents and runs of minutes."""
    for path in (output / "runs").iterdir():
        path.unlink()
    told = manifest("r20261124T210544Z-050b", 1, entry("a.jsonl", 1_234_567, 999))
    told["timings"]["seconds"] = 3000.0
    told["counts"]["entities"] = 9_876_543
    (output / "runs/r20261124T210544Z-050b.json").write_text(json.dumps(told))
    assert run(["list", f"--output={output}"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_help_and_mistyped_flags_need_no_beam() -> None:
    """Each command is listed with line one of its docstring, and no module of any imports Beam."""
    program = (
        "import sys\nfrom jobs.runs.__main__ import run\n"
        "try:\n    run(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('apache_beam', 'tensorflow') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "[]"
    told = " ".join(done.stdout.split())
    for name, command in COMMANDS.items():
        assert f"{name} {(command.__doc__ or '').splitlines()[0]}" in told


def test_lasting_is_told_in_two_units() -> None:
    told = [short_duration(seconds) for seconds in (4.84, 185, 7800, 90_000)]
    assert told == ["4.8 s", "3m 05s", "2h 10m", "1d 01h"]


def test_the_cause_of_a_failure_is_its_sentence() -> None:
    assert (
        cause("Traceback (most recent call last):\n  File x\nOSError: no disk\n")
        == "OSError: no disk"
    )
    assert cause("the worker died\na note for developers") == "the worker died"
