"""The benchmark measures the command, its stages and spaCy on the same documents."""

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.benchmark.__main__ import run
from jobs.benchmark.command import WatchedRun
from jobs.benchmark.corpus import bundled_copies, documents_of, plan_corpus
from jobs.benchmark.report import Round, round_figures, summary, table
from jobs.benchmark.stages import STAGES, StageTimes
from pipeline.configuration.extraction import BUNDLED_CORPUS
from pipeline.inputs.formats import ReadConfig
from schemas.errors import UsageError

FAKE_SPACY = """
class _Model:
    def walk(self): return []
class _Pipe:
    model = _Model()
class _Nlp:
    pipe_names = ["tagger", "ner"]
    meta = {"lang": "xx", "name": "fake", "version": "1.2"}
    def select_pipes(self, enable): self.pipe_names = enable
    def get_pipe(self, name): return _Pipe()
    def pipe(self, texts, batch_size=1, n_process=1):
        for text in texts:
            document = text.split()
            yield type("Doc", (list,), {"ents": document[:1]})(document)
def load(name): return _Nlp()
__version__ = "9.9"
"""


@pytest.fixture
def spacy_python(tmp_path: Path) -> Path:
    """An interpreter that finds a spaCy, which counts words."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "spacy.py").write_text(FAKE_SPACY)
    (packages / "fake_model.py").touch()
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={packages} exec {sys.executable} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def test_a_round_measures_command_stages_and_reference(
    tmp_path: Path, tiny_artifact: Path, spacy_python: Path
) -> None:
    """Whole processes, as a user starts them; the figures fit each other and the corpus."""
    corpus = tmp_path / "in.jsonl"
    lines = [
        json.dumps({"id": n, "text": f"Maria met the council in Lisbon. {n} ships left. " * 40})
        for n in range(60)
    ]
    corpus.write_text("\n".join([*lines, "{"]) + "\n")
    report, chart = tmp_path / "figures.json", tmp_path / "chart.svg"
    flags = [f"--json={report}", f"--chart={chart}", "--repeats=1", f"--input={corpus}"]
    flags += [f"--model={tiny_artifact}", "--spacy_model=fake_model", "--batch_tokens=5000"]
    flags += [f"--spacy_python={spacy_python}", "--direct_num_workers=2"]

    done = subprocess.run(
        [sys.executable, "-m", "jobs.benchmark", *flags], capture_output=True, text=True, check=True
    )

    assert done.stderr == ""
    found = json.loads(report.read_text())
    characters = sum(len(json.loads(line)["text"]) for line in lines)
    assert found["corpus"]["documents"] == 60
    assert found["corpus"]["characters"] == found["spacy"]["characters"] == characters
    assert found["spacy"]["components"] == ["ner"]
    assert found["mode"] == {"processes": 1, "threads": 2} or found["mode"]["processes"] == 2
    figures = found["median"]
    assert 0 < figures["startup_seconds"] <= figures["command_seconds"]
    assert figures["command_tokens_per_second"] < figures["model_tokens_per_second"]
    assert figures["cells_per_token"] >= 1
    assert set(figures["share"]) == {*STAGES, "start-up, Beam, waiting"}
    assert sum(figures["share"].values()) == pytest.approx(1)
    assert all(share > 0 for share in figures["share"].values())
    if sys.platform == "linux":
        assert figures["peak_mb"] > 100
    assert "whole command" in done.stdout
    assert "spaCy" in done.stdout
    assert chart.read_text().startswith("<?xml")


def test_ratios_are_taken_within_a_round_and_medians_over_rounds() -> None:
    def measured(seconds: float, spacy_seconds: float) -> Round:
        counts = {"tokens": 1000, "characters": 5000, "files": 1, "documents": 2}
        counts |= {"unknown_tokens": 10, "entities": 3}
        manifest: Any = {"counts": counts, "model": "m@1", "configuration": {}, "versions": {}}
        slow, fast = StageTimes(tokens=600, cells=900), StageTimes(tokens=400, cells=600)
        slow.seconds["network"], slow.seconds["decode"] = 1.5, 0.5
        fast.seconds["network"] = 1.0
        spacy: dict[str, object] = {"spacy": "3", "model": "x", "processes": 2}
        spacy |= {"characters": 500, "tokens": 90, "seconds": spacy_seconds}
        return Round(WatchedRun(seconds, 1.0, None, manifest), [slow, fast], spacy)

    figures = round_figures(measured(4.0, 2.0))
    assert figures["command_tokens_per_second"] == 250
    assert figures["model_tokens_per_second"] == 500  # the slower process takes 2 s
    assert figures["command_over_model"] == 0.5
    assert figures["command_over_spacy"] == (5000 / 4) / (500 / 2)
    assert figures["cells_per_token"] == 1.5
    assert figures["share"]["network"] == 2.5 / 8
    found = summary(
        [measured(4.0, 2.0), measured(8.0, 2.0), measured(5.0, 1.0)],
        {"processes": 2, "threads": 1},
    )
    assert found["median"]["command_seconds"] == 5.0
    assert found["median"]["command_over_spacy"] == 2.5  # of 5, 2.5 and 2
    assert found["median"]["peak_mb"] is None
    assert "peak memory" not in table(found)


def test_the_bundled_corpus_is_copied_whole_with_ids_of_its_own(tmp_path: Path) -> None:
    read = ReadConfig("auto", "id", "text", ())
    once = list(documents_of(plan_corpus([BUNDLED_CORPUS], read), read))
    copies = list(documents_of(plan_corpus([bundled_copies(tmp_path, 3)], read), read))
    assert len({document.doc_id for document in copies}) == len(copies) == 3 * len(once)
    assert sorted(d.text for d in copies) == sorted(d.text for d in once for _ in range(3))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--repeats=0"], "--repeats is 0, expected at least 1"),
        (["--output=x"], "--output is the benchmark's own: what it writes is thrown away"),
        (["--json=/no/such/folder/f"], "/no/such/folder/f cannot be written"),
        (["--runner=PrismRunner"], "the benchmark runs on this machine: leave --runner out"),
        (["--spacy_python=/no/python"], "--spacy_python /no/python: No such file or directory"),
        (["--spacy_python=/bin/false"], "--spacy_python /bin/false cannot import spacy and en_"),
        (["--batch_token=3"], "unknown flag --batch_token, did you mean --batch_tokens?"),
    ],
)
def test_a_mistake_is_one_sentence(flags: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        run([*flags, f"--input={BUNDLED_CORPUS}"])
    assert message in str(refused.value)
