"""One endpoint's health in the plainest way: what the real state machine is held against.

Written from the design and from what ``core/health.py`` promises in words, not from its code. It
remembers every attempt and every move, and works everything out anew at each question: no counts
that are kept up, no sorted lists, no buckets, no short cuts. Slow on purpose. Decides nothing that
a user meets.
"""

from __future__ import annotations

from math import inf
from typing import Literal, TypeAlias

import attrs

from azure_failover.core.config import Policy
from azure_failover.core.verdict import Effect

Belief: TypeAlias = Literal["healthy", "failed", "probing"]
Why: TypeAlias = Literal[
    "tripped",
    "fell silent",
    "asked after the pause",
    "probe failed",
    "probe released",
    "succeeded",
    "reset",
]
FAILURE = Effect.FAILURE
SAYS_NOTHING = (Effect.NEUTRAL, Effect.THROTTLED)


@attrs.define(eq=False)
class Try:
    """An attempt: the how-manieth at its endpoint, and what came of it if that is known.

    ``is_further`` tells that it was not the first of its request.
    """

    number: int
    started: float
    generation: int
    is_probe: bool
    is_further: bool
    effect: Effect | None = None
    ended: float = inf


@attrs.frozen
class Move:
    """A change of state; ``until`` is when the pause or the lease ends."""

    at: float
    to: Belief
    why: Why
    until: float = -inf


@attrs.define(eq=False)
class ReferenceEndpoint:
    """One endpoint: everything that ever happened there."""

    policy: Policy
    tries: list[Try] = attrs.field(factory=list[Try])
    moves: list[Move] = attrs.field(factory=list[Move])
    throttles: list[float] = attrs.field(factory=list[float])
    """Until when each 429 asked us to stay away."""
    misconfigured: str | None = None
    last_error: str | None = None

    # What it is.

    @property
    def generation(self) -> int:
        """Each move begins a new one."""
        return len(self.moves)

    @property
    def state(self) -> Belief:
        return self.moves[-1].to if self.moves else "healthy"

    @property
    def until(self) -> float:
        """When the pause or the lease ends."""
        return self.moves[-1].until if self.moves else -inf

    @property
    def throttled_until(self) -> float:
        return max(self.throttles, default=-inf)

    def is_open(self, now: float) -> bool:
        return self.state == "healthy" or now >= self.until

    def is_gated(self, now: float) -> bool:
        return self.policy.on_throttle == "failover" and now < self.throttled_until

    def retry_in(self, now: float) -> float:
        return max(0.0, self.until - now) if self.state == "failed" else 0.0

    def share(self, now: float) -> float:
        """Give the share of its first choices that it takes while it returns."""
        back, ramp = self.back_since(), self.policy.failback_ramp
        if self.state != "healthy" or now - back >= ramp:
            return 1.0
        return 0.1 + (1.0 - 0.1) * max(0.0, now - back) / ramp

    def back_since(self) -> float:
        """Say when it recovered; -inf if it never failed since the last reset."""
        return next(
            (move.at for move in reversed(self.moves) if move.why in ("succeeded", "reset")), -inf
        )

    def fell_silent_since(self, generation: int) -> bool:
        """Tell whether it was failed for its silence in that generation or later.

        What came before a reset is forgotten.
        """
        resets = [place for place, move in enumerate(self.moves, 1) if move.why == "reset"]
        since = max((generation, *resets))
        return any(move.why == "fell silent" for move in self.moves[since:])

    def forgiven_at(self) -> float:
        """When a trip will begin with a short pause again."""
        _, pause = self.spell()
        return self.back_since() + 5.0 * pause if self.state == "healthy" else -inf

    # What it has seen since its last move.

    def mine(self) -> list[Try]:
        """Give the attempts since the last move; what began before it counts no more."""
        return [one for one in self.tries if one.generation == self.generation]

    def good(self) -> int:
        """Give the latest start that succeeded."""
        return max((one.number for one in self.mine() if one.effect is Effect.ALIVE), default=0)

    def counting(self) -> list[Try]:
        """Give the attempts that may say something: all but those that ended saying nothing."""
        return [one for one in self.mine() if one.effect not in SAYS_NOTHING]

    def failures_since_good(self) -> list[Try]:
        good = self.good()
        return [one for one in self.counting() if one.number > good and one.effect is FAILURE]

    def is_outweighed(self, latest: Try, now: float) -> bool:
        """Tell whether the failures outweigh all else, now that ``latest`` has failed."""
        recent = [one for one in self.counting() if is_recent(one, now)]
        if latest.number > self.good() and (
            self.is_unopposed(recent, now) or self.is_a_burst(self.failures_since_good())
        ):
            return True
        failed = [one for one in recent if one.effect is FAILURE]
        return len(recent) >= 10 and 2 * len(failed) >= len(recent)

    def is_unopposed(self, recent: list[Try], now: float) -> bool:
        """Nothing that can still succeed; and a lone failure, amid traffic, has to be news."""
        good = self.good()
        if any(one.number > good and one.effect is None for one in recent):
            return False
        heard = [one.ended for one in self.mine() if one.effect is Effect.ALIVE]
        is_news = all(now - ended > 3.0 for ended in heard) or len(recent) < 5
        return len(self.failures_since_good()) > 1 or is_news

    def is_a_burst(self, failed: list[Try]) -> bool:
        """5 failed since the last success, and a fifth of what started up to the last of them."""
        good, last = self.good(), max(one.number for one in failed)
        since = [one for one in self.counting() if good < one.number <= last]
        return len(failed) >= 5 and 5 * len(failed) >= len(since)

    def spell(self, *latest: Move) -> tuple[float, float]:
        """Say since when it has been failing, and its last pause without jitter and hints."""
        since, pause, back = -inf, 0.0, -inf
        for move in (*self.moves, *latest):
            match move.why:
                case "reset":
                    since, pause, back = -inf, 0.0, -inf
                case "succeeded":
                    back = move.at
                case "tripped" | "fell silent":
                    since = move.at if move.at - back >= 5.0 * pause else since
                    pause = self.pause_after(move.at - since)
                case "probe failed":
                    pause = self.pause_after(move.at - since)
                case "asked after the pause" | "probe released":
                    pass
        return since, pause

    def pause_after(self, seconds: float) -> float:
        """A third of the time for which it has been failing, within bounds."""
        return max(self.policy.pause, min(1 / 3 * seconds, self.policy.max_pause / 1.2))

    # What happens to it.

    def start(self, now: float, *, is_further: bool = False) -> Try:
        is_probe = self.state != "healthy" and self.is_open(now)
        if is_probe:
            lease = now + self.policy.probe_lease
            self.moves.append(Move(now, "probing", "asked after the pause", lease))
        started = Try(len(self.tries) + 1, now, self.generation, is_probe, is_further)
        self.tries.append(started)
        return started

    def finish(
        self, ended: Try, effect: Effect, now: float, retry_after: float | None, luck: float
    ) -> Why | None:
        """Take an outcome in; tell what moved the endpoint, if it did."""
        if ended.generation != self.generation:
            return None
        ended.effect, ended.ended = effect, now
        hint = 0.0 if retry_after is None else min(retry_after, 120.0)
        if effect is Effect.THROTTLED and retry_after is not None:
            self.throttles.append(now + hint)
        if self.state == "healthy":
            is_tripped = effect is FAILURE and self.is_outweighed(ended, now)
            return self.fail("tripped", now, hint, luck) if is_tripped else None
        if effect is Effect.ALIVE:
            return self._move(Move(now, "healthy", "succeeded"))
        if not ended.is_probe:
            return None
        if effect is FAILURE:
            return self.fail("probe failed", now, hint, luck)
        return self._move(Move(now, "failed", "probe released", self.throttled_until))

    def fail(self, why: Why, now: float, hint: float, luck: float) -> Why:
        _, pause = self.spell(Move(now, "failed", why))
        until = now + max(pause * (1.0 + 0.2 * luck), hint)
        never = self.policy.failback == "never"
        return self._move(Move(now, "failed", why, inf if never else until))

    def reset(self) -> None:
        self._move(Move(-inf, "healthy", "reset"))
        self.throttles.clear()
        self.misconfigured = self.last_error = None

    def _move(self, move: Move) -> Why:
        self.moves.append(move)
        return move.why


def is_recent(one: Try, now: float) -> bool:
    """Tell whether an attempt started in one of the ten tenths of the window of 30 s."""
    return one.started - one.started % 3.0 > now - 30.0
