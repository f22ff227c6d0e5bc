"""`assay demo`: what `make run` does."""

from __future__ import annotations

import click

from dev.home import PROJECT, home

PHOTO = PROJECT / "models" / "sample" / "tattoo.jpg"


@click.command()
@click.option("--once", is_flag=True, help="End after the analysis instead of staying up.")
def demo(once: bool) -> None:
    """Starts the stack, analyses the sample photo through the public API, prints the result.

    The photo was made by this repository's own generator, and its intake is a sample too. Stays
    up until Ctrl-C; with --once it ends by itself, with the exit status of the analysis.

    \b
    Example:
      assay demo --once
    """
    from cli import intake
    from cli.analyze import present, through_api
    from cli.stack import start, stay
    from dev import control

    folder = home()
    state, _ = start({}, bound=True)
    try:
        report = folder / "report.pdf"
        view, places = through_api(PHOTO, intake.read(intake.SAMPLE), report, show_progress=True)
        console = {"Console": state.urls["docs"]}
        present(view, {"Sample": str(PHOTO), **places, **console}, as_json=False)
        if not once:
            click.echo("The mesh is up; Ctrl-C ends it. In another shell: assay status", err=True)
            stay(folder)
    finally:
        control.stop(folder)
