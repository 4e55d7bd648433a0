"""A transport that answers from memory, of either HTTP family: nothing but Python is measured."""

from __future__ import annotations

import importlib
from typing import Any

from versus.answers import PRIMARY, completion


def memory_transport(name: str) -> Any:
    """Make one for threads and tasks; ``name`` is ``httpx`` or ``httpx2``."""
    family: Any = importlib.import_module(name)
    answer = completion(PRIMARY)
    headers = {"content-type": "application/json"}

    class Memory(family.BaseTransport, family.AsyncBaseTransport):  # type: ignore[misc]
        def handle_request(self, _: Any) -> Any:
            return family.Response(200, headers=headers, content=answer)

        async def handle_async_request(self, request: Any) -> Any:
            return self.handle_request(request)

    return Memory()
