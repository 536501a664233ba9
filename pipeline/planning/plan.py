"""The runs of a job: what each reads, and the graph that it will build."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from model.drift.last_run import LastRun
from model.drift.profile import profile_of_baseline
from pipeline.configuration.extraction import ExtractionConfig
from pipeline.filesystems.gazetteer_files import open_gazetteer
from pipeline.graph import ExtractionPlan
from pipeline.inputs.formats import ReadConfig
from pipeline.inputs.shards import plan_shards
from pipeline.inputs.walk import Unread
from pipeline.languages import LanguageScreen
from pipeline.outputs.description import Part, RunDescription, installed_versions
from pipeline.outputs.forgotten import (
    FORGOTTEN,
    ForgottenNames,
    names_file,
    read_forgotten,
    withholding,
)
from pipeline.outputs.manifest.repeated_ids import expected_share
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.planning.check import CheckedInputs, require_new
from pipeline.planning.preview import estimate_documents
from pipeline.planning.worklist import (
    History,
    Worklist,
    all_files,
    dead_letters_to_repair,
    last_run,
    moved_in_words,
    new_files,
    with_known_names,
)
from pipeline.runners.runner import Workers
from pipeline.stages.read import LoadScreen
from pipeline.stages.row_sinks import WriteConfig
from pipeline.stages.tag import TaggerHandler
from schemas.manifest import Manifest
from schemas.records import Shard

SAMPLED_TEXTS = 1000
_MB = 1_000_000


@dataclass(frozen=True)
class Run:
    """One run of a job: what it reads, about how many documents, and with which workers.

    text_share: share of the documents whose text is kept, the same in all runs of the job;
    sample_share: that of about SAMPLED_TEXTS of them.
    """

    config: ExtractionConfig
    inputs: CheckedInputs
    storage: RunStorage
    part: Part | None
    work: Worklist
    last: LastRun | None
    forgotten: ForgottenNames | None
    read: ReadConfig
    shards: Sequence[Shard]
    documents: int
    text_share: float
    sample_share: float
    workers: Workers

    def description(self, started: datetime) -> RunDescription:
        """What is known of the run before it starts."""
        withheld = {file for file in self.work.fingerprints if self.forgets(file)}
        configuration = self.inputs.configuration.copy()
        configuration["input"] = [
            FORGOTTEN if any(names_file(path, source) for source in withheld) else path
            for path in configuration["input"]
        ]
        unread = () if self.part and self.part.number > 1 else self.inputs.unread
        repairs = {source: repair.run_id for source, repair in self.work.repairs.items()}
        return RunDescription(
            run_id=self.storage.run_id,
            started_at=started,
            model=self.inputs.artifact.identity,
            configuration=configuration,
            inputs=self.work.fingerprints,
            shards=tuple((shard.source, shard.start) for shard in self.shards),
            keep_fields=self.config.keep_fields,
            # What is read again was dead before, so none of it can make matters worse.
            max_dead_letters=1.0 if repairs else self.config.max_dead_letters,
            max_broken_files=None if repairs else self.config.max_broken_files,
            quarantine=self.config.quarantine,
            last=self.last,
            gazetteer=self.config.gazetteer,
            forgotten=frozenset(withheld),
            fail_on_drift=self.config.fail_on_drift,
            versions=installed_versions(),
            skipped_files=self.work.skipped,
            part=self.part,
            repairs=repairs,
            unread=tuple(map(self._without_forgotten, unread)),
            real_paths=self.work.real_paths,
            baseline=profile_of_baseline(self.inputs.artifact.baseline),
            min_confidence=self.config.min_confidence,
            warnings=self._warnings(withheld),
            language=self.inputs.artifact.language,
            cuts_characters=self.inputs.artifact.segmentation.characters,
        )

    def forgets(self, source: str) -> bool:
        """Whether all of a source was forgotten, under this name or the one without links."""
        names = {source, self.work.real_paths.get(source, source)}
        return self.forgotten is not None and any(self.forgotten.has("source", n) for n in names)

    def _screens(self) -> tuple[LoadScreen, ...]:
        """What is not wanted of what is read; what was forgotten is told from all else first."""
        screens: list[LoadScreen] = []
        if self.forgotten:
            linked = tuple(source for source in self.work.real_paths if self.forgets(source))
            screens.append(partial(withholding, self.storage.root, linked, self.read.encoding))
        if self.config.languages:
            screens.append(LanguageScreen(self.config.languages))
        return tuple(screens)

    def _warnings(self, withheld: Collection[str]) -> tuple[str, ...]:
        warnings = (*self.inputs.warnings, *self.work.warnings)
        for source in withheld:
            warnings = tuple(warning.replace(source, FORGOTTEN) for warning in warnings)
        return warnings

    def _without_forgotten(self, unread: Unread) -> Unread:
        named = (unread.path, unread.detail)
        is_named = any(name and self.forgets(name) for name in named)
        return replace(unread, path=FORGOTTEN, detail="") if is_named else unread

    def graph(self, described: RunDescription, progress: str | None) -> ExtractionPlan:
        """What the graph needs; progress: where workers report, None where nobody looks."""
        config, model = self.config, described.model
        rows = RowConfig(
            model, described.started_at, config.keep_fields, self.text_share, self.sample_share
        )
        return ExtractionPlan(
            read=self.read,
            segmentation=self.inputs.artifact.segmentation,
            batch_tokens=config.batch_tokens,
            handler=TaggerHandler(
                self.inputs.model,
                model,
                self.workers.threads,
                config.folded_words,
                config.min_confidence,
                partial(open_gazetteer, self.storage.gazetteer) if self.inputs.gazetteer else None,
            ),
            write=WriteConfig(
                self.storage,
                rows,
                config.target_file_mb * _MB,
                progress,
                expected_share(self.documents),
            ),
            run=described,
            screens=self._screens(),
        )


def plan_runs(
    config: ExtractionConfig,
    inputs: CheckedInputs,
    manifests: Sequence[Manifest],
    workers_for: Callable[[Sequence[Shard]], Workers],
) -> Sequence[Run]:
    """The runs that do the work, in their order: one, or one for each `commit_shards` files.

    Raises UsageError where a run has the id of one, or `workers_for` its shards does.
    """
    work = find_work(config, inputs, manifests)
    read = replace(config.read, repairs=work.repairs)
    works = work.in_parts(config.commit_shards)
    shards = [plan_shards(part.files, read) for part in works]
    documents = [estimate_documents(some, read) for some in shards]
    sampled = min(1.0, SAMPLED_TEXTS / max(sum(documents), 1))
    forgotten = None if config.restore_forgotten else read_forgotten(config.output)
    labels = inputs.artifact.tags.labels
    last = last_run(manifests, inputs.configuration, labels)
    parts = [Part(config.run_id, number, len(works)) for number in range(1, len(works) + 1)]
    runs = [
        Run(
            config=config,
            inputs=inputs,
            storage=run_storage(
                config.output, part.run_id if config.commit_shards else config.run_id
            ),
            part=part if config.commit_shards else None,
            work=own,
            last=None if own.repairs else last,
            forgotten=forgotten,
            read=read,
            shards=planned,
            documents=about,
            text_share={"none": 0.0, "all": 1.0}.get(config.keep_text, sampled),
            sample_share=sampled,
            workers=workers_for(planned),
        )
        for part, own, planned, about in zip(parts, works, shards, documents, strict=True)
    ]
    require_new(config, manifests, (run.storage for run in runs))
    return runs


def find_work(
    config: ExtractionConfig, inputs: CheckedInputs, manifests: Sequence[Manifest]
) -> Worklist:
    """What is to be done of the inputs, by the manifests of what was done before."""
    history = History(manifests)
    if config.input_format == "dead_letters":
        return dead_letters_to_repair(inputs.files, history, config.output)
    files = with_known_names(inputs.files, history)
    work = all_files(files)
    if config.only_new and not config.backfill:
        work = new_files(files, history, inputs.artifact.identity, inputs.configuration)
    return replace(work, warnings=moved_in_words(work.files, history))
