"""Who calls when, and how long an answer takes: the same for every rule that is compared.

Knows no endpoints' troubles and no rules. Everything is drawn from one seeded source, always in the
same number and order, so that two rules that are given one seed meet the same calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log
from random import Random
from typing import Final

import attrs

ENDPOINTS: Final = 3
"""A primary and two backups."""


@attrs.frozen(kw_only=True)
class Answers:
    """How long answers take: log-normal, short ones and a share of long ones.

    Attributes:
        median: Seconds, of the short ones.
        sigma: Spread of the logarithm, of the short ones.
        long_share: The share of long ones.
        long_median: Seconds, of the long ones.
        long_sigma: Spread of the logarithm, of the long ones.
    """

    median: float = 0.7
    sigma: float = 0.5
    long_share: float = 0.0
    long_median: float = 4.0
    long_sigma: float = 0.3


ALIKE: Final = Answers()
MIXED: Final = Answers(median=0.5, sigma=0.4, long_share=0.2)
"""Short chats, and a fifth of long ones."""


@attrs.define(eq=False)
class Call:
    """One request, what fate has in store for it, and what became of it.

    Attributes:
        arrived: When it came, in seconds.
        seconds: How long its answer takes, wherever it is given: that depends on the question.
        luck: For each endpoint a number from 0 up to 1; low is bad.
        first: The endpoint that it was sent to first; -1 if to none.
        attempts: How many attempts were made.
        hit_dead: Whether it was sent to the primary while that was in trouble.
        is_last_resort: Whether that happened only after another endpoint had failed it.
        is_over: Whether the caller has an answer, or an error.
        held: What the rule's driver keeps about it.
    """

    arrived: float
    seconds: float
    luck: tuple[float, ...]
    first: int = -1
    attempts: int = 0
    hit_dead: bool = False
    is_last_resort: bool = False
    is_over: bool = False
    held: object = None


def calls(rate: float, answers: Answers, random: Random) -> Iterator[Call]:
    """Give calls without end: Poisson arrivals from time 0, ``rate`` a second."""
    uniform, gauss, wait = random.random, random.gauss, random.expovariate
    short, spread = log(answers.median), answers.sigma
    long, long_spread, share = log(answers.long_median), answers.long_sigma, answers.long_share
    now = 0.0
    while True:
        now += wait(rate)
        if uniform() < share:
            seconds = exp(long + long_spread * gauss())
        else:
            seconds = exp(short + spread * gauss())
        yield Call(now, seconds, (uniform(), uniform(), uniform()))
