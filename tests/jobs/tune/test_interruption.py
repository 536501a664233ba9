"""A search that is killed, interrupted or held goes on from where it was."""

import os
import shlex
import signal
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from schemas.errors import OutputBusyError

if TYPE_CHECKING:
    from tests.jobs.tune.conftest import Place

if find_spec("optuna") is None:
    pytest.skip("the extra [tune] is not installed", allow_module_level=True)


def test_a_search_that_is_killed_goes_on_with_the_trial_that_it_was_in(
    place: "Place", elsewhere: "Place", capsys: pytest.CaptureFixture[str]
) -> None:
    """Exactly as many trials as asked for, and the same ones as without the interruption."""
    search = place.start(*place.search)
    assert (place.output / "trials" / "0002" / "half-made").exists()
    search.kill()
    search.communicate(timeout=30)
    place.wait_for(lambda: not place.trainer_lives())
    assert place.run(*place.search) == 0

    names = [name for name, _ in place.calls]
    assert names == ["0001", "0002", "0002", "0003", "0004"]
    assert place.calls[1] == place.calls[2]
    logs = sorted((place.output / "trials").glob("*.log"))
    commands = [log.read_text().splitlines()[0] for log in logs]
    assert ["--resume" in shlex.split(command) for command in commands] == [
        *(False, True, False, False)
    ]
    assert place.states == []
    told = capsys.readouterr().out
    assert "the search goes on: 1 of 4 trials are done" in told
    assert "failed" not in told
    assert elsewhere.run(*place.search) == 0
    assert elsewhere.calls == [place.calls[0], *place.calls[2:]]

    assert place.run(*place.search) == 0  # nothing is left to do
    assert len(place.calls) == 5
    more = [*place.search[:-1], "--trials=5"]
    assert place.run(*more) == 0
    assert [name for name, _ in place.calls[5:]] == ["0005"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_ends_its_training_and_tells_the_best_so_far(
    place: "Place", number: signal.Signals
) -> None:
    """Until then no other search may use its output."""
    search = place.start(*place.search)
    with pytest.raises(OutputBusyError, match="in use by another search"):
        place.run(*place.search)
    search.send_signal(number)
    out, err = search.communicate(timeout=30)

    assert search.returncode == 1
    assert err == ("error: interrupted after 1 of 4 trials: the same command goes on from there\n")
    assert out.splitlines()[-1].startswith("python -m jobs.train ")
    assert not place.trainer_lives()
    assert place.run(*place.search) == 0
    assert [name for name, _ in place.calls] == ["0001", "0002", "0002", "0003", "0004"]


def test_a_training_that_is_killed_is_a_failed_trial(
    place: "Place", capsys: pytest.CaptureFixture[str]
) -> None:
    """As the kernel does where memory runs out."""
    search = place.start(*place.search)
    place.wait_for((place.folder / "pid").exists)
    os.kill(int((place.folder / "pid").read_text()), signal.SIGKILL)
    out, _ = search.communicate(timeout=30)
    assert search.returncode == 0
    assert "trial 2 of 4: failed: it was ended by SIGKILL, best 0.9000 in trial 1" in out
