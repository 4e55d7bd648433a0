"""Asks an endpoint's token provider for a token for each attempt: providers cache by themselves.

A provider that blocks is called in a worker thread when a task needs a token.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from typing import Any, Final, NoReturn

import anyio
import anyio.to_thread

from azure_failover.core.config import Config, sync_problems
from azure_failover.core.credentials import Secret, is_async_source, read_token, token_source
from azure_failover.core.errors import ConfigError, Problem

_GAVE_AWAITABLE: Final = Problem(
    "token_provider",
    "gave an awaitable to a client for threads",
    "give a provider that is not async, or use an async client",
)


class NoTokenError(Exception):
    """A provider gave no token; the message never quotes what it gave or said."""


class Tokens:
    """The token providers of a configuration."""

    def __init__(self, config: Config) -> None:
        self._config: Final = config
        self._sources = {
            index: source
            for index, endpoint in enumerate(config.endpoints)
            if (source := token_source(endpoint)) is not None
        }
        self._is_async = [is_async_source(endpoint) for endpoint in config.endpoints]
        self.is_needed: Final = bool(self._sources)
        """Whether any endpoint takes a token."""

    def get(self, index: int) -> Secret | None:
        """Give the token for endpoint ``index``, from a thread; None if it takes none.

        Raises:
            NoTokenError: If the provider raises, or gives what is no token.
            ConfigError: If the provider is async.
        """
        source = self._sources.get(index)
        if source is None:
            return None
        if self._is_async[index]:
            self._refuse_async()
        try:
            result: Any = source()
        except Exception as error:
            raise self._failed(index, error) from error
        if inspect.isawaitable(result):
            _close(result)
            self._refuse_async()
        return self._read(index, result)

    async def aget(self, index: int, seconds: float) -> Secret | None:
        """Give the token for endpoint ``index``, from a task, within so many seconds.

        Raises:
            NoTokenError: If the provider raises, takes too long, or gives what is no token.
        """
        source = self._sources.get(index)
        if source is None:
            return None
        try:
            with anyio.fail_after(seconds):
                if self._is_async[index]:
                    result: Any = source()
                else:
                    result = await anyio.to_thread.run_sync(source, abandon_on_cancel=True)
                if inspect.isawaitable(result):
                    result = await result
        except Exception as error:
            raise self._failed(index, error) from error
        return self._read(index, result)

    def _read(self, index: int, result: object) -> Secret:
        token = read_token(result)
        if token is None:
            name = self._config.endpoints[index].name
            raise NoTokenError(f"the token provider of {name} gave no usable token")
        return token

    def _failed(self, index: int, error: Exception) -> NoTokenError:
        name = self._config.endpoints[index].name
        return NoTokenError(f"the token provider of {name} raised {type(error).__name__}")

    def _refuse_async(self) -> NoReturn:
        problems = sync_problems(self._config) or [_GAVE_AWAITABLE]
        raise ConfigError(problems, source="the configuration")


def _close(result: Awaitable[object]) -> None:
    """Let a coroutine that nobody will await go without a warning."""
    if inspect.iscoroutine(result):
        result.close()
