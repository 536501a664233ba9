"""The rounds of the benchmark: the command, its stages and the reference, one after the other."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.benchmark.command import run_command
from jobs.benchmark.corpus import documents_of, plan_corpus
from jobs.benchmark.other_python import answer_of, has_modules
from jobs.benchmark.report import Round, summary
from jobs.benchmark.stages import StagePlan, measure_stages
from pipeline.configuration.extraction import parse_extraction
from pipeline.filesystems.model_files import settle_model
from pipeline.runners.local import mode_for
from schemas.errors import UsageError
from schemas.records import Document

_SPACY = Path(__file__).with_name("spacy_reference.py")


@dataclass(frozen=True)
class Reference:
    """spaCy: the interpreter that has it, its model's package, and about how much text it gets."""

    python: str
    model: str
    characters: int

    def is_there(self) -> bool:
        """Whether it can be run; raises UsageError where the user named an interpreter without."""
        return has_modules(self.python, ("spacy", self.model), "--spacy_python")

    def write_texts(self, documents: Iterable[Document], path: Path) -> None:
        """All documents, or every n-th, up to the number of characters."""
        texts = [document.text for document in documents]
        every = max(1, sum(map(len, texts)) // max(1, self.characters))
        path.write_text("".join(json.dumps(text) + "\n" for text in texts[::every]))

    def run(self, texts: Path, processes: int) -> dict[str, Any]:
        """What it measured over these texts; raises JobError where it failed."""
        with texts.open() as stream:
            return answer_of(self.python, _SPACY, (self.model, str(processes)), stream)


def measure(
    extraction: Sequence[str], repeats: int, reference: Reference, scratch: Path
) -> dict[str, Any]:
    """The summary of `repeats` rounds; `extraction`: the flags of the whole command."""
    config = parse_extraction(extraction)
    if not config.is_local:
        raise UsageError("the benchmark runs on this machine: leave --runner out")
    shards = plan_corpus(config.inputs, config.read)
    mode = mode_for(config.beam, shards)
    processes = max(1, mode.processes)
    texts = scratch / "texts.jsonl"
    if reference.is_there():
        reference.write_texts(documents_of(shards, config.read), texts)
    plan = StagePlan(
        shards,
        config.read,
        settle_model(config.model),
        config.batch_tokens,
        config.folded_words,
        mode.threads,
        config.target_file_mb * 1_000_000,
    )
    rounds = []
    for number in range(repeats):
        if sys.stderr.isatty():
            sys.stderr.write(f"round {number + 1} of {repeats}\n")
        command = run_command(extraction, scratch)
        stages = measure_stages(plan, processes)
        spacy = reference.run(texts, processes) if texts.exists() else None
        rounds.append(Round(command, stages, spacy))
    return summary(rounds, {"processes": mode.processes, "threads": mode.threads})
