"""A checked fleet, and time that passes: what all state machines have in common."""

from __future__ import annotations

from math import inf, nextafter
from typing import ClassVar

from checked_fleet import CheckedFleet
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from azure_failover.core.config import Config
from azure_failover.core.course import Course, Reach
from azure_failover.core.pace import ANY_KIND, Kind

MOST = 4
"""Endpoints of the largest fleet."""
CHAT: Kind = ("chat/completions", "gpt")
KINDS = st.sampled_from((ANY_KIND, ANY_KIND, ANY_KIND, CHAT))
LUCK = st.just(0.0) | st.floats(0.0, 1.0, exclude_max=True)
HINTS = st.none() | st.sampled_from((0.0, 1.0, 60.0, 120.0, 86400.0)) | st.floats(0.0, 300.0)
ORIGINS = st.sampled_from((0.0, 0.1, 1e5, 1e9))
"""What the clock says at first: monotonic clocks count from boot, or from anywhere."""
STEPS = st.sampled_from(
    [
        *((0.0, 0.0), (0.0, 0.001), (0.0, 1.0), (0.0, 4.0)),
        *((3.0, 3.0), (30.0, 30.0), (4.0, 40.0), (40.0, 1e7)),
    ]
).flatmap(lambda span: st.floats(*span))
"""Seconds that pass: none, hardly any, some, those on which windows turn, a laptop's sleep."""
SIZES = st.sampled_from((1, 1, 2, 2, 3, MOST))
"""How many endpoints a fleet has: on few, more happens to each."""
POLICIES = st.fixed_dictionaries(
    {
        "on_throttle": st.sampled_from(("failover", "return", "wait")),
        "strategy": st.sampled_from(
            ("priority", "priority", "priority", "round_robin", "weighted", "latency")
        ),
    },
    optional={
        "failback": st.sampled_from(("auto", "auto", "auto", "never")),
        "on_misconfigured": st.sampled_from(("failover", "return")),
        "pause": st.sampled_from((0.001, 0.5, 1.0, 5.0)) | st.floats(0.001, 20.0),
        "max_pause": st.sampled_from((20.0, 300.0)) | st.floats(20.0, 1000.0),
        "probe_lease": st.sampled_from((0.5, 30.0)) | st.floats(0.001, 100.0),
        "failback_ramp": st.sampled_from((0.0, 10.0)) | st.floats(0.001, 100.0),
        "retry_budget": st.sampled_from((0.0, 0.2, 1.0)),
        "reserve": st.sampled_from((0.0, 1.0, 10.0)),
        "hedge_after": st.sampled_from((None, "p95", 0.001, 1.0, 10.0)),
        "hedge_probes_after": st.sampled_from((None, 0.001, 2.0)),
        "detect_silence": st.sampled_from((True, True, True, False)),
    },
)
TIERS = st.just((0,) * MOST) | st.tuples(*(st.integers(0, 2) for _ in range(MOST)))


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Draw where a request may go: mostly anywhere."""
    closed = draw(st.just(frozenset[int]()) | st.frozensets(st.integers(0, MOST - 1), max_size=2))
    reach = draw(st.sampled_from((Reach.FLEET, Reach.FLEET, Reach.FLEET, *Reach)))
    pin = draw(st.integers(0, MOST - 1)) if reach is Reach.PINNED else None
    return Course(reach, pin, dict.fromkeys(closed, "cannot take it"))


def within(course: Course, endpoints: int) -> Course:
    """Give the same course for a fleet that may be smaller than the largest."""
    pin = None if course.pin is None else course.pin % endpoints
    closed = {index: why for index, why in course.closed.items() if index < endpoints}
    return Course(course.reach, pin, closed)


def config_of(tiers: tuple[int, ...], policy: dict[str, object]) -> Config:
    """Give a configuration with one endpoint for each tier; later ones weigh more."""
    primary, *backups = [
        {"endpoint": f"https://r{index}.example", "tier": tier, "weight": index + 0.5}
        for index, tier in enumerate(tiers)
    ]
    common = {"api_key": "key", "deployment_name": "gpt", "policy": policy}
    return Config.from_dict({**primary, **common, "backups": backups}, env={})


class Clockwork(RuleBasedStateMachine):
    """A checked fleet, and the laws that hold at any time."""

    taken: ClassVar[int] = 0
    """How many steps all machines of this process have taken."""
    fleet: CheckedFleet
    now: float

    def build(self, tiers: tuple[int, ...], policy: dict[str, object], origin: float) -> None:
        self.fleet = CheckedFleet(config_of(tiers, policy))
        self.now = origin

    def dues(self) -> list[float]:
        """Give the times at which something ends: a pause, a lease, a throttle, a silence."""
        return [
            *(
                time
                for one in self.fleet.reference.endpoints
                for time in (one.until, one.throttled_until, one.forgiven_at())
            ),
            *self.silences(),
        ]

    def silences(self) -> list[float]:
        """Give the times at which an endpoint falls silent if nothing is heard."""
        reference = self.fleet.reference
        return [
            pace.silent_at(reference.endpoints[index].generation)
            for (index, _), pace in reference.paces.items()
        ]

    @rule(seconds=STEPS)
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule(which=st.integers(0, 11), is_early=st.booleans())
    def let_time_pass_until_something_is_due(self, which: int, *, is_early: bool) -> None:
        """Go to the very end of it, or to the instant before."""
        due = sorted(time for time in self.dues() if self.now < time < inf)
        if due:
            time = due[which % len(due)]
            self.now = max(self.now, nextafter(time, -inf)) if is_early else time

    @invariant()
    def the_status_is_that_of_the_reference(self) -> None:
        Clockwork.taken += 1
        self.fleet.agrees(self.now)

    @invariant()
    def at_most_one_probe_is_made_per_endpoint_and_generation(self) -> None:
        self.fleet.probes_alone()

    @invariant()
    def at_most_one_sentry_is_posted_per_endpoint_kind_and_generation(self) -> None:
        self.fleet.posts_one_sentry()

    @invariant()
    def an_ejection_is_never_shortened(self) -> None:
        self.fleet.keeps_ejections(self.now)
