"""A fleet of fake Azure OpenAI regions on loopback, with faults on command; never a real network.

    from azure_failover.emulator import Fleet, faults

    with Fleet(["eastus", "westus"]) as fleet:
        fleet["eastus"].fault = faults.Status(503)
        ...  # run the app under test against fleet.config()
        assert [r.region for r in fleet.requests] == ["eastus", "westus"]

Each region is a real TCP server, so a client meets what it would meet in production: refused
connections, resets, stalls, bodies cut short. What it makes, files or responses, it keeps for
itself: another region does not know the ids. Nothing else of azure_failover is imported.
"""

from azure_failover.emulator import faults
from azure_failover.emulator._form import FilePart
from azure_failover.emulator.fleet import Fleet
from azure_failover.emulator.recorded import Dialect, Recorded
from azure_failover.emulator.region import Region
from azure_failover.emulator.shape import StreamShape
from azure_failover.emulator.spec import RegionSpec

__all__ = [
    "Dialect",
    "FilePart",
    "Fleet",
    "Recorded",
    "Region",
    "RegionSpec",
    "StreamShape",
    "faults",
]
