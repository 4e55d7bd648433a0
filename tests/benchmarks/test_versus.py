"""The comparison with what one would use instead: does it count, compare and report rightly?"""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Any

import attrs
import compare
import pytest
from versus import crowd
from versus.bars import growth, readings
from versus.contract import Setting, Subject, Target
from versus.layers import (
    BARE,
    BY_HAND as BY_HAND_LAYER,
    LEAST,
    measured as measured_layers,
    transports,
)
from versus.losses import losses
from versus.page import ABOUT, page, text
from versus.record import (
    BLOCKS,
    Measured,
    Record,
    Run,
    Series,
    added_ratio,
    load,
    merged,
    parts,
    quotients,
    ratio,
    save,
)
from versus.roster import (
    BARE as BASES,
    BY_HAND,
    OURS,
    PLAIN,
    Card,
    checked,
    environments,
    roster,
    with_companions,
)
from versus.scenarios import SCENARIOS
from versus.scenarios.dead import DEATHS, SEQUENTIAL, SIDE_BY_SIDE, key
from versus.scenarios.healthy import BY_CPU, TIMES
from versus.scenarios.streaming import WHOLE, verdict
from versus.stage import Stage
from versus.subjects._plain import BODY, PATH
from versus.tables import layers_table, scenario_tables
from versus.worker import Worker

DOCS = Path(__file__).parents[2] / "docs"


def subject_of(name: str) -> Any:
    return importlib.import_module(f"versus.subjects.{name}")


def series(*samples: float) -> Series:
    return Series.of(samples)


# Statistics.


def test_a_series_keeps_the_median_of_all_and_of_each_part() -> None:
    found = Series.of([*range(16)])
    assert (found.median, found.count, found.mean) == (7.5, 16, 7.5)
    assert found.blocks == (0.5, 2.5, 4.5, 6.5, 8.5, 10.5, 12.5, 14.5)
    assert (found.least, found.most) == (0.5, 14.5)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 100])
def test_parts_cover_all_samples_in_order_and_none_is_empty(count: int) -> None:
    found = list(parts([*range(count)]))
    assert [sample for part in found for sample in part] == [*range(count)]
    assert all(found)
    assert len(found) == min(count, BLOCKS)
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_a_ratio_is_that_of_the_medians_and_spreads_as_the_parts_do() -> None:
    found = ratio(series(10, 12, 11), series(10, 10, 5))
    assert attrs.astuple(found) == (1.1, 1.0, 2.2)


def test_what_is_added_is_told_in_units_of_what_the_floor_adds() -> None:
    found = added_ratio(series(1.3, 1.2), series(1.2, 1.1))
    assert found is not None
    assert attrs.astuple(found) == pytest.approx((25 / 15, 1.5, 2.0))


def test_nothing_can_be_told_in_units_of_a_floor_that_adds_nothing() -> None:
    assert added_ratio(series(1.3), series(0.99)) is None


def test_what_the_machine_does_to_both_of_a_turn_cancels_out() -> None:
    assert quotients([11.0, 110.0, 22.0, 1.0], [10.0, 100.0, 20.0]) == pytest.approx([1.1] * 3)


def test_growth_leaves_the_warm_up_out() -> None:
    assert growth(series(10, 20, 30, 30, 30, 30, 30, 31)) == 1
    assert growth(series(10)) == 0


# Subjects.


@pytest.mark.parametrize("name", PLAIN)
def test_a_card_says_what_the_module_says(name: str) -> None:
    """Reading a subject's file gives the same as importing it."""
    card = roster()[name]
    subject: Subject = subject_of(name)
    assert (card.title, card.family, card.floor) == (subject.TITLE, subject.FAMILY, subject.FLOOR)
    assert (card.fails_over, card.advice) == (subject.FAILS_OVER, subject.ADVICE)
    assert card.requires == tuple(subject.REQUIRES)


def test_every_subject_can_be_read_and_says_what_it_is_compared_with() -> None:
    cards = roster()
    assert {*PLAIN} <= {*cards}
    for card in cards.values():
        assert "def sync(" in card.configuration
        assert card.floor is None or cards[card.floor].is_base
        assert card.advice
        assert card.requires


def test_subjects_that_build_on_the_same_stand_together_and_ours_at_the_end() -> None:
    ordered = [each for each in roster().values() if each.base == "bare_httpx"]
    assert [*roster().values()][: len(ordered)] == ordered
    assert [ordered[0].name, ordered[1].name] == ["bare_httpx", "floor_httpx"]
    assert ordered[-1].is_ours


def test_a_configuration_has_the_functions_that_it_calls() -> None:
    configuration = roster()["ours_httpx"].configuration
    assert "def sync(" in configuration
    assert "def transport(" in configuration
    assert "def asynchronous(" not in configuration


def test_who_is_measured_again_brings_all_that_build_on_the_same() -> None:
    """So that all figures that are compared are from one run."""
    assert with_companions(["ours_httpx"], roster()) == [
        name for name, card in roster().items() if card.base == "bare_httpx"
    ]
    assert {"bare_httpx", "floor_httpx"} <= {*with_companions(["ours_httpx"], roster())}


def test_subjects_that_require_the_same_share_an_environment() -> None:
    groups = environments(roster()[name] for name in PLAIN)
    assert ["bare_httpx", "floor_httpx"] in groups.values()
    assert ["ours_httpx2"] in groups.values()


def test_an_unknown_name_is_told_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="there is no scenario c; there is a, b"):
        checked(["a", "c"], ["a", "b"], "scenario")


# The record, and what is made of it.


def card(name: str, floor: str | None, **rest: Any) -> Card:
    given: dict[str, Any] = {
        "name": name,
        "title": name.replace("_", " "),
        "requires": (name,),
        "family": "httpx",
        "floor": floor,
        "fails_over": floor is not None,
        "advice": "its README",
        "configuration": "def sync(setting): ...",
        **rest,
    }
    return Card(**given)


def measured(**figures: Series) -> Measured:
    return Measured(run="now", figures={key.replace("_", " "): v for key, v in figures.items()})


def small_record(ours: float = 105.0) -> Record:
    """Make a record of three subjects; ours adds 5 %, which is what the floor adds."""
    cards = [
        card("bare_httpx", None),
        card("floor_httpx", "bare_httpx"),
        card("ours_httpx", "bare_httpx", requires=(".",), versions={"httpx": "0.28"}),
    ]
    calls = {"bare_httpx": 100.0, "floor_httpx": 104.0, "ours_httpx": ours}
    outage = {
        "bare_httpx": {"hits": 0.0, "lost": 0.0},
        "floor_httpx": {"hits": 200.0, "lost": 0.0},
        "ours_httpx": {"hits": 1.0, "lost": 0.0},
    }
    dead = {
        name: Measured(
            run="now",
            figures={
                key("503", shape, what): series(value)
                for shape in (SEQUENTIAL, SIDE_BY_SIDE)
                for what, value in {
                    **figures,
                    "hits a second": figures["hits"],
                    "ms a call": 1.0,
                    "made": 200.0,
                    "asked for": 200.0,
                }.items()
            },
        )
        for name, figures in outage.items()
    }
    machine = {
        "processor": "a processor",
        "cores": "2",
        "memory": "4 GB",
        "system": "Linux",
        "python": "3.11",
        "server": "nginx/1.22",
    }
    return Record(
        runs={"now": Run(date="2026-11-27 01:00", machine=machine, settings={"slices": 1})},
        subjects={each.name: each for each in cards},
        scenarios={
            "memory": {
                name: attrs.evolve(
                    measured(sync_cpu=series(value)),
                    times={} if name == "bare_httpx" else {"sync cpu": series(value / 100.0)},
                )
                for name, value in calls.items()
            },
            "dead": dead,
        },
    )


def test_a_record_is_the_same_when_it_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    save(small_record(), path)
    assert load(path) == small_record()
    assert '"blocks": [105.0]' in path.read_text(encoding="utf-8")
    assert load(tmp_path / "none.json") == Record()


def test_new_figures_replace_old_ones_and_leave_the_others() -> None:
    old = small_record()
    run = attrs.evolve(old.runs["now"], date="later")
    again = Measured(run="later", figures={"sync cpu": series(1.0)})
    new = Record(
        runs={"later": run},
        subjects={"ours_httpx": old.subjects["ours_httpx"]},
        scenarios={"memory": {"ours_httpx": again}},
    )
    found = merged(old, new)
    assert found.scenarios["memory"]["ours_httpx"] == again
    assert found.scenarios["memory"]["bare_httpx"] == old.scenarios["memory"]["bare_httpx"]
    assert found.scenarios["dead"] == old.scenarios["dead"]
    assert [*found.runs] == ["now", "later"]


def test_figures_of_different_runs_are_not_compared() -> None:
    old = small_record()
    again = attrs.evolve(old.scenarios["memory"]["ours_httpx"], run="later")
    found = merged(old, Record(scenarios={"memory": {"ours_httpx": again}}))
    assert found.pair("memory", "ours_httpx", "bare_httpx", "sync cpu") is None
    assert found.pair("memory", "floor_httpx", "bare_httpx", "sync cpu") is not None


def test_a_run_of_which_nothing_is_left_is_forgotten() -> None:
    old = small_record()
    new = attrs.evolve(
        old,
        runs={"later": old.runs["now"]},
        scenarios={
            scenario: {name: attrs.evolve(each, run="later") for name, each in subjects.items()}
            for scenario, subjects in old.scenarios.items()
        },
    )
    assert [*merged(old, new).runs] == ["later"]


def test_bars_are_met_or_not() -> None:
    good, bad = readings(small_record()), readings(small_record(ours=111.0))
    assert all(each.holds for each in good)
    assert [each.holds for each in bad] == [False, False, *[True] * (len(bad) - 2)]
    assert good[0].figure == "5.0 % (5.0 % to 5.0 %)"
    assert good[1].figure == "1.25 (1.25 to 1.25)"


def test_of_a_scenario_that_was_not_measured_no_bar_is_read() -> None:
    assert readings(Record()) == []


def test_a_lost_call_in_any_outage_breaks_a_bar() -> None:
    """Not only when the median outage loses some."""
    record = small_record()
    outages = record.scenarios["dead"]["ours_httpx"]
    lost = {**outages.figures, key("503", SEQUENTIAL, "lost"): series(0.0, 0.0, 1.0)}
    subjects = {**record.scenarios["dead"], "ours_httpx": attrs.evolve(outages, figures=lost)}
    found = readings(attrs.evolve(record, scenarios={"dead": subjects}))
    assert [each.what for each in found if not each.holds] == [
        "primary dead (503), sequential: lost calls, ours httpx"
    ]


def test_who_is_better_than_ours_is_told() -> None:
    record = small_record(ours=120.0)
    assert losses(record) == [
        "a call in memory, sync: floor httpx has 104 µs of CPU, ours httpx 120"
    ]
    assert losses(small_record()) == []


def test_who_loses_calls_is_not_better_for_sparing_the_dead() -> None:
    record = small_record()
    for lost, expected in ((0.0, 2), (1.0, 0)):
        figures = {
            **record.scenarios["dead"]["floor_httpx"].figures,
            **{
                key("503", shape, what): series(value)
                for shape in (SEQUENTIAL, SIDE_BY_SIDE)
                for what, value in (("hits", 0.0), ("lost", lost))
            },
        }
        subjects = {
            **record.scenarios["dead"],
            "floor_httpx": Measured(run="now", figures=figures),
        }
        assert len(losses(attrs.evolve(record, scenarios={"dead": subjects}))) == expected


def test_the_page_says_what_was_measured_on_what_and_how_it_is_configured() -> None:
    found = page(small_record(ours=111.0))
    assert "2026-11-27 01:00 UTC: a processor, 2 cores, 4 GB, Linux, Python 3.11" in found
    assert "| **ours httpx** | 111 (111 to 111) | +11, +11.0 % |" in found
    assert "| *bare httpx, straight to the backup* | 1 ms |" in found
    assert "| floor httpx | 1 ms, 200 hits |" in found
    assert "**not met**" in found
    assert "### ours httpx\n\nhttpx 0.28" in found
    assert "def sync(setting): ..." in found


@pytest.mark.parametrize("name", OURS.values())
def test_the_layers_of_ours_end_with_ours_as_it_is(name: str) -> None:
    """Each of them gets an answer, and what does all of it labels that."""
    subject = subject_of(name)
    setting = Setting([Target("https://a.test", "1"), Target("https://b.test", "2")], 1.0, 1.0, 1)
    found = transports(subject, setting)
    assert [[*found][place] for place in (0, -1)] == [BARE, BY_HAND_LAYER]
    family = importlib.import_module(subject.FAMILY)
    for layer, transport in found.items():
        with family.Client(transport=transport) as client:
            answer = client.post(f"https://a.test{PATH}", content=BODY)
        assert answer.status_code == 200
        assert ("x-failover-endpoint" in answer.headers) == ("azure_failover" in layer)
    counts = {len(samples) for samples in measured_layers(subject, setting, 0.0).values()}
    assert counts == {LEAST}


@pytest.mark.parametrize("name", OURS.values())
def test_the_layers_of_a_crowd_end_with_ours_as_it_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "AT_ONCE", 3)
    monkeypatch.setattr(crowd, "CALLS", 6)
    subject = subject_of(name)
    setting = Setting(
        [Target("http://127.0.0.1:9", "1"), Target("http://127.0.0.1:10", "2")], 1.0, 1.0, 32
    )
    family = importlib.import_module(subject.FAMILY)

    async def main() -> None:
        found = crowd.transports(subject, setting)
        assert [[*found][place] for place in (0, -1)] == [BARE, BY_HAND_LAYER]
        for layer, transport in found.items():
            client = family.AsyncClient(transport=transport)
            answer = await client.post(f"http://127.0.0.1:9{PATH}", content=BODY)
            assert answer.status_code == 200
            assert ("x-failover-endpoint" in answer.headers) == ("azure_failover" in layer)
        measured = await crowd.measured(subject, setting, 0.0)
        assert {len(samples) for samples in measured.values()} == {crowd.LEAST}

    asyncio.run(main())


def test_layers_are_told_in_units_of_what_by_hand_adds() -> None:
    figures = {
        layer + suffix: series(value * scale)
        for layer, value in ((BARE, 1.0), ("all of ours", 1.15), (BY_HAND_LAYER, 1.1))
        for suffix, scale in (("", 200.0), (TIMES, 1.0))
    }
    record = small_record()
    layers = {"ours_httpx": Measured(run="now", figures=figures)}
    found = layers_table(attrs.evolve(record, scenarios={"layers": layers}))
    assert found == layers_table(attrs.evolve(record, scenarios={"crowd": layers}), "crowd")
    assert f"| {BARE} | 200 µs |" in found
    assert "| all of ours | +30.0 µs, +15.0 %, 1.50 of by hand |" in found
    for ours, is_said in ((105.0, False), (111.0, True)):
        record = small_record(ours)
        record = attrs.evolve(record, scenarios={**record.scenarios, "layers": layers})
        assert ("By hand alone adds +10.0 % to bare httpx" in page(record)) == is_said


@pytest.mark.parametrize(("left", "is_said"), [(0.96, False), (0.94, True)])
def test_what_many_calls_at_once_cost_is_explained_where_it_is_too_much(
    left: float, *, is_said: bool
) -> None:
    record = small_record()
    by_hand = {BY_HAND_LAYER + TIMES: series(1.04)}
    throughput = {f"32 at once{BY_CPU}": series(left)}
    scenarios = {
        **record.scenarios,
        "crowd": {"ours_httpx": Measured(run="now", figures=by_hand)},
        "concurrency": {"ours_httpx": Measured(run="now", figures={}, times=throughput)},
    }
    found = page(attrs.evolve(record, scenarios=scenarios))
    assert ("there by hand adds +4.0 % to bare httpx" in found) == is_said


def test_every_scenario_has_a_table_and_a_text() -> None:
    assert [*ABOUT] == [*SCENARIOS]
    empty = Record(scenarios={name: {} for name in SCENARIOS})
    assert [*scenario_tables(empty)] == [*SCENARIOS]


def test_who_failed_is_told_in_the_terminal_and_on_the_page() -> None:
    record = small_record()
    out = Measured(run="now", figures={}, notes={"failed": "ended: no such module"})
    record = merged(record, Record(scenarios={"tls": {"ours_httpx": out}}))
    for written in (page(record), text(record)):
        assert "- ours httpx, tls: ended: no such module" in written


def test_the_page_is_what_its_figures_give() -> None:
    """It was written by this code, and there is none without figures."""
    figures, written = DOCS / "benchmarks.json", DOCS / "benchmarks.md"
    assert figures.exists() == written.exists()
    if figures.exists():
        assert written.read_text(encoding="utf-8") == page(load(figures))


# Endpoints, workers, and a whole run.


def test_a_worker_sees_an_endpoint_die_in_every_way_and_come_back(tmp_path: Path) -> None:
    """The floor asks the dead endpoint each time; how often is counted whichever way it dies."""
    worker = Worker(subject_of("floor_httpx"))
    with Stage(tmp_path, may_use_nginx=False) as stage:
        setting: dict[str, Any] = {
            "targets": stage.failing(),
            "connect": 0.2,
            "read": 0.2,
            "connections": 10,
        }
        port = str(stage.primary.port)
        worker.open("sync", memory=False, **setting)
        for mode in DEATHS.values():
            assert worker.calls("sync", 2, 1, 60.0)["answers"] == {"primary": 2}
            worker.connects()
            stage.primary.set(mode)
            made = worker.calls("sync", 2, 1, 60.0)
            hits = max(worker.connects().get(port, 0), stage.primary.set())
            assert (made["answers"], made["lost"]) == ({"backup": 2}, {}), mode
            resets = mode in {"refused", "clogged"}  # the first call may meet a kept connection
            assert hits == 2 or (resets and hits == 1), (mode, hits)
        stage.primary.set(pause=0.01)
        assert worker.calls("sync", 1, 1, 60.0)["answers"] == {"primary": 1}
        worker.close("sync")
        assert worker.usage()["sockets"] == 0
    worker.end()


def test_tasks_call_side_by_side_and_stop_when_time_is_over(tmp_path: Path) -> None:
    worker = Worker(subject_of("bare_httpx2"))
    with Stage(tmp_path, may_use_nginx=False) as stage:
        worker.open("async", stage.healthy(), memory=False, connect=30.0, read=30.0, connections=10)
        assert worker.calls("async", 20, 5, 60.0)["answers"] == {"primary": 20}
        assert worker.calls("async", 20, 5, 0.0)["made"] == 0
        worker.close("async")
    worker.end()


def test_a_caller_sees_a_cut_stream_as_it_is(tmp_path: Path) -> None:
    worker = Worker(subject_of("bare_httpx"))
    with Stage(tmp_path, may_use_nginx=False) as stage:
        worker.open(
            "sync", stage.streaming(), memory=False, connect=30.0, read=30.0, connections=10
        )
        seen: list[str] = []
        for cut in (None, "end", "reset"):
            stage.primary.set(tokens=WHOLE, cut=cut, cut_after=5, pace=0.001)
            (stream,) = worker.streams("sync", 1)
            seen.append(verdict(stream["tokens"], stream["raised"]))
        worker.close("sync")
    worker.end()
    assert seen == ["whole", "silently short", "error (RemoteProtocolError)"]


def test_text_that_comes_twice_is_told() -> None:
    assert verdict(WHOLE + 5, None) == "said twice"


def test_the_script_measures_and_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes, pipes and tables; figures of a smoke test are kept nowhere."""
    drawn: list[Path] = []

    def draw_all(_: Record, folder: Path) -> None:  # the real one takes matplotlib
        drawn.append(folder)

    monkeypatch.setattr(compare, "draw_all", draw_all)
    figures = tmp_path / "figures.json"
    arguments = ["--only", "memory,cuts", "--subjects", "ours_httpx2", "--no-nginx"]
    assert compare.main([*arguments, "--json", str(figures)]) == 0
    printed = capsys.readouterr().out
    for subject in (BASES["httpx2"], BY_HAND["httpx2"], OURS["httpx2"]):
        assert roster()[subject].title in printed
    assert "| **httpx2, azure_failover** | whole | whole | error" in printed
    assert not figures.exists()
    assert len(drawn) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--write"], ["--quick", "--full"], ["--only", "sleep"], ["--subjects", "curl"]],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        compare.main(arguments)
