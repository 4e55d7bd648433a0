"""In which order one request tries the endpoints: a permutation, drawn once and then kept.

Pure: knows endpoints by their places alone, takes weights and measured times as plain numbers,
and luck and turns as arguments. What is failed or throttled is none of its business: the fleet
passes that over.

Tiers come one after the other, the lowest first, under every strategy. Within a tier:

- ``priority``: as configured;
- ``round_robin``: each endpoint is first in its turn;
- ``weighted``: drawn, each endpoint first as often as its share of the weights;
- ``latency``: the cheaper of two drawn endpoints first, the others by their cost.

All but ``priority`` are as fair among the endpoints that are left when some are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import log1p
from typing import Final, Literal, NamedTuple, TypeAlias, assert_never

Strategy: TypeAlias = Literal["priority", "round_robin", "weighted", "latency"]

FIRST_SHARE: Final = 0.1
"""The share of first choices that an endpoint gets just after it has recovered, with a ramp."""


class Order(NamedTuple):
    """The order in which one request tries the endpoints.

    Attributes:
        endpoints: All endpoints, by their places in the configuration.
        returning: Those that let this request pass while they return slowly, as a bit set.
    """

    endpoints: tuple[int, ...]
    returning: int = 0


class Measures(NamedTuple):
    """What is measured of each endpoint, by its place.

    Attributes:
        latencies: Seconds that an answer takes to come; None for what is not known.
        under_way: How many attempts wait for their answer.
    """

    latencies: Sequence[float | None]
    under_way: Sequence[int]


def tiers_of(tiers: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Group the endpoints by their tiers, the lowest first, each group as configured."""
    return tuple(
        tuple(index for index, own in enumerate(tiers) if own == tier) for tier in sorted({*tiers})
    )


def drawn(
    strategy: Strategy,
    tiers: Iterable[Sequence[int]],
    *,
    weights: Sequence[float],
    measures: Measures,
    turn: int,
    random: Callable[[], float],
) -> tuple[int, ...]:
    """Draw the order for one request.

    Args:
        strategy: How to choose within a tier.
        tiers: What :func:`tiers_of` gave.
        weights: For ``weighted``: each endpoint's weight, above 0.
        measures: For ``latency``.
        turn: For ``round_robin``: how many orders were drawn before.
        random: Gives random numbers from 0 up to 1.
    """
    match strategy:
        case "priority":
            return tuple(index for tier in tiers for index in tier)
        case "round_robin":
            return tuple(index for tier in tiers for index in _in_turn(tier, turn))
        case "weighted":
            return tuple(index for tier in tiers for index in _by_weight(tier, weights, random))
        case "latency":
            return tuple(index for tier in tiers for index in _by_cost(tier, measures, random))
        case _:
            assert_never(strategy)


def share_of(since: float, ramp: float) -> float:
    """Give the share of its first choices that an endpoint takes so long after its recovery.

    Grows in a straight line from :data:`FIRST_SHARE` to 1.

    Args:
        since: Seconds since it recovered.
        ramp: Seconds after which it takes all; 0 for at once.
    """
    if since >= ramp:
        return 1.0
    return FIRST_SHARE + (1.0 - FIRST_SHARE) * max(0.0, since) / ramp


def _in_turn(members: Sequence[int], turn: int) -> list[int]:
    """Give the permutation whose turn it is: the first place rotates with each turn.

    The second rotates among the others with each round of the first, and so on: whichever
    endpoints are passed over, those that are left share what was theirs evenly. A mere rotation
    would leave it all to the next in line.
    """
    left, order = [*members], list[int]()
    while left:
        turn, place = divmod(turn, len(left))
        order.append(left.pop(place))
    return order


def _by_weight(
    members: Sequence[int], weights: Sequence[float], random: Callable[[], float]
) -> list[int]:
    """Draw a permutation in which each place goes to one of those left, in proportion to weights.

    By exponential keys (Efraimidis and Spirakis, "Weighted random sampling with a reservoir",
    Information Processing Letters 97, 2006).
    """
    keys = {index: -log1p(-random()) / weights[index] for index in members}
    return sorted(members, key=keys.__getitem__)


def _by_cost(members: Sequence[int], measures: Measures, random: Callable[[], float]) -> list[int]:
    """Put the cheaper of two endpoints first, then all others by their cost.

    Two random choices keep requests that are decided at the same time from all running to the
    one endpoint that looked best (Mitzenmacher, "The power of two choices in randomized load
    balancing", IEEE TPDS 12, 2001).
    """
    costs = {index: _cost(measures, index) for index in members}
    order = sorted(members, key=costs.__getitem__)
    if len(members) > 1:
        one = int(random() * len(members))
        other = (one + 1 + int(random() * (len(members) - 1))) % len(members)
        first = min(members[one], members[other], key=costs.__getitem__)
        order.remove(first)
        order.insert(0, first)
    return order


def _cost(measures: Measures, index: int) -> tuple[bool, float]:
    """Say what one more attempt costs: the time to its answer, for each that is under way.

    What is not known is tried by one attempt, and by more only where nothing is known: as in
    Finagle's peak EWMA, lest an endpoint that never answers draws all requests.
    """
    latency, under_way = measures.latencies[index], measures.under_way[index]
    if latency is None:
        return under_way > 0, float(under_way)
    return False, latency * (under_way + 1)
