"""The transports that really send: the one that was given, or pools that are built when needed.

A client with a ``transport`` of its own ignores proxies from the environment, so they are looked
up here, per endpoint, as the client would have done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, Generic
from urllib.request import getproxies, proxy_bypass

import attrs

from azure_failover.transport._family import AsyncTransport, Req, Resp, SyncTransport

_Proxy = str | None


@attrs.frozen
class _Fresh:
    """The pool that keeps no connection, behind a proxy."""

    proxy: _Proxy


_Pool = _Proxy | _Fresh


class Upstream(Generic[Req, Resp]):
    """The inner transports of one failover transport. Thread-safe."""

    def __init__(
        self,
        origins: Sequence[tuple[str, str]],
        *,
        given: tuple[SyncTransport[Req, Resp] | None, AsyncTransport[Req, Resp] | None] | None,
        build_sync: Callable[[_Proxy, bool], SyncTransport[Req, Resp]],
        build_async: Callable[[_Proxy, bool], AsyncTransport[Req, Resp]],
        reads_environment: bool,
    ) -> None:
        """Prepare the transports; nothing is opened yet.

        Args:
            origins: Scheme and ``host[:port]`` of each endpoint.
            given: The caller's own transport, as the sync and the async one that it is; None to
                build pools.
            build_sync: Builds a pool for threads, for a proxy from the environment or None, and
                that keeps connections or does not.
            build_async: Builds a pool for tasks.
            reads_environment: Whether ``HTTPS_PROXY`` and its kin count.
        """
        self.has_own_pools: Final = given is None
        self._reads_environment: Final = reads_environment and given is None
        self._proxies: Final = tuple(self._proxy_for(*origin) for origin in origins)
        self._build_sync = build_sync
        self._build_async = build_async
        self._given = given
        self._sync: dict[_Pool, SyncTransport[Req, Resp]] = {}
        self._async: dict[_Pool, AsyncTransport[Req, Resp]] = {}
        self.known_sync: Final[dict[int, SyncTransport[Req, Resp]]] = {}
        """What :meth:`sync_at` has given, by endpoint: to look here first spares the call."""
        self.known_async: Final[dict[int, AsyncTransport[Req, Resp]]] = {}
        self._lock = Lock()
        if given is not None:
            if given[0] is not None:
                self._sync[None] = given[0]
            if given[1] is not None:
                self._async[None] = given[1]

    def sync_at(self, index: int) -> SyncTransport[Req, Resp]:
        """Give the transport to endpoint ``index`` for a thread."""
        proxy = self._proxies[index]
        self.known_sync[index] = found = self._sync.get(proxy) or self._new_sync(proxy)
        return found

    def async_at(self, index: int) -> AsyncTransport[Req, Resp]:
        """Give the transport to endpoint ``index`` for a task."""
        proxy = self._proxies[index]
        self.known_async[index] = found = self._async.get(proxy) or self._new_async(proxy)
        return found

    def fresh_sync_at(self, index: int) -> SyncTransport[Req, Resp]:
        """Give the transport to endpoint ``index`` over a new connection, for a thread.

        A transport that was given decides by itself.
        """
        proxy = self._proxies[index]
        pool = proxy if self._given is not None else _Fresh(proxy)
        return self._sync.get(pool) or self._new_sync(pool)

    def fresh_async_at(self, index: int) -> AsyncTransport[Req, Resp]:
        """Give the transport to endpoint ``index`` over a new connection, for a task."""
        proxy = self._proxies[index]
        pool = proxy if self._given is not None else _Fresh(proxy)
        return self._async.get(pool) or self._new_async(pool)

    def sync_for(self, scheme: str, netloc: str) -> SyncTransport[Req, Resp]:
        """Give the transport to any other origin for a thread."""
        proxy = self._proxy_for(scheme, netloc)
        return self._sync.get(proxy) or self._new_sync(proxy)

    def async_for(self, scheme: str, netloc: str) -> AsyncTransport[Req, Resp]:
        """Give the transport to any other origin for a task."""
        proxy = self._proxy_for(scheme, netloc)
        return self._async.get(proxy) or self._new_async(proxy)

    def _new_sync(self, pool: _Pool) -> SyncTransport[Req, Resp]:
        if self._given is not None:
            raise TypeError("the transport= that was given is async only; give one for threads")
        with self._lock:
            if pool not in self._sync:
                self._sync[pool] = self._build_sync(*_parts(pool))
            return self._sync[pool]

    def _new_async(self, pool: _Pool) -> AsyncTransport[Req, Resp]:
        if self._given is not None:
            raise TypeError("the transport= that was given is sync only; give one for tasks")
        with self._lock:
            if pool not in self._async:
                self._async[pool] = self._build_async(*_parts(pool))
            return self._async[pool]

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


def _parts(pool: _Pool) -> tuple[_Proxy, bool]:
    """Say through which proxy a pool goes, and whether it keeps connections."""
    return (pool.proxy, False) if isinstance(pool, _Fresh) else (pool, True)
