"""The commands of ``azure-failover``. Needs the extra ``cli``; imported by ``cli.main`` alone."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.text import Text

import azure_failover
from azure_failover import _demo
from azure_failover._cli import completion
from azure_failover._cli.chat import chat
from azure_failover._cli.check import check
from azure_failover._cli.complaints import Commands, debug_option
from azure_failover._cli.config import config
from azure_failover._cli.emulator import emulator
from azure_failover._cli.explain import explain
from azure_failover._cli.watch import watch
from azure_failover._demo_stage import LiveStage, PlainStage


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(azure_failover.__version__, prog_name="azure-failover")
@debug_option
@click.pass_context
def cli(context: click.Context) -> None:
    """Failover for Azure OpenAI in the HTTP transport.

    Exit codes: 0 if all is well, 1 if something is wrong, 2 if the options or the configuration
    cannot be used.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


completion.register()
for _command in (chat, check, config, emulator, explain, watch):
    cli.add_command(_command)


@cli.command()
@click.option("--quick", is_flag=True, help="Dwell on nothing: a few seconds in all.")
@click.option("--plain", is_flag=True, help="Print lines even on a terminal.")
@debug_option
def demo(*, quick: bool, plain: bool) -> None:
    """Watch a region die under load, on fake regions on this machine.

    Starts three regions on loopback, calls them in three ways, kills the primary under load,
    brings it back, and shows where each request went. Fails if any request was lost. Needs no
    Azure account. Takes about 15 seconds.
    """
    console = Console(highlight=False)
    stage = PlainStage() if plain or not _is_lively(console) else LiveStage(console)
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="replace")  # an old code page lacks the ellipsis
    try:
        wrong = _demo.run(stage, _demo.QUICK if quick else _demo.Pace())
    except KeyboardInterrupt:
        stage.rest()
        click.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        raise  # whoever read has left: click ends quietly
    except (OSError, ExceptionGroup) as error:
        raise click.ClickException(f"the fake regions cannot run: {error}") from error
    loud = Console(stderr=True, highlight=False)
    for problem in wrong:
        loud.print(Text(f"FAILED: {problem}", style="bold red"), soft_wrap=True)
    if wrong:
        sys.exit(1)
    stage.line("no request was lost")


def _is_lively(console: Console) -> bool:
    """Tell whether a picture can be drawn over and over: FORCE_COLOR makes no terminal."""
    is_terminal = sys.stdout.isatty() and console.is_terminal and not console.is_dumb_terminal
    return is_terminal and console.encoding.startswith("utf")
