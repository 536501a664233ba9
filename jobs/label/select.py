"""Choose the texts whose labels would teach most, as tasks for a labelling tool."""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jobs.label.choice import choose
from jobs.label.disagreements import choose_disagreements
from jobs.label.doubt import doubts, shown_tasks
from jobs.label.inputs import Source, model_of_runs, sources_of_files, sources_of_runs
from jobs.label.passages import Passage, Unit
from jobs.label.pool import Pool, draw, labelled_texts
from jobs.label.seed_labels import choose_by_terms, read_seed_terms
from jobs.label.tasks import Made, Task, TaskFormat, tasks_file
from jobs.runs.outputs import Output, find_output
from model.corpora import read_labelled
from model.tagger.arithmetic import start_arithmetic
from model.tagger.artifact import Artifact
from model.tagger.tagger import Tagger
from model.text.languages import language_code
from model.text.segmentation import Segmentation
from pipeline.console.arguments import require_new_file, write_file
from pipeline.console.flags import add_flags as add_fields
from pipeline.console.flags import flag, from_flags, require_bounds
from pipeline.console.printing import account, warn
from pipeline.console.text import counted
from pipeline.filesystems.gazetteer_files import read_gazetteer
from pipeline.filesystems.model_files import open_model
from pipeline.inputs.encodings import UTF8
from pipeline.inputs.formats import FILE_FORMATS, ReadConfig
from schemas.errors import ArtifactError, UsageError

EXAMPLES = (
    "--output out --to t.json --format label-studio",
    "--output out --model m2 --to b --format prodigy",
    "--input a --seed_labels s --to b --format jsonl",
)
SYNOPSIS = "--output DIR --to FILE --format TOOL [...]"


@dataclass(frozen=True)
class SelectionConfig:
    """What to choose from, by what, and where to; a field that calls `flag` is one.

    Raises UsageError for values that are off.
    """

    to: str = flag("the tasks, a new file", "FILE")
    format: TaskFormat = flag("label-studio, doccano, prodigy, jsonl", "TOOL")
    budget: int = flag("so many texts are chosen", "N", 100, least=1)
    unit: Unit = flag("sentence or document: what a task is", "UNIT", "sentence")
    labelled: tuple[str, ...] = flag("labelled before: not chosen again", "FILE", ())
    seed: int = flag("of what is drawn at random", "N", 0)
    pool: int = flag("sentences that are drawn to choose from", "N", 20_000, least=1)

    output: str | None = flag(
        "choose from what its runs read", "DIR", None, group="what to choose from"
    )
    run_id: str | None = flag("from what this run read alone", "ID", None, name="run")
    inputs: tuple[str, ...] = flag("files, globs, folders instead", "GLOB", (), name="input")
    input_format: str = flag(
        "of --input (default: by extension)", "FORMAT", "auto", choices=("auto", *FILE_FORMATS)
    )
    id_field: str = flag("of --input", "FIELD", "id")
    text_field: str = flag("of --input", "FIELD", "text")
    encoding: str = flag("of --input", "NAME", UTF8.name)

    model: str | None = flag(
        "whose doubt decides (default: the run's)", "DIR_OR_NAME", None, group="by what"
    )
    gazetteer: tuple[str, ...] = flag("terms that count beside the model", "FILE", ())
    disagreements: bool = flag("first where these have another label", default=False)
    seed_labels: str | None = flag("a list of terms instead; no model", "FILE", None)
    language: str | None = flag("without a model: whose rules cut sentences", "CODE", None)

    def __post_init__(self) -> None:
        require_bounds(self)
        if not (self.output or self.inputs):
            raise UsageError("there is nothing to choose from: name --output, or --input")
        if self.run_id and not self.output:
            raise UsageError("--run names a run of an output: name its --output too")
        if self.run_id and self.inputs:
            raise UsageError("--run and --input both say what to choose from: leave one of them")
        if self.seed_labels and self.model:
            raise UsageError("--seed_labels starts without a model: leave out --model")
        if self.seed_labels and self.gazetteer:
            raise UsageError("--seed_labels starts without a model: leave out --gazetteer")
        if self.disagreements and not self.gazetteer:
            raise UsageError("--disagreements are those of lists with the model: name --gazetteer")
        if self.language and not self.seed_labels:
            raise UsageError("--language is for --seed_labels: a model knows its language")
        if not (self.output or self.model or self.seed_labels):
            raise UsageError("--input alone says not by what to choose: --model, or --seed_labels")
        usual = ReadConfig()
        for name in ("input_format", "id_field", "text_field", "encoding"):
            if not self.inputs and getattr(self, name) != getattr(usual, name):
                raise UsageError(f"--{name} is for --input: what a run read is read as it did")

    @property
    def read(self) -> ReadConfig:
        """How `--input` is read."""
        return ReadConfig(self.input_format, self.id_field, self.text_field, encoding=self.encoding)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_fields(parser, SelectionConfig)


def run(flags: argparse.Namespace) -> int:
    """Choose, and write the tasks; returns the exit code."""
    config = from_flags(SelectionConfig, flags)
    require_new_file("--to", config.to)
    output = find_output(config.output) if config.output else None
    corpora = [read_labelled(path) for path in config.labelled]
    guide = _by_terms(config) if config.seed_labels else _by_doubt(config, output)
    sources, warnings = _sources(config, output)
    pool = draw(
        sources,
        guide.made.segmentation,
        unit=config.unit,
        size=config.pool,
        seed=config.seed,
        labelled=labelled_texts(corpora, guide.made.segmentation),
    )
    for warning in (*warnings, *pool.warnings):
        warn(warning)
    if not pool.passages:
        already = " that was not labelled before" if corpora else ""
        raise UsageError(f"there is no {config.unit}{already} to choose from")
    tasks = guide.choose(pool.passages, config.budget, config.seed)
    write_file("--to", config.to, tasks_file(tasks, config.format, guide.made))
    if len(tasks) < config.budget:
        is_all = len(tasks) == len(pool.passages)
        why = "there are no others" if is_all else "what else was drawn nearly repeats these"
        warn(f"{len(tasks):,} of the {config.budget:,} that --budget asks for: {why}")
    account(_told(config, pool, tasks, guide.made))
    return 0


def _sources(config: SelectionConfig, output: Output | None) -> tuple[list[Source], list[str]]:
    """What to draw from, and what is odd about it."""
    if output and not config.inputs:
        return sources_of_runs(output, config.run_id), []
    return sources_of_files(config.inputs, config.read, output)


@dataclass(frozen=True, slots=True)
class _Guide:
    """What decides the choice: passages, a budget and a seed in, the tasks out."""

    made: Made
    choose: Callable[[Sequence[Passage], int, int], list[Task]]


def _by_doubt(config: SelectionConfig, output: Output | None) -> _Guide:
    """By what the model is unsure of; TensorFlow starts when it is asked."""
    artifact = open_model(config.model) if config.model else _model_of(output, config.run_id)
    read = read_gazetteer(config.gazetteer, artifact.segmentation)
    for warning in read.warnings if read else ():
        warn(warning)
    lists = read and read.gazetteer

    def chosen(passages: Sequence[Passage], budget: int, seed: int) -> list[Task]:
        start_arithmetic()
        tagger = Tagger(artifact, gazetteer=lists)
        if lists and config.disagreements:
            picked, disagreeing = choose_disagreements(tagger, lists, passages, budget, seed)
            if disagreeing < budget:
                be = "is" if disagreeing == 1 else "are"
                few = f"there {be} {counted(disagreeing, 'passage')} where lists and model disagree"
                warn(f"{few}; the others are where the model is unsure")
        else:
            picked = choose(list(doubts(tagger, passages)), budget, seed)
        return shown_tasks(tagger, [candidate.passage for candidate in picked])

    return _Guide(Made(artifact.identity, artifact.segmentation), chosen)


def _model_of(output: Output | None, run_id: str | None) -> Artifact:
    """The model of the runs, where it is one that comes with gleaner; raises UsageError else."""
    identity = model_of_runs(output, run_id) if output else ""
    try:
        artifact = open_model(identity.rpartition("@")[0])
    except ArtifactError:
        artifact = None
    if artifact is None or artifact.identity != identity:
        raise UsageError(
            f"the run was made with the model {identity}, and it is not known where that is: name "
            "it, or a newer one, with --model"
        )
    return artifact


def _by_terms(config: SelectionConfig) -> _Guide:
    segmentation = Segmentation(language=_language(config.language), characters=True)
    terms = read_seed_terms(config.seed_labels or "", segmentation)
    for warning in terms.warnings:
        warn(warning)

    def chosen(passages: Sequence[Passage], budget: int, seed: int) -> list[Task]:
        found = list(zip(passages, terms.spans(passages), strict=True))
        spans = dict(found)
        if not any(spans.values()):
            warn(f"none of the terms of {config.seed_labels} is in a text: all are as they come")
        picked = choose_by_terms(terms, found, budget, seed)
        return [Task(each.passage, tuple(spans[each.passage])) for each in picked]

    return _Guide(Made("seed_labels", segmentation), chosen)


def _language(code: str | None) -> str:
    try:
        return language_code(code or "en")
    except ValueError as error:
        raise UsageError(f"--language {code}, {error}") from error


def _told(config: SelectionConfig, pool: Pool, tasks: Sequence[Task], made: Made) -> str:
    """The account: what was chosen, of how much, and what is shown in it."""
    shown = Counter(span.label for task in tasks for span in task.spans)
    sources = len({task.passage.source for task in tasks})
    documents = f"{pool.documents:,} documents looked at"
    labels = ", ".join(f"{label} {count:,}" for label, count in sorted(shown.items()))
    by = f"{made.by} and lists" if config.gazetteer else made.by
    lines = [
        f"{counted(len(tasks), config.unit)} of {counted(sources, 'file')} to label",
        f"chosen from {counted(len(pool.passages), config.unit)} of {documents}",
        f"{counted(shown.total(), 'span')} shown in them, by {by}: {labels or 'none'}",
        f"written to {config.to}",
    ]
    return "\n".join(lines)
