"""The commands of ``azure-failover``. Needs the extra ``cli``; imported by ``cli.main`` alone."""

from __future__ import annotations

import sys

import click
from rich.console import Console

import azure_failover
from azure_failover import _demo
from azure_failover._demo_stage import LiveStage, PlainStage


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(azure_failover.__version__, prog_name="azure-failover")
def cli() -> None:
    """Failover for Azure OpenAI in the HTTP transport."""


@cli.command()
@click.option("--quick", is_flag=True, help="Dwell on nothing: a few seconds in all.")
@click.option("--plain", is_flag=True, help="Print lines even on a terminal.")
def demo(*, quick: bool, plain: bool) -> None:
    """Watch a region die under load, on fake regions on this machine.

    Starts three regions on loopback, calls them in three ways, kills the primary under load,
    brings it back, and shows where each request went. Fails if any request was lost. Needs no
    Azure account. Takes about 15 seconds.
    """
    console = Console(highlight=False)
    stage = LiveStage(console) if console.is_terminal and not plain else PlainStage()
    try:
        wrong = _demo.run(stage, _demo.QUICK if quick else _demo.Pace())
    except KeyboardInterrupt:
        stage.rest()
        click.echo("stopped", err=True)
        sys.exit(130)
    for problem in wrong:
        click.secho(f"FAILED: {problem}", fg="red", bold=True, err=True)
    if wrong:
        sys.exit(1)
    stage.line("no request was lost")
