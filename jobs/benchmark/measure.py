"""The rounds of the benchmark: the command, its stages and the reference, one after the other."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.benchmark.command import run_command
from jobs.benchmark.corpus import documents_of, plan_corpus
from jobs.benchmark.report import Round, summary
from jobs.benchmark.stages import StagePlan, measure_stages
from pipeline.configuration.extraction import ExtractionConfig, parse_extraction
from pipeline.filesystems.model_files import settle_model
from pipeline.runners.local import mode_for
from schemas.errors import JobError, UsageError
from schemas.records import Shard

_SPACY = Path(__file__).with_name("spacy_reference.py")


@dataclass(frozen=True)
class Reference:
    """spaCy: the interpreter that has it, its model's package, and about how much text it gets."""

    python: str
    model: str
    characters: int


def measure(
    extraction: Sequence[str], repeats: int, reference: Reference, scratch: Path
) -> dict[str, Any]:
    """The summary of `repeats` rounds; `extraction`: the flags of the whole command."""
    config = parse_extraction(extraction)
    if not config.is_local:
        raise UsageError("the benchmark runs on this machine: leave --runner out")
    shards = plan_corpus(config.inputs, config.read)
    mode = mode_for(config.beam, shards)
    texts = _reference_texts(reference, config, shards, scratch)
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
        rounds.append(
            Round(
                run_command(extraction, scratch),
                measure_stages(plan, max(1, mode.processes)),
                _run_reference(reference, texts, max(1, mode.processes)),
            )
        )
    return summary(rounds, {"processes": mode.processes, "threads": mode.threads})


def _reference_texts(
    reference: Reference, config: ExtractionConfig, shards: Sequence[Shard], scratch: Path
) -> Path | None:
    """The texts that spaCy gets: all documents, or every n-th, up to the number of characters."""
    probe = [reference.python, "-c", f"import spacy, {reference.model}"]
    try:
        found = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError as error:
        raise UsageError(f"--spacy_python {reference.python}: {error.strerror}") from error
    if not found:
        if reference.python != sys.executable:
            raise UsageError(
                f"--spacy_python {reference.python} cannot import spacy and {reference.model}"
            )
        return None
    texts = [document.text for document in documents_of(shards, config.read)]
    every = max(1, sum(map(len, texts)) // max(1, reference.characters))
    path = scratch / "texts.jsonl"
    path.write_text("".join(json.dumps(text) + "\n" for text in texts[::every]))
    return path


def _run_reference(
    reference: Reference, texts: Path | None, processes: int
) -> dict[str, Any] | None:
    if texts is None:
        return None
    command = [reference.python, str(_SPACY), reference.model, str(processes)]
    with texts.open() as stream:
        found = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=False)
    if found.returncode:
        raise JobError(f"spaCy failed: {(found.stderr.strip().splitlines() or ['?'])[-1]}")
    measured: dict[str, Any] = json.loads(found.stdout)
    return measured
