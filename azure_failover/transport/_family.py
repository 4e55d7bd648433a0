"""What the drivers need to know of an HTTP family: the shapes that httpx and httpx2 share.

Protocols, and one small table of constructors and failures. Imports neither family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Generic, Protocol, TypeVar

import attrs

from azure_failover.core.ledger import Phase
from azure_failover.core.verdict import Fault


class Url(Protocol):
    """The parts of a URL that a route is read from."""

    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def netloc(self) -> bytes: ...
    @property
    def raw_path(self) -> bytes: ...


class Request(Protocol):
    """A request, as far as it is read and copied."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> Url: ...
    @property
    def headers(self) -> MutableMapping[str, str]: ...
    @property
    def extensions(self) -> Mapping[str, Any]: ...
    @property
    def stream(self) -> object: ...
    def read(self) -> bytes: ...
    async def aread(self) -> bytes: ...


class Response(Protocol):
    """A response, as far as it is judged, read and labelled."""

    stream: Any
    """One of the family's byte streams, for threads, tasks or both."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> MutableMapping[str, str]: ...
    @property
    def extensions(self) -> MutableMapping[str, Any]: ...
    def close(self) -> None: ...
    async def aclose(self) -> None: ...


Req = TypeVar("Req", bound=Request)
Resp = TypeVar("Resp", bound=Response)
_ReqIn_contra = TypeVar("_ReqIn_contra", bound=Request, contravariant=True)
_RespOut_co = TypeVar("_RespOut_co", bound=Response, covariant=True)


class SyncTransport(Protocol[_ReqIn_contra, _RespOut_co]):
    """What sends a request from a thread."""

    def handle_request(self, request: _ReqIn_contra, /) -> _RespOut_co: ...
    def close(self) -> None: ...


class AsyncTransport(Protocol[_ReqIn_contra, _RespOut_co]):
    """What sends a request from a task."""

    async def handle_async_request(self, request: _ReqIn_contra, /) -> _RespOut_co: ...
    async def aclose(self) -> None: ...


@attrs.frozen(kw_only=True)
class Family(Generic[Req, Resp]):
    """One HTTP family: how its objects are made, and what its failures mean.

    Attributes:
        parse_url: Makes a URL of the family from text.
        copy_request: Makes a request like another one, for another URL, with other extensions
            and another body stream. The headers are a copy.
        memory_stream: The family's class of streams whose bytes are all there.
        watched_stream: The family's class of :class:`~azure_failover.transport._watch.Watched`.
        once_stream: The family's class of :class:`~azure_failover.transport._replay.Once`.
        decode: Undoes the content encoding that a response's headers name.
        faults: The family's failures, the most special first.
        timeout_error: Makes the error for a deadline that left no time to try anything.
        connection_error: Makes the error that stands for one from below the family.
        protocol_error: Makes the error for an answer that is not what it should be.
        refused_error: Makes the error for a request that no endpoint may get.
    """

    parse_url: Callable[[str], Url]
    copy_request: Callable[[Req, Any, dict[str, Any], Any], Req]
    memory_stream: Callable[[bytes], Any]
    memory_stream_type: type
    watched_stream: Callable[..., Any]
    once_stream: Callable[[Any, list[bytes], Any], Any]
    decode: Callable[[Any, bytes], bytes]
    faults: tuple[tuple[type[Exception], Fault, Phase], ...]
    timeout_error: Callable[[str], Exception]
    connection_error: Callable[[str], Exception]
    protocol_error: Callable[[str], Exception]
    refused_error: Callable[[str], Exception]
