"""systemd and cron treat the exit codes as they are meant, and tell people of what failed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import pytest

from pipeline.outputs.manifest.encoding import encode_manifest
from schemas.manifest import Manifest
from tests.jobs.schedules.files import (
    ALERT,
    NEEDS_A_PERSON,
    OUTPUT_BUSY,
    SERVICE,
    TIMER,
    WATCH,
    WATCH_TIMER,
    commands,
    cron_line,
    cron_lines,
    text_of,
    unit,
)

SECONDS = {"s": 1, "min": 60, "h": 3600}
# The fields of a cron line, with the least and greatest number of each.
CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)([a-z]+)", duration)
    assert found, duration
    return int(found[1]) * SECONDS[found[2]]


def verify(folder: Path, change: tuple[str, str] = ("", "")) -> str:
    """What `systemd-analyze verify` finds in the units, once `change` is made to the service.

    It wants the command to exist, so the tests' own interpreter stands for that of the machine.
    """
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    service = text_of(SERVICE).replace("/opt/gleaner/bin/python", sys.executable)
    (folder / SERVICE).write_text(service.replace(*change))
    others = (TIMER, WATCH, WATCH_TIMER, ALERT)
    for name in others:
        (folder / name).write_text(text_of(name))
    units = [folder / name.replace("@", "@gleaner") for name in (SERVICE, *others)]
    checked = subprocess.run(
        [program, "verify", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    # It warns of an unknown setting, and yet leaves with 0; of units beside ours it may warn too.
    lines = (checked.stdout + checked.stderr).splitlines()
    return "\n".join(line for line in lines if "gleaner" in line)


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    assert verify(tmp_path) == ""


def test_systemd_would_find_a_misspelt_setting(tmp_path: Path) -> None:
    assert "RestratSec" in verify(tmp_path, ("RestartSec", "RestratSec"))


def test_the_timer_starts_the_service_every_night_and_is_enabled_with_the_timers() -> None:
    timer = unit(TIMER)
    assert Path(TIMER).stem == Path(SERVICE).stem, "a timer starts the service of its name"
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:00 UTC", timer["Timer"]["OnCalendar"])
    assert timer["Timer"]["Persistent"] == "yes"
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_systemd_tries_again_after_1_and_never_after_2_3_or_4_and_lets_5_pass() -> None:
    service = unit(SERVICE)["Service"]
    assert service["Restart"] == "on-failure"
    assert {int(code) for code in service["RestartPreventExitStatus"].split()} == NEEDS_A_PERSON
    assert service["SuccessExitStatus"] == str(OUTPUT_BUSY)


def test_the_tries_of_one_night_end_before_the_next_and_within_the_limit_of_starts() -> None:
    """Else the limit would not count them all, or keep the next night from starting."""
    sections = unit(SERVICE)
    service, limit = sections["Service"], sections["Unit"]
    tries = int(limit["StartLimitBurst"])
    longest = tries * (
        seconds(service["TimeoutStartSec"])
        + seconds(service["TimeoutStopSec"])
        + seconds(service["RestartSec"])
    )
    assert longest < seconds(limit["StartLimitIntervalSec"]) < 24 * 3600


def test_systemd_lets_the_job_write_to_its_output_and_to_a_tmp_of_its_own_alone() -> None:
    service = unit(SERVICE)["Service"]
    (output,) = (word for word in commands()["systemd"] if word.endswith("/entities"))
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"] == output
    assert service["PrivateTmp"] == "yes"
    assert (service["KillSignal"], service["KillMode"]) == ("SIGTERM", "mixed")


def test_systemd_tells_people_of_a_unit_that_failed() -> None:
    """The unit that does so stands in the folder, and is given the name of the one that failed."""
    for name in (SERVICE, WATCH):
        assert unit(name)["Unit"]["OnFailure"] == "gleaner-alert@%N.service"
    assert unit(ALERT)["Service"]["ExecStart"].count("%i") == 2
    assert "OnFailure" not in unit(ALERT)["Unit"]


def looks() -> dict[str, str]:
    """What systemd and cron look with each morning, as commands of a shell."""
    program, flag, command = shlex.split(unit(WATCH)["Service"]["ExecStart"])
    assert (program, flag) == ("/bin/sh", "-c")
    (line,) = (line for line in cron_lines() if line != cron_line())
    return {"systemd": command, "cron": line.split(maxsplit=5)[5]}


@pytest.mark.parametrize("name", ["systemd", "cron"])
@pytest.mark.parametrize(
    ("status", "days", "documents", "is_told"),
    [
        ("committed", 1, 3, False),
        ("committed", 3, 3, True),
        ("committed", 1, 0, True),  # of a broken file alone, which is tried each night
        ("empty", 1, 0, True),
        ("failed", 1, 3, True),
    ],
)
def test_each_morning_people_are_told_of_days_without_rows(
    tmp_path: Path, name: str, status: str, days: int, documents: int, is_told: bool
) -> None:
    """With manifests as runs write them; what is printed is mailed, what fails tells people."""
    manifests = tmp_path / "runs"
    manifests.mkdir()
    for number, (one, age, rows) in enumerate([("committed", 9, 5), (status, days, documents)]):
        path = manifests / f"r{number}.json"
        counts = {"files": 1, "documents": rows, "entities": 2, "entities_by_label": {"geo": 2}}
        manifest = {"run_id": "r", "status": one, "counts": counts}
        path.write_bytes(encode_manifest(cast(Manifest, manifest)))
        at = time.time() - age * 24 * 3600
        os.utime(path, (at, at))
    command = looks()[name].replace("/srv/gleaner/entities/runs", str(manifests))
    assert command != looks()[name]
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert ("no run has brought rows for two days" in done.stdout) is is_told
    assert bool(done.returncode) is (is_told and name == "systemd")


def test_the_crontab_ends_with_a_newline_without_which_cron_ignores_it() -> None:
    assert text_of("crontab").endswith("\n")


def test_the_cron_line_has_five_fields_once_a_day_and_no_percent_sign() -> None:
    """Cron makes a newline of a percent sign."""
    fields = cron_line().split(maxsplit=5)[:5]
    for field, (least, greatest) in zip(fields, CRON_FIELDS, strict=True):
        assert field == "*" or least <= int(field) <= greatest
    assert [field == "*" for field in fields] == [False, False, True, True, True]
    assert "%" not in cron_line()


def test_cron_keeps_the_account_in_the_log_and_mails_what_stands_on_standard_error(
    tmp_path: Path,
) -> None:
    """What the line prints is what cron mails: the line is run with a stand-in for the job."""
    log = tmp_path / "nightly.log"
    job = tmp_path / "job"
    job.write_text("#!/bin/sh\necho account\necho reason >&2\nexit 3\n")
    job.chmod(0o755)
    command = cron_line().split(maxsplit=5)[5]
    command = command.replace(commands()["cron"][0], str(job))
    command = command.replace("/var/log/gleaner/nightly.log", str(log))
    mailed = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert mailed.stdout + mailed.stderr == "reason\n"
    assert sorted(log.read_text().splitlines()) == ["account", "reason"]
    assert re.search(r"^MAILTO=\S+@\S+$", text_of("crontab"), re.MULTILINE)
