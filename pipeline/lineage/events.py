"""Records of a run in, an event of OpenLineage out, in the classes of its client."""

import json
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import attr
import pyarrow as pa
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    BaseFacet,
    DatasetFacet,
    InputDatasetFacet,
    JobFacet,
    OutputDatasetFacet,
    RunFacet,
    data_quality_assertions_dataset,
    data_quality_metrics_dataset,
    dataset_type_dataset,
    dataset_version_dataset,
    documentation_dataset,
    documentation_job,
    error_message_run,
    execution_parameters_run,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
    storage_dataset,
    tags_run,
)
from openlineage.client.uuid import generate_static_uuid

from model.host.installation import DISTRIBUTION, installed_version
from model.tagger.artifact import Artifact
from pipeline.lineage.environment import LineageConfig, ParentRun
from pipeline.lineage.records import Assertion, Dataset, LineageRun, RunName, State

Facet = TypeVar("Facet", bound=BaseFacet)

_SOURCE = "gleaner"
_MODEL_SCHEMA = "schemas/lineage_model.schema.json"


@cache
def producer() -> str:
    """What makes these events, as a package URL: gleaner is on no index, and has no page."""
    return f"pkg:generic/{DISTRIBUTION}@{installed_version()}"


def run_event(
    state: State, at: datetime, run: LineageRun, config: LineageConfig, error: str = ""
) -> RunEvent:
    """The event of what happened to a run at that time.

    error: why it failed, where the run itself does not say so. A run that says why is one that
    failed, whatever the state.
    """
    why = run.error or error
    return RunEvent(
        eventType=RunState["FAIL" if run.error else state],
        eventTime=at.isoformat(),
        producer=producer(),
        run=Run(str(run_uuid(run.name)), _run_facets(run, config, why)),
        job=Job(config.namespace, run.name.job, _job_facets(run)),
        inputs=[_input(dataset) for dataset in run.inputs],
        outputs=[_output(dataset) for dataset in run.outputs],
    )


def run_uuid(name: RunName) -> UUID:
    """The id of a run, the same in all of its events.

    The standard takes any UUID and advises the seventh version, in the order of time; so does this,
    the rest of which is a hash of the name.
    """
    return generate_static_uuid(name.started_at, f"{name.output}\n{name.run_id}".encode())


def _run_facets(run: LineageRun, config: LineageConfig, error: str) -> dict[str, RunFacet]:
    engine, version = run.engine
    facets: dict[str, RunFacet] = {
        "processing_engine": _facet(
            processing_engine_run.ProcessingEngineRunFacet,
            name=engine,
            version=version,
            openlineageAdapterVersion=installed_version(),
        ),
        "tags": _facet(
            tags_run.TagsRunFacet,
            tags=[tags_run.TagsRunFacetFields("run_id", run.name.run_id, _SOURCE)],
        ),
    }
    if run.parameters:
        facets["executionParameters"] = _facet(
            execution_parameters_run.ExecutionParametersRunFacet,
            parameters=[
                execution_parameters_run.ExecutionParameter(key=key, value=_text(value))
                for key, value in run.parameters.items()
            ],
        )
    parent = config.parent
    if run.part_of:
        own = run.part_of
        parent = ParentRun(config.namespace, own.job, str(run_uuid(own)))
    if parent:
        facets["parent"] = _parent(parent, config.root or parent)
    if error:
        facets["errorMessage"] = _facet(
            error_message_run.ErrorMessageRunFacet, message=error, programmingLanguage="PYTHON"
        )
    return facets


def _parent(parent: ParentRun, root: ParentRun) -> RunFacet:
    return _facet(
        parent_run.ParentRunFacet,
        run=parent_run.Run(parent.run_id),
        job=parent_run.Job(parent.namespace, parent.job),
        root=parent_run.Root(
            parent_run.RootRun(root.run_id), parent_run.RootJob(root.namespace, root.job)
        ),
    )


def _job_facets(run: LineageRun) -> dict[str, JobFacet]:
    return {
        "jobType": _facet(
            job_type_job.JobTypeJobFacet,
            processingType="BATCH",
            integration="GLEANER",
            jobType=run.kind,
        ),
        "documentation": _facet(
            documentation_job.DocumentationJobFacet, description=run.description
        ),
    }


def _input(dataset: Dataset) -> InputDataset:
    facets: dict[str, InputDatasetFacet] = {}
    if _has_statistics(dataset):
        facets["inputStatistics"] = _facet(
            input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
            rowCount=dataset.rows,
            size=dataset.size,
            fileCount=dataset.files,
        )
    if dataset.assertions:
        facets["dataQualityAssertions"] = _facet(
            data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
            assertions=[_assertion(each) for each in dataset.assertions],
        )
    return InputDataset(dataset.namespace, dataset.name, facets, facets=_dataset_facets(dataset))


def _output(dataset: Dataset) -> OutputDataset:
    facets: dict[str, OutputDatasetFacet] = {}
    if _has_statistics(dataset):
        facets["outputStatistics"] = _facet(
            output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
            rowCount=dataset.rows,
            size=dataset.size,
            fileCount=dataset.files,
        )
    return OutputDataset(dataset.namespace, dataset.name, facets, facets=_dataset_facets(dataset))


def _has_statistics(dataset: Dataset) -> bool:
    return any(count is not None for count in (dataset.rows, dataset.size, dataset.files))


def _dataset_facets(dataset: Dataset) -> dict[str, DatasetFacet]:
    facets: dict[str, DatasetFacet] = {
        "datasetType": _facet(
            dataset_type_dataset.DatasetTypeDatasetFacet, datasetType=dataset.kind
        )
    }
    if dataset.description:
        facets["documentation"] = _facet(
            documentation_dataset.DocumentationDatasetFacet, description=dataset.description
        )
    if dataset.columns is not None:
        facets["schema"] = _facet(
            schema_dataset.SchemaDatasetFacet, fields=_columns(dataset.columns)
        )
    if dataset.version:
        facets["version"] = _facet(
            dataset_version_dataset.DatasetVersionDatasetFacet, datasetVersion=dataset.version
        )
    if dataset.table_format:
        facets["storage"] = _facet(
            storage_dataset.StorageDatasetFacet,
            storageLayer=dataset.table_format,
            fileFormat="parquet",
        )
    if dataset.sums:
        facets["dataQualityMetrics"] = _facet(
            data_quality_metrics_dataset.DataQualityMetricsDatasetFacet,
            rowCount=dataset.rows,
            bytes=dataset.size,
            fileCount=dataset.files,
            columnMetrics={
                column: data_quality_metrics_dataset.ColumnMetrics(sum=total)
                for column, total in dataset.sums.items()
            },
        )
    if dataset.model:
        facets["gleaner_model"] = _model(dataset.model)
    return facets


def _assertion(found: Assertion) -> data_quality_assertions_dataset.Assertion:
    return data_quality_assertions_dataset.Assertion(
        assertion=found.name,
        success=found.success,
        severity="error" if found.is_blocking else "warn",
        name=found.name,
        description=found.description,
        expected=found.expected,
        actual=found.actual,
    )


def _columns(columns: pa.Schema) -> list[schema_dataset.SchemaDatasetFacetFields]:
    return [
        schema_dataset.SchemaDatasetFacetFields(
            name=column.name,
            type=str(
                column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            ),
            description=(column.metadata or {}).get(b"doc", b"").decode() or None,
            ordinal_position=position,
        )
        for position, column in enumerate(columns, 1)
    ]


@attr.define
class GleanerModelDatasetFacet(DatasetFacet):
    """What a tagger's own files say of it; there is no facet of the standard for models.

    vectors: the word vectors it learnt from. scores: F1, precision and recall of all labels
    together by the part of the labelled data, with the number of entities.
    """

    name: str
    contentHash: str  # noqa: N815 - the standard's way of writing
    labels: list[str]
    language: str
    scores: dict[str, dict[str, float]]
    vectors: str | None = None

    @staticmethod
    def _get_schema() -> str:
        return f"{producer()}#{_MODEL_SCHEMA}"


def _model(model: Artifact) -> GleanerModelDatasetFacet:
    scores = model.metrics.get("scores") or {}
    return _facet(
        GleanerModelDatasetFacet,
        name=model.name,
        contentHash=model.content_hash,
        labels=list(model.tags.labels),
        language=model.language,
        vectors=model.training.get("vectors"),
        scores={part: dict(found.get("micro", {})) for part, found in scores.items()},
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _facet(kind: type[Facet], **values: Any) -> Facet:
    """A facet of ours: each says who made it."""
    return kind(**values, producer=producer())
