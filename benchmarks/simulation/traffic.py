"""Who calls when, and how long an answer takes: the same for every rule that is compared.

Knows no endpoints' troubles and no rules. Everything is drawn from one seeded source, always in the
same number and order, so that two rules that are given one seed meet the same calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from math import exp, inf, log
from random import Random
from typing import Final, TypeAlias

import attrs

ENDPOINTS: Final = 3
"""A primary and two backups, at most."""
ATTEMPT_TIMEOUT: Final = 10.0
"""Seconds after which an attempt is given up."""
BURST: Final = 64
"""So many calls come at once in a burst, and at the start of a batch job …"""
BURST_EVERY: Final = 10.0
"""… and a burst so many seconds after the last."""
BATCH_EVERY: Final = 300.0
"""A batch job runs for so many seconds, with as many before it in which few calls come."""
TRICKLE: Final = 0.5
"""Calls a second while no batch job runs."""


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
REASONED: Final = Answers(median=15.0)
"""Answers of a model that thinks first."""

CHAT: Final = ("chat", "model")
REASONING: Final = ("chat", "reasoning")
"""A deployment of another model at the same endpoints."""
REASONING_SHARE: Final = 0.1
REASONING_TIMEOUT: Final = 60.0


@attrs.define(eq=False)
class Call:
    """One request, what fate has in store for it, and what became of it.

    Attributes:
        arrived: When it came, in seconds.
        seconds: How long its answer takes, wherever it is given: that depends on the question.
        luck: For each endpoint a number from 0 up to 1; low is bad.
        kind: Its operation, and the deployment that it names.
        timeout: Seconds after which an attempt is given up.
        first: The endpoint that it was sent to first; -1 if to none.
        attempts: How many attempts were made.
        hit_dead: Whether it was sent to the primary while that was in trouble.
        is_last_resort: Whether that happened only after another endpoint had failed it.
        is_over: Whether the caller has an answer, or an error.
        ended: When that came.
        held: What the rule's driver keeps about it.
    """

    arrived: float
    seconds: float
    luck: tuple[float, ...]
    kind: tuple[str, str] = CHAT
    timeout: float = ATTEMPT_TIMEOUT
    first: int = -1
    attempts: int = 0
    hit_dead: bool = False
    is_last_resort: bool = False
    is_over: bool = False
    ended: float = inf
    held: object = None


Traffic: TypeAlias = Callable[[float, Answers, Random], Iterator[Call]]
"""Gives calls without end from calls a second, how long answers take, and a source."""


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


def bursts(rate: float, answers: Answers, random: Random) -> Iterator[Call]:
    """Give calls without end that come in bursts, every 10 s; some bursts ask for more.

    On average ``rate`` a second; in a third of the bursts all answers take twice as long.
    """
    source = calls(rate, answers, random)
    for number in count():
        longer = 2.0 if random.random() < 1 / 3 else 1.0
        for _ in range(round(rate * BURST_EVERY)):
            call = next(source)
            call.arrived = number * BURST_EVERY
            call.seconds *= longer
            yield call


def batches(rate: float, answers: Answers, random: Random) -> Iterator[Call]:
    """Give a trickle of calls, then a batch job at ``rate``, and so on without end.

    A batch job sends 64 calls at once, the others one by one; its answers take twice as long.
    """
    now = 0.0
    while True:
        for call in calls(TRICKLE, answers, random):
            if call.arrived > BATCH_EVERY:
                break
            call.arrived += now
            yield call
        now += BATCH_EVERY
        for number, call in enumerate(calls(rate, answers, random)):
            if call.arrived > BATCH_EVERY:
                break
            call.arrived = now + (0.0 if number < BURST else call.arrived)
            call.seconds *= 2.0
            yield call
        now += BATCH_EVERY


def two_kinds(rate: float, answers: Answers, random: Random) -> Iterator[Call]:
    """Give calls without end, a tenth of them to another model that takes far longer."""
    thinking = calls(rate, REASONED, random)
    for call in calls(rate, answers, random):
        if random.random() < REASONING_SHARE:
            call.seconds = next(thinking).seconds
            call.kind, call.timeout = REASONING, REASONING_TIMEOUT
        yield call
