"""A request to end is heeded at any moment, with one sentence and exit code 1, and leaves nothing.

The moments are those at which something is imported, and not times: from the first line of ours on.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

# Sends the process a signal when it first looks for the module.
_RAISER = """
import importlib.abc, os, signal, sys

class Raiser(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {number})
        return None

sys.meta_path.insert(0, Raiser())
"""
COMMANDS = {
    "run": ["-m", "pipeline.run", "--output=out"],
    "list": ["-m", "jobs.runs", "list", "--output=out"],
    "train": ["-m", "jobs.train", "--train=none.csv", "--check"],
    "evaluate": ["-m", "jobs.evaluate", "--model=gmb-en", "--data=none.jsonl"],
    "gleaner": ["gleaner", "run", "--output=out"],
}
# The first import of ours, and others on the way to the work: Python's, ours and heavy ones.
MODULES = {
    "run": ("model.runtime", "argparse", "numpy", "pyarrow", "pipeline.console.process", "logging"),
    "list": ("jobs.runs.__main__", "argparse", "pyarrow", "jobs.runs.outputs"),
    "train": ("jobs.evaluate.terminal", "numpy", "json", "jobs.train.data.parts"),
    "evaluate": ("model.corpora", "model.tagger.artifact", "safetensors"),
    "gleaner": ("jobs.__main__", "argparse", "pipeline.run", "apache_beam"),
}
MOMENTS = [(command, module) for command, modules in MODULES.items() for module in modules]
WORK = [("run", "apache_beam"), ("run", "pipeline.extraction"), ("run", "pipeline.planning.check")]
SIGNALS = [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")]
# At each moment one of the two, in turn; the slow tests try the other.
REQUESTS = [
    pytest.param(*moment, *request, marks=[pytest.mark.slow] if (n + turn) % 2 else [])
    for n, moment in enumerate([*MOMENTS, *WORK])
    for turn, request in enumerate(SIGNALS)
]


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Starts a command in a group and a folder of its own, with a hook before all else."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    script = tmp_path / "gleaner"
    script.write_text("import sys\nfrom jobs.__main__ import command\nsys.exit(command())\n")

    def started(command: Sequence[str], hook: str = "") -> "subprocess.Popen[str]":
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(hook)
        named = [str(script) if word == "gleaner" else word for word in command]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, *named],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)]),
                "TMPDIR": str(temporary),
            },
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )

    return started


@pytest.mark.parametrize(("command", "module", "number", "message"), REQUESTS)
def test_a_request_to_end_is_heeded_whatever_is_just_imported(
    start: Callable[..., "subprocess.Popen[str]"],
    command: str,
    module: str,
    number: signal.Signals,
    message: str,
    tmp_path: Path,
) -> None:
    hook = _RAISER.format(module=module, number=int(number))
    process = start(COMMANDS[command], hook)
    assert process.communicate(timeout=60) == ("", f"error: {message}\n")
    assert process.returncode == 1
    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("module", ["argparse", "pipeline.extraction"])
def test_it_is_told_as_an_event_where_these_are_asked_for(
    start: Callable[..., "subprocess.Popen[str]"], module: str
) -> None:
    hook = _RAISER.format(module=module, number=int(signal.SIGTERM))
    process = start([*COMMANDS["run"], "--log_format", "json"], hook)
    out, errors = process.communicate(timeout=60)
    event = json.loads(errors)
    assert out == ""
    assert event.keys() == {"time", "level", "event", "exit_code", "message"}
    assert (event["event"], event["level"]) == ("error", "error")
    assert (event["message"], event["exit_code"]) == ("terminated", 1)


def test_what_the_shell_ignores_stays_ignored(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    """As it does with interrupts for what it starts in the background."""
    ignore = f"import signal\nsignal.signal({int(signal.SIGINT)}, signal.SIG_IGN)\n"
    process = start(
        COMMANDS["list"], ignore + _RAISER.format(module="argparse", number=int(signal.SIGINT))
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.endswith("/out does not exist\n")


def test_programs_of_others_keep_their_signals(
    start: Callable[..., "subprocess.Popen[str]"],
) -> None:
    program = (
        "import signal\nbefore = signal.getsignal(2), signal.getsignal(15)\n"
        "import jobs, pipeline, pipeline.console.start\n"
        "assert (signal.getsignal(2), signal.getsignal(15)) == before"
    )
    process = start(["-c", program])
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_at_work_leaves_no_process_and_no_temporary_folder(
    start: Callable[..., "subprocess.Popen[str]"],
    number: signal.Signals,
    workers: int,
    tiny_artifact: Path,
    tmp_path: Path,
) -> None:
    """As Ctrl-C reaches it: with its workers."""
    source = tmp_path / "docs"
    source.mkdir()
    text = "Maria met ships in Lisbon. The river froze on Monday. " * 6
    for shard in range(4):
        (source / f"{shard}.jsonl").write_text((json.dumps({"text": text}) + "\n") * 3000)
    flags = ["--input=docs", f"--model={tiny_artifact}", "--output=out", "--batch_tokens=2000"]
    process = start(["-m", "pipeline.run", *flags, f"--direct_num_workers={workers}"])
    deadline = time.monotonic() + 60
    while not list((tmp_path / "tmp").glob("gleaner-*/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors in ("error: interrupted\n", "error: terminated\n")
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        _until_gone(process.pid)


def _until_gone(group: int) -> None:
    """Return after ten seconds in which the group lives on; raises ProcessLookupError else."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        os.killpg(group, 0)
        time.sleep(0.1)
