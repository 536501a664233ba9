"""Beam's own flags, which a command line passes on: Beam is imported when there are some to parse.

Beam only warns of a flag that it does not know, and of a value that its runner would refuse.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.console.arguments import Arguments, Parser, unknown_argument
from schemas.errors import UsageError

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

DIRECT_RUNNER = "DirectRunner"

# As Beam takes them: in any case, with or without the last word.
_LOCAL_RUNNERS = {"direct", "fnapi", "bundlebaseddirect", "switchingdirect"}


def is_local(runner: str) -> bool:
    """Whether a runner of this name is the local one."""
    return runner.lower().removesuffix("runner") in _LOCAL_RUNNERS


def beam_options(arguments: Sequence[str], own: Parser) -> "tuple[PipelineOptions, str]":
    """Beam's options and the name of its runner; raises UsageError where `own` has no such flag."""
    from apache_beam.options import pipeline_options as options
    from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
    from apache_beam.runners.runner import create_runner

    parser = Arguments()
    for kind in options.PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)  # type: ignore[arg-type]  # noqa: SLF001 - as Beam does
    _, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise UsageError(unknown_argument(unknown[0], [*own.flags, *parser.flags]))
    beam = options.PipelineOptions(list(arguments))
    runner = beam.view_as(options.StandardOptions).runner or DIRECT_RUNNER
    if is_local(runner):
        return beam, runner
    try:  # what it would refuse once the run has begun
        errors = PipelineOptionsValidator(beam, create_runner(runner)).validate()
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        raise UsageError(f"--runner {runner}: {error}") from error
    template = beam.view_as(options.GoogleCloudOptions).template_location
    if not errors and (template or beam.view_as(options.TestOptions).dry_run):
        errors = ["--dry_run and --template_location would start no job"]
    if errors:
        raise UsageError(f"--runner {runner}: {' '.join(error.strip() for error in errors)}")
    return beam, runner


def runs_here(runner: str, beam: "PipelineOptions") -> bool:
    """Whether the workers are on this machine, as Beam's runners choose if they are not told."""
    from apache_beam.options.pipeline_options import FlinkRunnerOptions, PortableOptions

    environment = beam.view_as(PortableOptions).environment_type
    is_inside = runner.lower().startswith("prism") or (
        runner.lower().startswith("flink")
        and beam.view_as(FlinkRunnerOptions).flink_master.startswith("[")  # [local], [auto]
    )
    return is_local(runner) or environment == "LOOPBACK" or (is_inside and environment is None)


def chosen_direct_options(options: "PipelineOptions") -> tuple[str | None, int | None]:
    """The local running mode and number of workers as far as the user chose them."""
    from apache_beam.options.pipeline_options import DirectOptions

    direct = options.view_as(DirectOptions)
    # Beam does not tell a default from a choice that equals it.
    chosen = {flag.split("=", maxsplit=1)[0] for flag in options._flags or ()}  # noqa: SLF001 - kept nowhere else
    return (
        direct.direct_running_mode if "--direct_running_mode" in chosen else None,
        direct.direct_num_workers if "--direct_num_workers" in chosen else None,
    )
