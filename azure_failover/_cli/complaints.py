"""How errors are told: one line with a remedy, and an exit code; a traceback only for --debug."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NoReturn, TypeVar

import click

from azure_failover.core.errors import ConfigError

WRONG: Final = 1
"""The exit code where something that was looked at is wrong."""
UNUSABLE: Final = 2
"""The exit code where nothing was done: the options or the configuration cannot be used."""
_DEBUG: Final = "azure_failover.debug"

Command = TypeVar("Command", bound=Callable[..., Any])


class Complaint(click.ClickException):
    """What is wrong, and what would be right, in one line."""

    exit_code = UNUSABLE

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")


class Failure(Complaint):
    """A complaint about something that was tried and went wrong."""

    exit_code = WRONG


class ConfigComplaint(click.ClickException):
    """A configuration that cannot be used: a line for each problem, with its remedy."""

    exit_code = UNUSABLE

    def __init__(self, error: ConfigError) -> None:
        lines = [str(problem) for problem in error.problems]
        where = f"{len(lines)} problems in {error.source}"
        if len(lines) == 1 and error.problems[0].path == "file":
            problem = error.problems[0]
            super().__init__(f"{error.source} {problem.what}; {problem.remedy}")
        elif len(lines) == 1:
            super().__init__(f"{error.source}: {lines[0]}")
        else:
            super().__init__("\n  ".join([f"{where}:", *lines]))


def debug_option(command: Command) -> Command:
    """Let a command take ``--debug``, which shows tracebacks."""

    def remember(context: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted:
            context.meta[_DEBUG] = True

    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=remember,
        help="Show the traceback of an error.",
    )(command)


class Commands(click.Group):
    """The group of all commands, which tells every error in its own way."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401  (as click has it)
        """Run a command; what it did not foresee becomes a line, or a traceback for --debug."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            self._raise(ctx, ConfigComplaint(error), error)
        except Complaint as complaint:
            if not isinstance(complaint.__cause__, Exception):
                raise
            self._raise(ctx, complaint, complaint.__cause__)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # BrokenPipeError: whoever read has left, and click ends quietly
        except Exception as error:  # noqa: BLE001  (the last resort)
            what = f"something unforeseen happened ({type(error).__name__})"
            advice = "run it again with --debug, and report what that shows"
            self._raise(ctx, Failure(what, advice), error)

    @staticmethod
    def _raise(ctx: click.Context, complaint: click.ClickException, error: Exception) -> NoReturn:
        if ctx.meta.get(_DEBUG):
            raise error
        raise complaint from None

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,  # noqa: ANN401  (as click has it)
    ) -> Any:  # noqa: ANN401
        """Run as a program: errors of usage take one line as well."""
        run = partial(super().main, args, prog_name, complete_var, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        try:
            code: object = run()
        except click.UsageError as error:
            path = "azure-failover" if error.ctx is None else error.ctx.command_path
            message = " ".join(error.format_message().split()).rstrip(".")
            click.echo(f"Error: {message}; see {path} --help", err=True)
            raise SystemExit(UNUSABLE) from None
        except click.ClickException as error:
            error.show()
            raise SystemExit(error.exit_code) from None
        except click.Abort:
            click.echo("stopped", err=True)
            raise SystemExit(130) from None
        raise SystemExit(code if isinstance(code, int) else 0)
