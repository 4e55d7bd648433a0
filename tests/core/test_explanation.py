"""What ``explain()`` gives reads like an answer to a person."""

from __future__ import annotations

from azure_failover.core.explanation import Explanation, Stop


def test_an_explanation_lists_its_stops_in_order() -> None:
    explanation = Explanation(
        operation="embeddings",
        form="v1",
        may_move=True,
        reason="holds no state: may fail over",
        stops=(
            Stop(endpoint="east", index=0, url="https://e/openai/v1/embeddings"),
            Stop(endpoint="west", index=1, url="https://w/openai/v1/embeddings", note="failed"),
        ),
        barred=(Stop(endpoint="old", index=2, url="https://o/", note="does not speak v1 URLs"),),
    )
    assert str(explanation).splitlines() == [
        "embeddings: holds no state: may fail over",
        "  1. east: https://e/openai/v1/embeddings",
        "  2. west: https://w/openai/v1/embeddings (failed)",
        "  -  old: https://o/ (does not speak v1 URLs)",
    ]


def test_a_foreign_request_has_no_operation() -> None:
    foreign = Explanation(operation="", form="foreign", may_move=False, reason="none of ours")
    assert str(foreign) == "request: none of ours"
