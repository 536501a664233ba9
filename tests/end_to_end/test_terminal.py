"""Nothing of others' text gives orders to a terminal, whatever command prints it, and where."""

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.evaluate.__main__ import run as evaluate
from jobs.report.__main__ import run as report
from jobs.runs.__main__ import run as runs
from jobs.train.__main__ import run as train
from model.tagger.artifact import Artifact, save_artifact
from model.tags import TagSet
from model.text.escaping import JOINERS
from pipeline.console.colour import painter
from pipeline.console.printing import Console, console
from pipeline.run import run as extract
from schemas.errors import JobError

Command = Callable[[Sequence[str]], int]

# Orders of many kinds: colours, ours among them, 8-bit ones, a title, bells, marks of direction.
ORDERS = "\x1b[31mX\x1b[2J\x9b31mX\x1b]0;t\x07\u202eX\u2066\rX\x08X\x7fX\x85X\u2028X\nX\ufdd0X"
NAME = f"a{ORDERS}b"
LABELS = tuple(sorted(f"{name}{ORDERS}x" for name in ("geo", "org", "per")))
TEXT = "The council met in Lisbon on Monday. Maria Santos said that 12 ships left the harbour!"
_OURS = re.compile(r"\x1b\[(?:32|33|31|1|2|0)m")
_PROGRESS = re.compile(r"\r|\x1b\[K")


def assert_harmless(text: str) -> None:
    """Lines of what prints, and colours of ours: none of these stood in what others wrote."""
    assert "\x1b[31mX" not in text
    left = set(_OURS.sub("", text))
    assert {c for c in left if not (c.isprintable() or c in JOINERS or c == "\n")} == set()


@pytest.fixture(scope="module")
def model(tiny_model: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose labels give orders, in a folder that does."""
    directory = tmp_path_factory.mktemp("terminal") / NAME
    save_artifact(replace(tiny_model, tags=TagSet(LABELS)), directory, {})
    return directory


@pytest.fixture(params=["plain", "coloured"])
def environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1" if request.param == "coloured" else "")


def printed(capsys: pytest.CaptureFixture[str], command: Command, flags: Sequence[str]) -> str:
    """What a command prints, of an error the sentence too."""
    try:
        command(flags)
    except JobError as error:
        console().error(str(error), error.exit_code)
    return "".join(capsys.readouterr())


@pytest.mark.usefixtures("environment")
def test_no_command_lets_text_of_others_through(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files, folders, ids, labels and columns, in accounts, tables, warnings and errors."""
    folder = tmp_path / NAME
    folder.mkdir()
    documents = "".join(
        json.dumps({"id": f"{n}{ORDERS}", "text": f"{TEXT} {ORDERS}"}) + "\n" for n in range(3)
    )
    (folder / f"{NAME}.jsonl").write_text(documents + "{broken\n")
    (folder / f"{NAME}.zip").write_bytes(b"PK\x03\x04")
    (folder / f"{NAME}.csv").write_text(f"id,{NAME!r}\n1,a\n")
    gold = folder / f"gold{ORDERS}.jsonl"
    entities = [[19, 25, LABELS[0]], [37, 49, LABELS[2]], [0, 3, f"other{ORDERS}y"]]
    gold.write_text(json.dumps({"id": NAME, "text": TEXT, "entities": entities}) + "\n")
    output, page = folder / f"out{ORDERS}", folder / f"p{ORDERS}.html"
    inputs = ["--input", str(folder), f"--model={model}", f"--output={output}"]
    extracted = [*inputs, "--direct_num_workers=1", "--max_dead_letters=0.9"]
    commands: list[tuple[Command, list[str]]] = [
        (extract, [*extracted, "--run_id=r1", "--input_format=auto"]),
        (extract, [*extracted, "--run_id=r1"]),
        (extract, [*extracted, "--run_id=r2", f"--keep_fields={NAME}"]),
        (extract, [*extracted, f"--run_id={NAME}"]),
        (extract, [f"--input={folder}/none{ORDERS}", f"--model={model}", f"--output={output}"]),
        (extract, [*inputs, f"--{NAME}"]),
        (extract, [f"--model={NAME}"]),
        (extract, [f"--model={folder}"]),
        *((runs, [name, f"--output={output}"]) for name in ("list", "verify", "view", "compact")),
        (runs, ["list", f"--output={output}", "--json"]),
        (runs, ["show", f"--output={output}"]),
        (runs, ["show", f"--output={output}", NAME]),
        (runs, ["diff", f"--output={output}", "r1", "r2"]),
        (runs, ["forget", f"--output={output}", "--doc_id", f"0{ORDERS}", "--reason", NAME]),
        (runs, ["rollback", f"--output={output}", NAME]),
        (runs, [NAME]),
        (report, [f"--output={output}"]),
        (report, [f"--output={output}", f"--run_id={NAME}"]),
        (evaluate, [f"--model={model}", f"--data={gold}", f"--html={page}"]),
        (evaluate, [f"--model={model}", f"--data={folder / f'{NAME}.csv'}"]),
        (evaluate, [f"--model={model}", f"--data={folder / NAME}"]),
        (train, [f"--train={gold}", f"--dev={gold}", "--check"]),
        (train, [f"--train={folder / f'{NAME}.csv'}", "--check"]),
        (train, [f"--train={gold}", f"--output={folder / NAME}"]),
        (train, [f"--train={gold}", f"--output={folder / 'm'}", f"--vectors={NAME}"]),
    ]
    shown = 0
    for command, flags in commands:
        text = printed(capsys, command, flags)
        assert text, flags
        assert_harmless(text)
        shown += "\\x1b[31mX" in text
    assert shown > len(commands) / 2


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(
    st.text(), st.sampled_from(["good", "bad", "name"]), st.sampled_from([io.StringIO, _Terminal])
)
def test_whatever_is_said_is_harmless_and_an_error_is_one_line(
    text: str, meaning: str, stream: type[io.StringIO]
) -> None:
    out, errors = stream(), stream()
    told = Console(out, errors)
    told.answer(text)
    told.account(f"{painter(out)(text, meaning)} {text}")
    told.warn(text)
    told.error(text, 1)
    told.error("", 1, trace=f"Traceback:\n{text}")
    assert_harmless(out.getvalue() + errors.getvalue())
    assert errors.getvalue().startswith("warning: ")
    assert errors.getvalue().split("\n")[1].removeprefix("\x1b[31m").startswith("error:")


def test_our_colours_come_through_on_a_terminal_and_no_others_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    out = _Terminal()
    told = Console(out, out)
    told.account(f"{told.paint('done', 'good')} \x1b[32mdone\x1b[0m")
    told.error("no \x1b[31mfile\nthere", 2)
    assert out.getvalue() == (
        "\x1b[32mdone\x1b[0m \\x1b[32mdone\\x1b[0m\n"
        "\x1b[31merror:\x1b[0m no \\x1b[31mfile\\nthere\n"
    )


_PROCESS = """
import logging, sys, warnings
from pipeline.console.printing import account, answer, warn
from pipeline.console.process import main
from schemas.errors import JobError

ORDERS = {orders!r}

def run(_):
    logging.getLogger("library").error("of %s", ORDERS)
    warnings.warn(ORDERS)
    warn(ORDERS)
    answer(ORDERS)
    raise {error}(ORDERS)

main(run)
"""


def said_by(error: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", _PROCESS.format(orders=ORDERS, error=error), *flags],
        env={**os.environ, "FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("error", ["JobError", "RuntimeError", "KeyboardInterrupt", "SystemExit"])
def test_what_libraries_say_and_what_nobody_foresaw_is_harmless_too(error: str) -> None:
    done = said_by(error)
    assert done.returncode == 1
    assert_harmless(done.stdout + done.stderr)
    assert done.stderr.count("\\x1b[31mX") >= 4
    assert "Traceback" not in done.stderr or error == "RuntimeError"


def test_events_carry_the_text_as_it_is() -> None:
    done = said_by("JobError", "--log_format=json")
    told = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert len(told) == 4
    assert all(ORDERS in event["message"] for event in told)


def on_a_terminal(command: Sequence[str]) -> str:
    """What a process says on a terminal of its own."""
    reader, writer = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        command, stdin=writer, stdout=writer, stderr=writer, env={**environment, "TERM": "xterm"}
    ) as job:
        os.close(writer)
        text = b"".join(_chunks(reader)).decode()
        os.close(reader)
    assert job.returncode == 0, text
    return text


def _chunks(reader: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(reader, 65_536)
        except OSError:  # the terminal's last writer has left
            return
        if not data:
            return
        yield data


def test_a_run_on_a_terminal_shows_its_line_of_progress_and_nothing_of_others(
    model: Path, tmp_path: Path
) -> None:
    source = tmp_path / f"{NAME}.jsonl"
    source.write_text((json.dumps({"text": TEXT}) + "\n") * 2000 + "{\n")
    flags = ["--input", str(source), f"--model={model}", f"--output={tmp_path / 'out'}"]
    more = ["--direct_num_workers=1", "--max_dead_letters=0.9"]
    text = on_a_terminal([sys.executable, "-m", "pipeline.run", *flags, *more])
    assert "\x1b[K" in text
    assert "\x1b[32mcommitted\x1b[0m" in text
    assert "\\x1b[31mX" in text
    assert_harmless(_PROGRESS.sub("", text))
