"""The `assay` command."""

from __future__ import annotations

import sys

import click

from cli.analyze import analyze
from cli.backup import backup, restore
from cli.balance import balance
from cli.canary import canary
from cli.certificates import certificates
from cli.deadletters import deadletters
from cli.decide import decide
from cli.demo import demo
from cli.doctor import doctor
from cli.erase import subjects
from cli.evaluate import evaluate
from cli.jobs import jobs, token
from cli.keys import keys
from cli.look import metrics, streams, topology
from cli.models import models
from cli.problems import EXIT_FAILED, CommandError, report
from cli.rulesets import ruleset
from cli.scale import restart, scale
from cli.stack import down, logs, status, up
from cli.trace import trace


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="assay")
def assay() -> None:
    """Assay: phone photos and videos to explainable, versioned measurements.

    Tattoos: decision support for trained laser operators; never device settings.
    Balance: sway as an indicator, for trained assessors; no diagnosis.

    \b
    Example:
      assay up --detach
      assay analyze models/sample/tattoo.jpg --intake cli/examples/intake.json
      assay balance models/sample/balance.mp4 --intake cli/examples/balance.json
      assay down
    """


for _command in (
    up,
    down,
    status,
    logs,
    scale,
    restart,
    backup,
    restore,
    doctor,
    trace,
    token,
    keys,
    analyze,
    balance,
    jobs,
    subjects,
    deadletters,
    streams,
    topology,
    metrics,
    certificates,
    models,
    ruleset,
    decide,
    evaluate,
    demo,
    canary,
):
    assay.add_command(_command)


def main() -> None:
    """Runs the command line; a problem becomes readable text, or JSON under --json, on stderr."""
    as_json = "--json" in sys.argv
    try:
        # click answers the status of an Exit; commands themselves answer nothing.
        sys.exit(assay.main(prog_name="assay", standalone_mode=False))
    except CommandError as error:
        sys.exit(report(error, as_json=as_json))
    except click.ClickException as error:
        sys.exit(_misused(error, as_json=as_json))
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has what it wanted (`assay logs | head`).
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        sys.exit(_unexpected(error, as_json=as_json))


def _misused(error: click.ClickException, *, as_json: bool) -> int:
    """A command line that cannot be run; as JSON it is a problem like any other."""
    if not as_json:
        error.show()
        return error.exit_code
    named = getattr(error, "param", None)
    context = getattr(error, "ctx", None)
    problem = {
        "code": "COMMAND_INVALID",
        "detail": error.format_message(),
        "field": named.name if named is not None else "",
        "fix": f"See `{context.command_path if context else 'assay'} --help`.",
    }
    return report(CommandError(problem, refused=True), as_json=True)


def _unexpected(error: Exception, *, as_json: bool) -> int:
    """An AssayError of a stage core keeps its meaning; anything else is a fault of ours, shown whole."""
    from mesh.errors import AssayError

    if not isinstance(error, AssayError):
        import traceback

        traceback.print_exc()
        return EXIT_FAILED
    problem = {"code": error.code, "detail": error.message, "field": error.field, "fix": error.fix}
    faults = [{"field": fault.field, "message": fault.message} for fault in error.fields]
    return report(CommandError({**problem, "errors": faults}, refused=error.permanent), as_json=as_json)


if __name__ == "__main__":
    main()
