"""Hypothesis strategies for streams: how a region writes one, and what befalls it."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from azure_failover.emulator import StreamShape, faults

SHAPES: Final = st.builds(
    StreamShape,
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    multi_line=st.booleans(),
    space=st.booleans(),
    bom=st.booleans(),
    comments=st.integers(0, 2),
    split=st.none() | st.lists(st.integers(1, 200), min_size=1, max_size=4),
    join=st.none() | st.integers(1, 4),
    tokens=st.none() | st.integers(1, 12),
)
"""Streams written in any way that the standards allow, in arbitrary chunks."""
PLACES: Final = st.integers(-6, 9)
"""Events before which a stream breaks, from its beginning or its end: most have content."""
_BREAKS: Final = st.builds(
    faults.BreakStream,
    PLACES,
    st.sampled_from(["reset", "close", "end"]),
    within=st.integers(0, 300),
)
_ERRORS: Final = st.builds(
    faults.BreakStream,
    PLACES,
    st.just("error"),
    code=st.sampled_from(["server_error", "rate_limit_exceeded", "content_filter", None]),
    retry_after=st.none() | st.just(1),
)
FAULTS: Final = st.one_of(
    _BREAKS,
    _BREAKS,
    _BREAKS,
    _ERRORS,
    _ERRORS,
    st.none(),
    st.just(faults.ThrottledStream()),
    st.builds(faults.Truncate, st.integers(0, 3000)),
    st.just(faults.ResetBeforeHeaders()),
    st.just(faults.CloseBeforeHeaders()),
)
"""All that is told at once."""
SILENCES: Final = st.builds(
    faults.BreakStream, PLACES, st.just("hang"), within=st.integers(0, 300)
) | st.builds(faults.BreakStream, PLACES, st.just("comments"), interval=st.just(0.05))
"""What only a clock tells."""
