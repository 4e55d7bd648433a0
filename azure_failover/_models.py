"""The models that Azure serves chats with, by name, and what they call their limit. No I/O.

From "Foundry Models sold directly by Azure" and "Azure OpenAI reasoning models" in Microsoft's
documentation; models without chat completions (``-codex``, ``-pro``) are left out. Any other is
added by :meth:`~azure_failover.LLMFactory.register`.
"""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "azure-"
"""What the names of LLMs have before the model's name."""

_MODELS: Final = (
    "gpt-35-turbo",
    "gpt-4",
    "gpt-4-32k",
    "gpt-4-turbo",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.1-nano",
    "gpt-4.5-preview",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-5",
    "gpt-5-chat",
    "gpt-5-mini",
    "gpt-5-nano",
    "gpt-5.1",
    "gpt-5.1-chat",
    "gpt-5.2",
    "gpt-5.2-chat",
    "gpt-5.3-chat",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.4-nano",
    "gpt-5.5",
    "gpt-oss-120b",
    "model-router",
    "o1",
    "o1-mini",
    "o3",
    "o3-mini",
    "o4-mini",
)
MODELS: Final = tuple(f"{PREFIX}{model}" for model in _MODELS)
"""The names of the LLMs that there are from the start."""

_NEW_LIMIT: Final = re.compile(r"(o\d|gpt-([5-9]|[12]\d)(?!\d)).*")


def takes_max_completion_tokens(name: str) -> bool:
    """Tell whether a model takes ``max_completion_tokens``, and refuses ``max_tokens``.

    These are the reasoning models, and all of their families: the o-series, and GPT from 5 on
    (``unsupported_parameter``: "'max_tokens' is not supported with this model").

    Args:
        name: The model's name, with or without ``azure-``.
    """
    return _NEW_LIMIT.fullmatch(name.removeprefix(PREFIX)) is not None
