"""The simulator of health rules: is it fair, and does what must hold, hold?"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
import simulate
from simulation.bars import REPORTED, Bar, bars
from simulation.grid import BARE, LATE, OURS, QUICK_CALLS, REMEDIES, RULES, read_bar, waits
from simulation.ours import ours
from simulation.page import reading_row
from simulation.rivals import Envoy, Gate, Oracle, Polly, Resilience4j, ThreeStrikes
from simulation.scenarios import (
    FAST_5XX,
    HANG,
    HANG_KINDS,
    HANG_PAIR,
    HEALTHY,
    SCENARIOS,
    Endpoint,
    Scenario,
)
from simulation.tally import Tally
from simulation.traffic import (
    ALIKE,
    BATCH_EVERY,
    BURST,
    REASONING,
    REASONING_TIMEOUT,
    Call,
    Traffic,
    batches,
    bursts,
    calls,
    hasty,
    two_kinds,
)
from simulation.world import Rule, World, simulate as run

DOCS = Path(__file__).parents[2] / "docs"
CHEAP = [bar for bar in bars() if bar.calls * bar.seeds <= QUICK_CALLS]


def small(rule: str, scenario: Scenario = FAST_5XX, seed: int = 7) -> Tally:
    return run(scenario, 3.0, 60.0, RULES[rule], seed)


# What must hold.


@pytest.mark.parametrize(
    "bar", CHEAP, ids=lambda bar: f"{bar.what}, {bar.scenario.name}, {bar.rate}"
)
def test_what_must_hold_holds(bar: Bar) -> None:
    """Each bar that takes few calls, by the seeds that nothing was chosen by."""
    reading = read_bar(bar)
    assert reading.holds, reading_row(reading)


def test_the_page_has_every_bar_every_scenario_and_every_rule() -> None:
    """The page was written by this simulator, and says where a bar does not hold."""
    page = (DOCS / "health-simulation.md").read_text(encoding="utf-8").lower()
    for bar in bars():
        assert f"| {bar.what} | {bar.scenario.name} | {bar.rate:g} | {bar.length:.0f} |" in page
    for name in SCENARIOS:
        assert f"### {name}" in page
    for rule in RULES:
        assert f"| {rule.lower()} |" in page or f"| **{rule.lower()}** |" in page
    for remedy in REMEDIES:
        assert f"| {remedy.lower()} |" in page
    assert "does not hold" not in page


# Fairness.


@pytest.mark.parametrize("rule", RULES)
def test_a_seed_gives_the_same_figures_again(rule: str) -> None:
    """Nothing but the seed decides: no clock, no other source of randomness."""
    first, second = small(rule, HANG), small(rule, HANG)
    assert first.added == second.added
    assert (first.dead, first.attempts, first.failbacks) == (
        second.dead,
        second.attempts,
        second.failbacks,
    )


def test_every_rule_meets_the_same_calls() -> None:
    """The number of calls in a time does not depend on what a rule does with them."""
    assert len({small(rule, HEALTHY).requests for rule in RULES}) == 1
    assert len({small(rule).requests for rule in RULES}) == 1


@pytest.mark.parametrize("scenario", [HANG, FAST_5XX, HEALTHY], ids=lambda each: each.name)
def test_who_knows_every_trouble_loses_no_time(scenario: Scenario) -> None:
    """The measure of added latency agrees with a run of a rule that knows everything."""
    tally = run(scenario, 3.0, 300.0, Oracle, 7)
    assert tally.added_quantiles(0.0, 0.99) == pytest.approx([0.0, 0.0])


def test_calls_come_at_the_rate_and_answers_take_their_time() -> None:
    """Poisson arrivals; the median answer takes 0.7 s."""
    seen = list(islice(calls(3.0, ALIKE, Random(1)), 20_000))
    assert seen[-1].arrived == pytest.approx(20_000 / 3.0, rel=0.05)
    assert sorted(call.seconds for call in seen)[10_000] == pytest.approx(0.7, rel=0.05)


@pytest.mark.parametrize("traffic", [calls, bursts, batches, two_kinds, hasty])
def test_calls_come_in_order_and_again_for_the_same_seed(traffic: Traffic) -> None:
    """The order of arrivals is that of the calls, whatever their kind."""
    seen = [list(islice(traffic(30.0, ALIKE, Random(1)), 5000)) for _ in range(2)]
    came = [call.arrived for call in seen[0]]
    assert came == sorted(came)
    assert [(call.arrived, call.seconds, call.kind, call.timeout) for call in seen[0]] == [
        (call.arrived, call.seconds, call.kind, call.timeout) for call in seen[1]
    ]


def test_bursts_come_every_ten_seconds_and_some_ask_for_more() -> None:
    """At 6.4 calls a second a burst has 64; a third of the bursts takes twice as long."""
    seen = list(islice(bursts(6.4, ALIKE, Random(1)), 64 * 300))
    assert {call.arrived for call in seen} == {10.0 * number for number in range(300)}
    middles = [sorted(call.seconds for call in seen[i : i + 64])[32] for i in range(0, 19_200, 64)]
    assert sum(middle > 1.0 for middle in middles) == pytest.approx(100, abs=20)


def test_a_batch_job_follows_a_trickle() -> None:
    """It begins with 64 calls at once."""
    seen = list(islice(batches(30.0, ALIKE, Random(1)), 2000))
    trickle = [call for call in seen if call.arrived < BATCH_EVERY]
    assert len(trickle) == pytest.approx(150, abs=40)
    assert [call.arrived for call in seen].count(BATCH_EVERY) == BURST


def test_a_model_that_thinks_gets_a_tenth_of_the_calls_and_more_time() -> None:
    """It is another deployment: another kind of call."""
    seen = list(islice(two_kinds(30.0, ALIKE, Random(1)), 10_000))
    slow = [call for call in seen if call.kind == REASONING]
    assert len(slow) == pytest.approx(1000, abs=100)
    assert sorted(call.seconds for call in slow)[500] == pytest.approx(15.0, rel=0.1)
    assert {call.timeout for call in slow} == {REASONING_TIMEOUT}


# Silence and hedged probes.


def test_silence_spares_most_callers_a_timeout() -> None:
    """At 30 calls a second a hang is seen before anything times out."""
    heard, unheard = (run(HANG, 30.0, 120.0, RULES[rule], 7) for rule in (OURS, BARE))
    assert (heard.silences, unheard.silences) == (1, 0)
    assert heard.late(LATE) < 0.2 * unheard.late(LATE)


def test_a_hang_is_seen_by_the_quicker_kind_of_calls() -> None:
    """Calls to a slow model that wait at the same endpoint are cut as well."""
    tally = run(HANG_KINDS, 30.0, 120.0, RULES[OURS], 7)
    assert tally.silences == 1
    assert tally.added_quantiles(1.0)[0] < REASONING_TIMEOUT


def test_hedged_probes_alone_shorten_what_a_probe_costs() -> None:
    """At low traffic nothing falls silent, and a probe of the dead costs 2 s."""
    hedged, bare = (
        run(HANG, 0.05, 5400.0, rule, 7) for rule in (ours(detect_silence=False), RULES[BARE])
    )
    assert hedged.late(LATE) < bare.late(LATE)


def test_what_callers_wait_around_a_hang_is_kept_call_by_call() -> None:
    """Those who come before it are there too."""
    found = waits()
    assert list(found) == [BARE, OURS]
    bare, ours_came = ([came for came, _ in found[rule] if came < 20.0] for rule in (BARE, OURS))
    assert bare == ours_came
    assert found[BARE][0][0] < 0.0
    assert all(waited > 0.0 for calls in found.values() for _, waited in calls)


@pytest.mark.parametrize("rule", [OURS, "sticky", "oracle", "Envoy"])
def test_one_backup_is_enough(rule: str) -> None:
    """Every rule can do with two endpoints, and uses no third."""
    tally = run(HANG_PAIR, 3.0, 60.0, RULES[rule], 7)
    assert tally.share(tally.lost) < 0.1
    assert tally.attempts <= 2 * tally.requests


# The world.


class Racing:
    """Sends each call to two endpoints at once; the first good answer wins."""

    def __init__(self, world: World, _random: Random) -> None:
        self.world = world
        self.told: list[tuple[int, int]] = []

    def arrived(self, call: Call, now: float) -> None:
        for index in (0, 1):
            self.world.send(call, index, index, now)

    def ended(self, call: Call, attempt: Any, status: int, now: float) -> None:
        self.told.append((id(call), attempt))
        if status == 200:
            self.world.over(call, attempt, status, now)
        elif len([each for each in self.told if each[0] == id(call)]) == 2:
            self.world.over(call, -1, 0, now)


def test_several_attempts_of_a_call_may_be_under_way_and_losers_are_not_told() -> None:
    """What ends after its call is over was cancelled."""
    rules: list[Racing] = []

    def make(world: World, random: Random) -> Rule:
        rules.append(Racing(world, random))
        return rules[0]

    tally = run(HEALTHY, 3.0, 60.0, make, 7)
    assert tally.attempts == 2 * tally.requests
    assert tally.requests <= len(rules[0].told) < 1.2 * tally.requests
    assert tally.share(tally.lost) < 0.01


def test_a_rule_may_be_woken() -> None:
    """A rule that waits is told when the time has come."""
    woken: list[float] = []

    class Waiting:
        def __init__(self, world: World) -> None:
            self.world = world

        def arrived(self, call: Call, now: float) -> None:
            self.world.wake(call, "later", now + 5.0)

        def ended(self, call: Call, attempt: Any, status: int, now: float) -> None:
            assert (attempt, status) == ("later", 0)
            woken.append(now - call.arrived)
            self.world.over(call, -1, 0, now)

    tally = run(HEALTHY, 3.0, 20.0, lambda world, _: Waiting(world), 7)
    assert woken == pytest.approx([5.0] * tally.requests)
    assert tally.lost == tally.requests


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_trouble_begins_and_ends(scenario: Scenario) -> None:
    """Before and after the trouble every endpoint answers as a healthy one."""
    endpoints = scenario.endpoints(100.0, 60.0, 3.0)
    well = Endpoint(0, 0.0, 0.0, 3.0)
    good, bad = (Call(0.0, 0.5, (luck,) * 3) for luck in (0.9, 0.001))
    for endpoint in endpoints:
        for now in (0.0, 1000.0):
            assert not endpoint.is_troubled(now)
            assert [endpoint.answer(call, now) for call in (good, bad)] == [
                well.answer(call, now) for call in (good, bad)
            ]
    assert endpoints[0].is_troubled(110.0) != scenario.is_healthy


# The models of published rules.


def tell(gate: Gate, outcomes: str, now: float = 0.0) -> None:
    for outcome in outcomes:
        assert gate.lets_pass(now)
        gate.tell(now, is_good=outcome == "+")


def test_envoy_ejects_after_five_errors_in_a_row_for_longer_each_time() -> None:
    """30 s, then 60 s, until the next sweep; a good interval takes one off."""
    gate = Envoy()
    tell(gate, "----+----")
    tell(gate, "-")
    assert [gate.lets_pass(now) for now in (0.0, 29.9, 30.0)] == [False, False, True]
    tell(gate, "-----", 31.0)
    assert [gate.lets_pass(now) for now in (99.9, 100.0)] == [False, True]
    tell(gate, "-----", 121.0)
    assert [gate.lets_pass(now) for now in (159.9, 160.0)] == [False, True]


def test_envoy_ejects_for_at_most_300_s() -> None:
    gate, now = Envoy(), 0.0
    for _ in range(20):
        tell(gate, "-----", now)
        now += 300.0
    assert gate.lets_pass(now)


def test_polly_breaks_at_a_tenth_of_a_hundred_calls_and_probes_with_one() -> None:
    gate = Polly()
    tell(gate, "-" * 9 + "+" * 90 + "-")
    assert not gate.lets_pass(4.9)
    assert gate.lets_pass(5.0)
    assert not gate.lets_pass(5.0)
    gate.tell(6.0, is_good=False)
    assert not gate.lets_pass(10.9)
    assert gate.lets_pass(11.0)
    gate.tell(12.0, is_good=True)
    tell(gate, "-" * 99, 12.0)


def test_polly_forgets_what_is_older_than_30_s() -> None:
    gate = Polly()
    tell(gate, "-" * 99)
    tell(gate, "-" * 99, 30.0)
    assert gate.lets_pass(30.0)


def test_resilience4j_opens_at_half_of_a_hundred_and_lets_ten_decide() -> None:
    gate = Resilience4j()
    tell(gate, "-" * 50 + "+" * 49)
    tell(gate, "+")
    assert [gate.lets_pass(now) for now in (0.0, 59.9)] == [False, False]
    assert [gate.lets_pass(60.0) for _ in range(11)] == [True] * 10 + [False]
    for number in range(10):
        gate.tell(61.0, is_good=number % 2 == 0)
    assert not gate.lets_pass(120.9)
    assert [gate.lets_pass(121.0) for _ in range(11)] == [True] * 10 + [False]
    for number in range(10):
        gate.tell(122.0, is_good=number > 3)
    tell(gate, "-" * 99, 122.0)
    assert gate.lets_pass(122.0)


def test_three_strikes_and_an_endpoint_is_out_for_60_s() -> None:
    gate = ThreeStrikes()
    tell(gate, "--+--")
    tell(gate, "-")
    assert [gate.lets_pass(now) for now in (59.9, 60.0)] == [False, True]


def test_sticky_never_goes_back_by_itself() -> None:
    """As long as nothing fails, it stays where it is."""
    tally = run(FAST_5XX, 3.0, 60.0, RULES["sticky"], REPORTED)
    assert tally.share(tally.skipped) > 0.5
    assert tally.dead < small(OURS).requests


# The script.


def test_the_script_prints_and_writes_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "figures.json"
    arguments = ["--quick", "--scenario", "cold start", "--json", str(found)]
    assert simulate.main(arguments) == 0
    assert "### Cold start" in capsys.readouterr().out
    assert '"scenario": "cold start"' in found.read_text(encoding="utf-8")


def test_the_page_is_not_written_from_a_part_of_the_runs() -> None:
    with pytest.raises(SystemExit):
        simulate.main(["--quick", "--write"])
