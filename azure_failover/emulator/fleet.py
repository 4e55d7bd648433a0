"""The fleet: fake regions on loopback behind one thread. Never touches anything but 127.0.0.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure_failover.emulator import _tls
from azure_failover.emulator._loop import LoopThread
from azure_failover.emulator._site import Counters, Site
from azure_failover.emulator.region import Region
from azure_failover.emulator.spec import DEFAULT_DEPLOYMENT, RegionSpec, specs_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from azure_failover.emulator.recorded import Recorded


class Fleet:
    """Fake Azure OpenAI regions, alive inside `with` or `async with` (asyncio or trio).

    Args:
        regions: Names or `RegionSpec`s in order of preference, or a count of default names.
        tls: Serve https, with a certificate authority made for this fleet.
        api_key: One key for all regions; by default each has its own, `key-<name>`.
        deployment: The deployment that every region has and `config` names.
    """

    def __init__(
        self,
        regions: int | Iterable[str | RegionSpec] = 2,
        *,
        tls: bool = False,
        api_key: str | None = None,
        deployment: str = DEFAULT_DEPLOYMENT,
    ) -> None:
        self._certificates = _tls.make() if tls else None
        self._thread = LoopThread(opened=self._open, closing=self._close)
        self._is_started = False
        counters = Counters()
        identities = [
            spec.resolve(api_key=api_key, deployment_name=deployment) for spec in specs_of(regions)
        ]
        self._sites = [
            Site(identity, counters=counters, report=self._thread.report) for identity in identities
        ]
        self._regions = {
            site.identity.name: Region(site, thread=self._thread, is_tls=tls)
            for site in self._sites
        }

    def __repr__(self) -> str:
        return f"<Fleet {', '.join(self._regions)}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        for own in self._thread.stop():
            error.add_note(f"inside the emulator: {own!r}")

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def __getitem__(self, name: str) -> Region:
        try:
            return self._regions[name]
        except KeyError:
            raise KeyError(f"no region {name!r}; there is {', '.join(self._regions)}") from None

    def __iter__(self) -> Iterator[Region]:
        return iter(self.regions)

    def __len__(self) -> int:
        return len(self._regions)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions in the order they were given."""
        return tuple(self._regions.values())

    @property
    def requests(self) -> tuple[Recorded, ...]:
        """What all regions received, in order of arrival."""
        everything = (request for region in self.regions for request in region.requests)
        return tuple(sorted(everything, key=lambda request: request.number))

    @property
    def ca_pem(self) -> bytes:
        """The authority's certificate, for clients that take a file or text.

        Raises:
            RuntimeError: The fleet speaks plain http.
        """
        return self._issued().ca_pem

    def ssl_context(self) -> ssl.SSLContext:
        """Make a client's context that trusts this fleet and nothing else.

        Raises:
            RuntimeError: The fleet speaks plain http.
        """
        return self._issued().client()

    def config(self) -> dict[str, Any]:
        """Describe the fleet as a client's configuration: the first region, the rest as backups.

        A backup has only those fields of its own that differ from the first's, and the first
        only those that differ from the defaults.
        """
        inherited: dict[str, str] = {"api": "any", "key_header": "api-key"}
        tables: list[dict[str, Any]] = []
        for region in self.regions:
            fields = {
                "api_key": region.api_key,
                "deployment_name": region.deployment_name,
                "api": region.api,
                "key_header": region.key_header,
            }
            differing = {name: text for name, text in fields.items() if inherited.get(name) != text}
            tables.append({"name": region.name, "endpoint": region.endpoint, **differing})
            if len(tables) == 1:
                inherited = fields
        return {**tables[0], "backups": tables[1:]}

    def heal(self) -> None:
        """Take the fault from every region."""
        for region in self.regions:
            region.fault = None

    def start(self) -> None:
        """Open every region's port.

        Raises:
            RuntimeError: It was started before; a fleet lives once.
        """
        if self._is_started:
            raise RuntimeError("this fleet was started before: make a new one")
        self._is_started = True
        self._thread.start()

    def close(self) -> None:
        """Reset what is open, give the ports back and end the thread; again does nothing.

        Raises:
            ExceptionGroup: What went wrong inside the emulator or a `Scripted` function.
        """
        errors = self._thread.stop()
        if errors:
            raise BaseExceptionGroup("errors inside the emulator", errors)

    def _issued(self) -> _tls.Certificates:
        if self._certificates is None:
            raise RuntimeError("this fleet speaks plain http: Fleet(..., tls=True)")
        return self._certificates

    def _open(self) -> None:
        server = None if self._certificates is None else self._certificates.server
        for site in self._sites:
            site.open(server)

    async def _close(self) -> None:
        for site in self._sites:
            await site.close()
