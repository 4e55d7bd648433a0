"""The transports that really send: the one that was given, or pools that are built when needed.

A client with a ``transport`` of its own ignores proxies from the environment, so they are looked
up here, per endpoint, as the client would have done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, Generic
from urllib.request import getproxies, proxy_bypass

from azure_failover.transport._family import AsyncTransport, Req, Resp, SyncTransport

_Proxy = str | None


class Upstream(Generic[Req, Resp]):
    """The inner transports of one failover transport. Thread-safe."""

    def __init__(
        self,
        origins: Sequence[tuple[str, str]],
        *,
        given: tuple[SyncTransport[Req, Resp] | None, AsyncTransport[Req, Resp] | None] | None,
        build_sync: Callable[[_Proxy], SyncTransport[Req, Resp]],
        build_async: Callable[[_Proxy], AsyncTransport[Req, Resp]],
        reads_environment: bool,
    ) -> None:
        """Prepare the transports; nothing is opened yet.

        Args:
            origins: Scheme and ``host[:port]`` of each endpoint.
            given: The caller's own transport, as the sync and the async one that it is; None to
                build pools.
            build_sync: Builds a pool for threads, for a proxy from the environment or None.
            build_async: Builds a pool for tasks.
            reads_environment: Whether ``HTTPS_PROXY`` and its kin count.
        """
        self.has_own_pools: Final = given is None
        self._reads_environment: Final = reads_environment and given is None
        self._proxies: Final = tuple(self._proxy_for(*origin) for origin in origins)
        self._build_sync = build_sync
        self._build_async = build_async
        self._given = given
        self._sync: dict[_Proxy, SyncTransport[Req, Resp]] = {}
        self._async: dict[_Proxy, AsyncTransport[Req, Resp]] = {}
        self._lock = Lock()
        if given is not None:
            if given[0] is not None:
                self._sync[None] = given[0]
            if given[1] is not None:
                self._async[None] = given[1]

    def sync_at(self, index: int) -> SyncTransport[Req, Resp]:
        """Give the transport to endpoint ``index`` for a thread."""
        proxy = self._proxies[index]
        return self._sync.get(proxy) or self._new_sync(proxy)

    def async_at(self, index: int) -> AsyncTransport[Req, Resp]:
        """Give the transport to endpoint ``index`` for a task."""
        proxy = self._proxies[index]
        return self._async.get(proxy) or self._new_async(proxy)

    def sync_for(self, scheme: str, netloc: str) -> SyncTransport[Req, Resp]:
        """Give the transport to any other origin for a thread."""
        proxy = self._proxy_for(scheme, netloc)
        return self._sync.get(proxy) or self._new_sync(proxy)

    def async_for(self, scheme: str, netloc: str) -> AsyncTransport[Req, Resp]:
        """Give the transport to any other origin for a task."""
        proxy = self._proxy_for(scheme, netloc)
        return self._async.get(proxy) or self._new_async(proxy)

    def _new_sync(self, proxy: _Proxy) -> SyncTransport[Req, Resp]:
        if self._given is not None:
            raise TypeError("the transport= that was given is async only; give one for threads")
        with self._lock:
            if proxy not in self._sync:
                self._sync[proxy] = self._build_sync(proxy)
            return self._sync[proxy]

    def _new_async(self, proxy: _Proxy) -> AsyncTransport[Req, Resp]:
        if self._given is not None:
            raise TypeError("the transport= that was given is sync only; give one for tasks")
        with self._lock:
            if proxy not in self._async:
                self._async[proxy] = self._build_async(proxy)
            return self._async[proxy]

    def close(self) -> None:
        """Close what threads used."""
        for transport in self._sync.values():
            transport.close()

    async def aclose(self) -> None:
        """Close what tasks used."""
        for transport in self._async.values():
            await transport.aclose()

    def _proxy_for(self, scheme: str, netloc: str) -> _Proxy:
        if not self._reads_environment:
            return None
        proxies = getproxies()
        proxy = proxies.get(scheme) or proxies.get("all")
        if not proxy or proxy_bypass(netloc):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"
