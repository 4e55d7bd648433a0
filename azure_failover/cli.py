"""The entry point of ``azure-failover``: finds the extra it needs, or says what to install."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from azure_failover._commands import cli  # noqa: PLC0415  (needs the extra)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("click", "h11", "rich"):
            raise
        sys.exit("azure-failover needs its extra: pip install 'azure-failover[cli]'")
    except KeyboardInterrupt:  # while it loads
        sys.stderr.write("stopped\n")
        sys.exit(130)
    cli(prog_name="azure-failover")
