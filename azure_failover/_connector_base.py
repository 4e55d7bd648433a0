"""What both connectors have in common: everything that does not wait.

Attributes, status and configuration in the words of the interface that they keep; the endpoints'
health is the client's, and is only told here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, MutableSequence
from typing import Any, Final, Generic, TypeVar, cast

from azure_failover._client_base import Base, TransportOptions
from azure_failover._live import LiveList, without_plain_key
from azure_failover._target import SharedPools, Target, mark_failed, target_of, type_of
from azure_failover.core._endpoint import values_of
from azure_failover.core.config import DEFAULT_API_VERSION, Config, Endpoint, read_config
from azure_failover.core.credentials import MASK, Secret
from azure_failover.core.errors import BadRequestError, ConfigError

logger = logging.getLogger("azure_failover")
ClientT = TypeVar("ClientT", bound=Base)

PROBE: Final[Mapping[str, Any]] = {"messages": []}
"""A chat without messages: refused after key, version and deployment were looked at, and so free.

For which status stands for what, see "Answers" of the REST reference's errors: a wrong key is a
401 and a missing deployment a 404 before the body is read.
"""


def is_probe_refused(error: BadRequestError) -> bool:
    """Tell whether Azure refused :data:`PROBE` for what it is, and so would serve a real chat."""
    body = error.body
    told: object = cast("dict[str, object]", body).get("error") if isinstance(body, dict) else None
    text = str(told).lower()
    return isinstance(told, dict) and not any(word in text for word in _OTHER_FLAWS)


_OTHER_FLAWS: Final = ("api-version", "api version", "existing deployment")


class ConnectorBase(Generic[ClientT]):
    """The attributes, the status and the configuration of a connector."""

    def __init__(
        self, build: Callable[..., ClientT], config: Config, options: TransportOptions
    ) -> None:
        self._build: Final = build
        self._runtime = options.get("runtime")
        self._on_event = options.get("on_event")
        self._owner: Final = build(config, **options)
        """The client whose connections all others use."""
        self._fleet = self._owner
        self._target: Target | None = None
        self._target_client: ClientT | None = None
        self._is_closed = False

    def _built(self, config: Config) -> ClientT:
        """Build another client over the same connections; it needs no closing."""
        pools = SharedPools(self._owner)
        return self._build(config, transport=pools, on_event=self._on_event, runtime=self._runtime)

    @property
    def client(self) -> ClientT:
        """The client that the next call goes through, for all that this interface lacks.

        It is that of all endpoints, or while calls are directed to one target, that target's.

        Raises:
            RuntimeError: If the connector is closed.
        """
        if self._is_closed:
            raise RuntimeError("the connector is closed: make another one")
        if self._target is None:
            return self._fleet
        if self._target_client is None:
            config = Config((self._target.endpoint,), self.config.policy)
            self._target_client = self._built(config)
        return self._target_client

    @property
    def config(self) -> Config:
        """The configuration, with everything that was inherited written out."""
        return self._fleet.config

    # Where the next call goes.

    @property
    def _index(self) -> int:
        return self._fleet.status().current_index if self._target is None else self._target.index

    @property
    def _endpoint(self) -> Endpoint:
        if self._target is not None:
            return self._target.endpoint
        return self.config.endpoints[self._fleet.status().current_index]

    @property
    def endpoint(self) -> str:
        """The address of the endpoint that the next call goes to first.

        Setting this, ``deployment_name``, ``api_key`` or ``api_version`` directs the following
        calls to exactly that target, without failover, until :meth:`reset`. What is not set is
        what is configured for the address; for one that is not configured, what a backup would
        inherit.
        """
        return self._endpoint.endpoint

    @endpoint.setter
    def endpoint(self, value: str) -> None:
        self._direct(endpoint=value)

    @property
    def deployment_name(self) -> str:
        """The deployment there; see :attr:`endpoint` for what setting it does."""
        return self._endpoint.deployment_name

    @deployment_name.setter
    def deployment_name(self, value: str) -> None:
        self._direct(deployment_name=value)

    @property
    def api_key(self) -> Secret | None:
        """The key there, which shows itself as ``***``; None if the credential is another one.

        Takes a text, a :class:`~azure_failover.Secret`, or None for the credential as configured.
        ``reveal()`` gives the plain text. See :attr:`endpoint` for what setting it does.
        """
        return self._endpoint.api_key

    @api_key.setter
    def api_key(self, value: str | Secret | None) -> None:
        key = None if value is None else Secret(value)
        del value  # what is raised below shows no key
        self._direct(api_key=key)

    @property
    def api_version(self) -> str:
        """The ``api-version`` that is sent there; see :attr:`endpoint` for what setting it does."""
        return self._version_at(self._endpoint)

    @api_version.setter
    def api_version(self, value: str | None) -> None:
        self._direct(api_version=value)

    def _version_at(self, endpoint: Endpoint) -> str:
        return endpoint.api_version or self.config.primary.api_version or DEFAULT_API_VERSION

    def _direct(self, **given: object) -> None:
        """Direct the following calls to one target; a key or version of None is as configured."""
        before: Mapping[str, Any] = {} if self._target is None else self._target.given
        wanted: dict[str, Any] = {**before, **given}
        for key in ("api_key", "api_version"):
            if wanted.get(key, "") is None:
                del wanted[key]
        if self._target is None:
            wanted.setdefault("endpoint", self.endpoint)
        target = target_of(self.config, self._fleet.status().current_index, wanted)
        if self._target is None:
            logger.info("calls go to %s alone until reset()", target.endpoint.endpoint)
        self._target, self._target_client = target, None

    def reset(self) -> None:
        """Forget the target and all failures: the next call goes to the primary."""
        self._target = self._target_client = None
        self._fleet.reset()

    # The fleet.

    @property
    def current_config_index(self) -> int:
        """The place of the endpoint in use, 0 for the primary; -1 at a target of no place.

        Setting it forgets the target, and has all endpoints before that one count as failed, all
        others as healthy. As after real failures, ``failback`` says whether those are won back.

        Raises:
            IndexError: On setting, if there is no such endpoint.
        """
        return self._index

    @current_config_index.setter
    def current_config_index(self, value: int) -> None:
        endpoints = self.config.endpoints
        if not 0 <= value < len(endpoints):
            raise IndexError(
                f"there is no endpoint {value}: give one from 0 to {len(endpoints) - 1}"
            )
        self._target = self._target_client = None
        places = range(len(endpoints))
        order = sorted(places, key=lambda index: (endpoints[index].tier, index))
        mark_failed(self._fleet, order[: order.index(value)])

    @property
    def failed_endpoints(self) -> MutableSequence[str]:
        """The addresses of the endpoints that are marked failed, as they are at any time.

        Setting or changing it has exactly these count as failed, as if each had just failed;
        clearing it forgets all failures.

        Raises:
            ValueError: On changing, if an address is none of the endpoints'.
        """
        return LiveList(lambda: [*self._fleet.status().failed_endpoints], self._mark_failed, str)

    @failed_endpoints.setter
    def failed_endpoints(self, value: Iterable[str]) -> None:
        # A text is taken for an address, not for its letters.
        self._mark_failed([value] if isinstance(value, str) else [*value])

    def _mark_failed(self, addresses: list[str]) -> None:
        known = [endpoint.endpoint for endpoint in self.config.endpoints]
        wanted = [str(address).rstrip("/") for address in addresses]
        for address in wanted:
            if address not in known:
                raise ValueError(f"{address!r} is none of the endpoints: {', '.join(known)}")
        mark_failed(self._fleet, [i for i, address in enumerate(known) if address in wanted])

    @property
    def backup_configs(self) -> MutableSequence[dict[str, Any]]:
        """The backups as dicts, in order, with all that was inherited; their keys show as ``***``.

        Setting or changing the list changes the configuration, and forgets failures and target. A
        backup that is left as it reads keeps all its settings; others inherit as ever. Changing
        one of the dicts changes nothing.

        Raises:
            ConfigError: On changing, with everything that is wrong.
        """
        return LiveList(
            lambda: [*map(self._plain, self.config.backups)], self._configure, without_plain_key
        )

    @backup_configs.setter
    def backup_configs(self, value: Iterable[Mapping[str, Any]]) -> None:
        backups = [*map(without_plain_key, value)]
        del value
        self._configure(backups)

    def _configure(self, backups: list[dict[str, Any]]) -> None:
        kept = [(self._plain(backup), _settings(backup)) for backup in self.config.backups]
        wanted = [
            next((settings for plain, settings in kept if plain == backup), backup)
            for backup in backups
        ]
        primary = _settings(self.config.primary)
        del primary["deployments"]
        read = read_config({**primary, "backups": wanted, "policy": self.config.policy}, {})
        if isinstance(read, ConfigError):
            raise read
        self._fleet = self._built(read)
        self._target = self._target_client = None

    def _plain(self, endpoint: Endpoint) -> dict[str, Any]:
        return {
            "endpoint": endpoint.endpoint,
            "deployment_name": endpoint.deployment_name,
            "api_key": endpoint.api_key,
            "api_version": self._version_at(endpoint),
        }

    def get_all_configs(self) -> list[dict[str, Any]]:
        """Give every endpoint as a dict, the primary first.

        Returns:
            Each has ``type`` (``primary`` or ``backup``), ``index``, ``endpoint``,
            ``deployment_name``, ``api_version`` and ``api_key``, which can be assigned to
            :attr:`api_key` and shows itself as ``***``; None for another kind of credential.
        """
        return [
            {"type": type_of(index), "index": index, **self._plain(endpoint)}
            for index, endpoint in enumerate(self.config.endpoints)
        ]

    _get_all_configs = get_all_configs

    def get_current_endpoint_info(self) -> dict[str, Any]:
        """Tell where the next call goes first.

        Returns:
            ``endpoint``, ``deployment_name``, ``api_key`` (``***``, or None for another kind of
            credential), ``api_version``, ``index`` and ``type``: ``primary``, ``backup``, or
            ``custom`` (with index -1) for a target whose address is not configured.
        """
        endpoint, index = self._endpoint, self._index
        return {
            "endpoint": endpoint.endpoint,
            "deployment_name": endpoint.deployment_name,
            "api_key": None if endpoint.api_key is None else MASK,
            "api_version": self._version_at(endpoint),
            "index": index,
            "type": "custom" if index < 0 else type_of(index),
        }

    def get_backup_status(self) -> dict[str, Any]:
        """Tell which endpoint is in use, and which failed.

        Returns:
            ``total_endpoints``, ``current_index``, ``current_endpoint``, ``current_type``,
            ``failed_endpoints`` (a list of addresses), ``has_backups`` and ``available_backups``
            (how many are configured). While calls are directed to a target, ``current_…`` tell of
            the target, as :meth:`get_current_endpoint_info` does.
        """
        status, target = self._fleet.status(), self._target
        return {
            "total_endpoints": status.total_endpoints,
            "current_index": status.current_index if target is None else target.index,
            "current_endpoint": (
                status.current_endpoint if target is None else target.endpoint.endpoint
            ),
            "current_type": status.current_type if target is None else target.type,
            "failed_endpoints": [*status.failed_endpoints],
            "has_backups": status.has_backups,
            "available_backups": status.available_backups,
        }

    def __repr__(self) -> str:
        fleet: Base | None = getattr(self, "_fleet", None)
        names = () if fleet is None else (endpoint.name for endpoint in fleet.config.endpoints)
        return f"<{type(self).__name__} {', '.join(names)}>"

    def _others(self, index: int | None) -> frozenset[str]:
        """Name all endpoints but one; none if there is no such one to be alone."""
        endpoints = self.config.endpoints
        if index is None:
            return frozenset()
        if not 0 <= index < len(endpoints):
            raise IndexError(
                f"there is no endpoint {index}: give one from 0 to {len(endpoints) - 1}"
            )
        return frozenset(each.name for each in endpoints if each is not endpoints[index])


def _settings(endpoint: Endpoint) -> dict[str, Any]:
    return {key: value for key, value in values_of(endpoint).items() if value is not None}
