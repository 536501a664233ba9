"""The report of a run as a file of its output; whoever makes one needs nothing but the run."""

from pipeline.console.commands import called
from pipeline.console.printing import warn
from pipeline.console.text import first_line
from pipeline.outputs.storage import RunStorage
from pipeline.report.page import report_page
from schemas.errors import JobError
from schemas.manifest import Manifest


def write_report(storage: RunStorage, manifest: Manifest) -> None:
    """Write the report of a run, whole or not at all.

    Raises JobError where the run's files cannot be read, OSError where it cannot be written.
    """
    storage.write_report(report_page(storage.root, manifest).encode())


def write_lasting_report(storage: RunStorage, manifest: Manifest) -> None:
    """As `write_report`, for a caller that does not hold the output: of the run as it is then.

    Whoever changes a run removes its report once the manifest is written, and here the manifest is
    looked at once the report is: whichever comes last, no page stays that shows what is gone.
    Raises JobError also where the run is gone.
    """
    while True:
        is_written = False
        try:
            write_report(storage, manifest)
            is_written = True
        except JobError:  # files go when a run is changed
            if _current(storage) == manifest:
                raise
        current = _current(storage)
        if current == manifest:
            return
        if is_written:
            storage.remove_report()
        if current is None:
            raise JobError(f"run {storage.run_id} was removed while its report was made")
        manifest = current


def _current(storage: RunStorage) -> Manifest | None:
    try:
        return storage.read_manifest()
    except Exception:  # each filesystem raises errors of its own
        if storage.has_manifest():
            raise
        return None


def try_report(storage: RunStorage, manifest: Manifest) -> bool:
    """Whether the report was written; what kept it from that is a warning, and no more.

    The run is as it was decided to be: nothing that happens here may change that.
    """
    try:
        write_report(storage, manifest)
    except Exception as error:  # noqa: BLE001 - as above
        cause = first_line(error)
        warn(f"run {storage.run_id} has no report ({cause}); {called('jobs.report')} makes one")
        return False
    return True
