"""What subjects are put through: a function each, which asks a team and keeps samples.

Names of figures are part of the record: the bars, the tables and the plots look for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from versus.scenarios.dead import dead
from versus.scenarios.endurance import endurance
from versus.scenarios.healthy import concurrency, crowd, in_memory, layers, loopback, tls
from versus.scenarios.imports import imports
from versus.scenarios.recovery import recovery
from versus.scenarios.streaming import cuts, streams
from versus.stage import Stage
from versus.team import Sizes, Team

Scenario = Callable[[Team, Stage, Sizes], None]

SCENARIOS: Final[dict[str, Scenario]] = {
    "memory": in_memory,
    "layers": layers,
    "loopback": loopback,
    "tls": tls,
    "concurrency": concurrency,
    "crowd": crowd,
    "dead": dead,
    "recovery": recovery,
    "streams": streams,
    "cuts": cuts,
    "endurance": endurance,
    "imports": imports,
}
