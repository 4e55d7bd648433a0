"""Which configuration a command works on: a TOML file or the environment."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from azure_failover._cli import origins
from azure_failover._cli.cautions import Caution, cautions
from azure_failover._cli.complaints import Complaint
from azure_failover._cli.origins import Origins
from azure_failover.core._sources import BACKUP_PREFIX, PRIMARY_VARIABLES, from_toml_text
from azure_failover.core.config import Config
from azure_failover.core.errors import ConfigError

Command = TypeVar("Command", bound=Callable[..., Any])

config_option = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML file; by default the environment (AZURE_OPENAI_ENDPOINT and its kin).",
)
"""Lets a command take ``--config``, as its argument ``path``."""


@attrs.frozen
class Loaded:
    """A configuration, and where it comes from.

    Attributes:
        config: The configuration.
        source: What it was read from, for people.
        origins: Where each field of each endpoint was said.
    """

    config: Config
    source: str
    origins: tuple[Origins, ...]

    @property
    def inherits_key(self) -> tuple[bool, ...]:
        """For each endpoint, whether its key is the primary's because it has none."""
        return tuple(
            endpoint.api_key is not None and told["api_key"].kind == "inherited"
            for endpoint, told in zip(self.config.endpoints, self.origins, strict=True)
        )

    @property
    def cautions(self) -> list[Caution]:
        """What may be a mistake."""
        return cautions(self.config, self.inherits_key)


def load(path: Path | None) -> Loaded:
    """Read the configuration of a command.

    Raises:
        Complaint: There is none.
        ConfigError: It cannot be used.
    """
    if path is not None:
        return _loaded(path)
    names = {name for names in PRIMARY_VARIABLES.values() for name in names}
    if not any(name in names or name.startswith(BACKUP_PREFIX) for name in os.environ):
        needed = ", ".join(PRIMARY_VARIABLES[field][0] for field in ("endpoint", "api_key"))
        last = PRIMARY_VARIABLES["deployment_name"][0]
        raise Complaint(
            "there is no configuration", f"give --config FILE, or set {needed} and {last}"
        )
    config = Config.from_env()
    return Loaded(config, "the environment", origins.of_the_environment(os.environ))


def _loaded(path: Path) -> Loaded:
    """Read a file, once: it may be a pipe, such as ``<(decrypt fleet.toml)``."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise Complaint(f"{path} cannot be read: {error.strerror}", "check the path") from error
    except ValueError:
        raise Complaint(f"{path} is not UTF-8 text", "give a TOML file") from None
    read = from_toml_text(text, os.environ, source=str(path))
    if isinstance(read, ConfigError):
        raise read
    return Loaded(Config(*read), str(path), origins.of_a_file(tomllib.loads(text), os.environ))


def complete_endpoint(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of an endpoint, for the shell."""
    path: Path | None = context.params.get("path")
    if path is not None and not path.is_file():
        return []  # reading a pipe would take from it, or hang
    try:
        config = load(path).config
    except (Complaint, ConfigError, OSError, ValueError):
        return []
    return [each.name for each in config.endpoints if each.name.startswith(incomplete)]
