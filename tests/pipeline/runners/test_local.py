"""Running locally: how many processes, and what is left when one of them dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.outputs.layout import LOCK
from pipeline.runners import local
from pipeline.runners.local import PARALLEL_BYTES, choose_mode, most_processes
from pipeline.runners.runner import Workers, keep_loopback_off_proxies
from pipeline.runners.worker_pool import Preparation, WorkerPool, end_in_words, last_words
from schemas.errors import UsageError

ChildrenOf = Callable[[int], list[int]]

BIG = PARALLEL_BYTES + 1
IN_MEMORY = Workers(0, None)


@pytest.mark.parametrize(
    ("flags", "size", "cores", "mode"),
    [
        # The user names nothing: one process a core, where the input is worth it.
        ("", 100, 4, IN_MEMORY),
        ("", PARALLEL_BYTES, 4, IN_MEMORY),
        ("", BIG, 4, Workers(4, 1)),
        ("", BIG, 1, IN_MEMORY),
        # The user names a number: it counts, whatever the input.
        ("--direct_num_workers=1", BIG, 4, IN_MEMORY),
        ("--direct_num_workers=2", 100, 4, Workers(2, 2)),
        ("--direct_num_workers=3", 100, 8, Workers(3, 2)),
        ("--direct_num_workers=8", 100, 2, Workers(8, 1)),
        ("--direct_num_workers=0", 100, 4, Workers(4, 1)),  # Beam's word for one a core
        # The user names a mode.
        ("--direct_running_mode=in_memory", BIG, 4, IN_MEMORY),
        ("--direct_running_mode=in_memory --direct_num_workers=2", BIG, 4, IN_MEMORY),
        ("--direct_running_mode=multi_processing", 100, 4, Workers(4, 1)),
        ("--direct_running_mode=multi_processing --direct_num_workers=1", 9, 4, Workers(1, 4)),
    ],
)
def test_the_users_choice_counts_and_else_the_size_of_the_input(
    flags: str, size: int, cores: int, mode: Workers
) -> None:
    options = PipelineOptions(flags.split())
    assert choose_mode(options, size, cores) == mode
    assert mode.processes <= most_processes(options, cores)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--direct_num_workers=-1", "--direct_num_workers is -1, expected at least 0"),
        (
            "--direct_running_mode=multi_threading",
            (
                "--direct_running_mode multi_threading: Python's threads would share one core, "
                "expected in_memory or multi_processing"
            ),
        ),
    ],
)
def test_a_choice_that_no_local_run_could_follow_is_refused(flag: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        choose_mode(PipelineOptions([flag]), BIG, 4)
    assert str(refused.value) == message


@pytest.mark.parametrize("code", [None, 0, 1, 3, -6, -11, -15, -200])
def test_memory_is_named_only_where_the_system_may_have_killed_a_worker(code: int | None) -> None:
    words = end_in_words(code)
    assert "memory" not in words
    assert str(abs(code)) in words if code else words
    assert "memory" in end_in_words(-signal.SIGKILL)


@pytest.mark.parametrize(
    ("given", "direct"),
    [
        ({}, "localhost,127.0.0.1,::1"),
        ({"no_proxy": "in.house,localhost"}, "in.house,localhost,127.0.0.1,::1"),
        ({"no_proxy": "*"}, "*,localhost,127.0.0.1,::1"),
        ({"no_proxy": "a", "no_grpc_proxy": "b"}, "b,localhost,127.0.0.1,::1"),
    ],
)
def test_hosts_that_need_no_proxy_are_kept_beside_this_machine(
    given: dict[str, str], direct: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.setenv(name, given.get(name, ""))
    for _ in range(2):  # a process may run several jobs
        keep_loopback_off_proxies()
        assert os.environ["no_grpc_proxy"] == direct  # noqa: SIM112 - gRPC reads no other
        assert os.environ["no_proxy"] == given.get("no_proxy", "")


@pytest.mark.parametrize(
    "variable", ["http_proxy", pytest.param("grpc_proxy", marks=pytest.mark.slow)]
)
def test_workers_are_reached_without_the_proxy_of_the_environment(
    variable: str, tmp_path: Path, tiny_artifact: Path
) -> None:
    """Nobody listens at that address: what goes through it waits a minute and fails."""
    (tmp_path / "in.jsonl").write_text('{"id": "a", "text": "Maria met Zoe in Oslo."}\n' * 3)
    flags = ["--direct_num_workers=2", f"--model={tiny_artifact}", f"--output={tmp_path / 'out'}"]
    unset = ("no_proxy", "NO_PROXY", "no_grpc_proxy")
    clean = {name: value for name, value in os.environ.items() if name not in unset}
    found = subprocess.run(
        [sys.executable, "-m", "pipeline.run", f"--input={tmp_path / 'in.jsonl'}", *flags],
        check=False,
        env={**clean, variable: "http://127.0.0.1:9", "no_proxy": "example.org"},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert found.returncode == 0, found.stderr


def test_what_workers_printed_last_is_kept_for_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "log-17.txt").write_text("\n".join(f"line {n}" for n in range(99)))
    words = last_words(tmp_path)
    assert words.startswith("log-17.txt\n")
    assert words.endswith("line 98")
    assert "line 9\n" not in words


def test_a_pool_leaves_no_process_behind(tmp_path: Path, children_of: ChildrenOf) -> None:
    """Forked or spawned: those that are not needed go at once, the others when it is closed."""
    before = set(children_of(os.getpid()))
    pool = WorkerPool(3)
    pool.prepare(2, Preparation(tmp_path, 1))
    processes = pool.processes
    assert len(processes) == 2
    assert {process.pid for process in processes} <= set(children_of(os.getpid())) - before
    assert not pool.any_lost()
    os.kill(processes[0].pid or 0, signal.SIGKILL)
    assert wait_for(pool.any_lost, 20)
    pool.close()
    assert not any(process.is_alive() for process in processes)


def test_a_process_with_threads_is_never_forked() -> None:
    """A fork would take over locks that its copy of the threads never gives back."""
    code = """
import threading
from pipeline.runners.worker_pool import _context
print(_context().get_start_method())
threading.Thread(target=threading.Event().wait, daemon=True).start()
print(_context().get_start_method())
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first = "fork" if sys.platform == "linux" else "spawn"
    assert found.stdout.split() == [first, "spawn"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_within_a_fork_comes_through(number: int) -> None:
    """Python drops what is raised in a hook of a fork: the run would go on, and later hang."""
    code = f"""
import logging, os, signal
from pipeline.runners.worker_pool import WorkerPool

def interrupt(*_):
    raise KeyboardInterrupt("came through")

signal.signal({number:d}, interrupt)
os.register_at_fork(after_in_parent=lambda: signal.raise_signal({number:d}))
try:
    WorkerPool(1)
except KeyboardInterrupt as error:
    print(error)
print(signal.getsignal({number:d}) is interrupt)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["came through", "True"]
    assert not found.stderr


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for(condition: object, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_a_killed_worker_ends_the_run_and_leaves_no_rows(
    tmp_path: Path, tiny_artifact: Path, children_of: ChildrenOf
) -> None:
    """Beam alone would hang. Within 30 s: exit code 1, one sentence, nothing left behind."""
    corpus = tmp_path / "in.jsonl"
    text = "Maria met the council in Lisbon on Monday. " * 80
    lines = [json.dumps({"id": n, "text": f"{n} {text}"}) + "\n" for n in range(6000)]
    corpus.write_text("".join(lines))  # 20 MB, so half a minute of work
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    output = tmp_path / "out"
    flags = ["--direct_num_workers=2", f"--model={tiny_artifact}", "--run_id=r1"]
    flags += [f"--output={output}", f"--input={corpus}", "--batch_tokens=2000"]
    run = subprocess.Popen(
        [sys.executable, "-m", "pipeline.run", *flags],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # In the middle: a worker reports what it has tagged.
        assert wait_for(lambda: any(scratch.glob("gleaner-*/progress-*.jsonl")), 60)
        workers = children_of(run.pid)
        assert len(workers) == 2
        assert run.poll() is None
        killed = time.monotonic()
        os.kill(workers[0], signal.SIGKILL)
        stdout, stderr = run.communicate(timeout=60)
        seconds = time.monotonic() - killed
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 1
    assert seconds < 30, seconds
    assert stdout == ""
    assert stderr.splitlines() == [
        (
            "error: a worker process was killed (signal 9, SIGKILL; the system does that where "
            "memory runs out, and a smaller --direct_num_workers needs less); its work is lost, "
            "and the run has no result"
        )
    ]
    assert wait_for(lambda: not any(map(is_alive, workers)), 5)
    left = [path for path in output.rglob("*") if path.is_file() and path.name != LOCK]
    assert {str(path.relative_to(output)) for path in left} == {"runs/r1.json", "reports/r1.html"}
    assert not list(output.glob("*/run_id=*"))
    assert not (output / "_staging").exists()
    manifest = json.loads((output / "runs/r1.json").read_text())
    assert manifest["status"] == "failed"
    assert manifest["error"].splitlines()[0] == stderr.removeprefix("error: ").strip()


def test_a_listener_that_notices_late_that_its_worker_is_gone_prints_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it does on a machine with much to do, long after the run was interrupted."""
    printed: list[str | None] = []
    monkeypatch.setattr(
        threading, "excepthook", lambda hooked: printed.append(hooked.thread and hooked.thread.name)
    )
    monkeypatch.setattr(local, "_NOTICE", 0.01)
    noticed = threading.Event()

    def listen() -> None:
        noticed.wait(60)
        raise ConnectionError

    listeners = [
        threading.Thread(target=listen, name=name, daemon=True)
        for name in ("beam_control_read", "another")
    ]
    for listener in listeners:
        listener.start()
    quiet = local._quiet_listeners()  # noqa: SLF001 - whole runs end too soon, but for one in many
    with pytest.raises(KeyboardInterrupt), quiet:
        raise KeyboardInterrupt
    noticed.set()
    for listener in listeners:
        listener.join()
    assert printed == ["another"]
