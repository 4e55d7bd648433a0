"""The least that fails over at all, as one writes it by hand.

It rewrites URL, host and key from a cache, drops the credentials that are not the endpoint's,
sends, and tries the next endpoint on 500, 502, 503, 504 or a transport error. It keeps no health,
no ledger and no budget.
"""

from __future__ import annotations

from typing import Any

from versus.contract import Setting

FAILING = frozenset({500, 502, 503, 504})


def floor_transport(family: Any, inner: Any, setting: Setting) -> Any:
    """Make the transport over one that sends, for threads and tasks."""
    targets = setting.targets

    class Floor(family.BaseTransport, family.AsyncBaseTransport):  # type: ignore[misc]
        def __init__(self) -> None:
            self.urls: list[dict[bytes, Any]] = [{} for _ in targets]

        def retarget(self, request: Any, index: int) -> Any:
            raw_path = request.url.raw_path
            url = self.urls[index].get(raw_path)
            if url is None:
                url = family.URL(f"{targets[index].url}{raw_path.decode()}")
                self.urls[index][raw_path] = url
            copy = family.Request(
                request.method,
                url,
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
            copy.read()
            copy.headers["host"] = url.netloc.decode()
            copy.headers["api-key"] = targets[index].key
            for name in ("authorization", "ocp-apim-subscription-key"):
                if name in copy.headers:
                    del copy.headers[name]
            return copy

        def handle_request(self, request: Any) -> Any:
            request.read()
            for index in range(len(targets)):
                last = index == len(targets) - 1
                try:
                    response = inner.handle_request(self.retarget(request, index))
                except family.TransportError:
                    if last:
                        raise
                    continue
                if response.status_code not in FAILING or last:
                    return response
                response.close()
            raise AssertionError

        async def handle_async_request(self, request: Any) -> Any:
            await request.aread()
            for index in range(len(targets)):
                last = index == len(targets) - 1
                try:
                    response = await inner.handle_async_request(self.retarget(request, index))
                except family.TransportError:
                    if last:
                        raise
                    continue
                if response.status_code not in FAILING or last:
                    return response
                await response.aclose()
            raise AssertionError

        def close(self) -> None:
            inner.close()

        async def aclose(self) -> None:
            await inner.aclose()

    return Floor()
