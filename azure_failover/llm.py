"""``LLMFactory`` and its LLMs: chats by the name of a model, over a connector.

Which models there are, and what they take, is in :mod:`azure_failover._models`. Where a chat goes
is decided where it always is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from difflib import get_close_matches
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeAlias, Unpack, cast

import attrs

from azure_failover._client_base import Messages, TransportOptions
from azure_failover._models import MODELS, PREFIX, takes_max_completion_tokens
from azure_failover._pieces import AsyncPieces, OnRestart, Reading
from azure_failover.chat import ChatCompletion, Usage
from azure_failover.connector import AzureConnector
from azure_failover.context import RequestContext
from azure_failover.core._sources import PRIMARY_VARIABLES
from azure_failover.core.config import ConfigSource, read_config
from azure_failover.core.errors import AzureFailoverError, ConfigError
from azure_failover.streams import ChatDelta, Finished, TextDelta


@attrs.frozen(kw_only=True)
class LLMResponse:
    """A whole answer.

    Attributes:
        content: Its text; empty for a pure tool call or a refusal.
        role: Whose it is: ``assistant``.
        finish_reason: Why it ended: ``stop``, ``length``, ``tool_calls``, ``content_filter``.
        usage: The tokens that it cost, if Azure said so.
        endpoint: The name of the endpoint that gave it.
        completion: All that came: tool calls, the ledger, the raw JSON.
    """

    content: str
    role: str
    finish_reason: str | None
    usage: Usage | None
    endpoint: str
    completion: ChatCompletion = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class LLMChunk:
    """A piece of a streamed answer.

    Attributes:
        content: More of the text; empty in the last chunk.
        is_final: Whether the answer is complete with this. Without such a chunk it is not.
        finish_reason: In the last chunk, as of :class:`LLMResponse`.
        usage: In the last chunk, as of :class:`LLMResponse`.
        endpoint: The name of the endpoint that gave it.
    """

    content: str
    is_final: bool = False
    finish_reason: str | None = None
    usage: Usage | None = None
    endpoint: str


class AzureLLM:
    """Chats with one model; made by :meth:`LLMFactory.create_llm`.

    Args:
        name: What it was asked for as, such as ``azure-gpt-4.1-mini``.
        connector: Where its calls go through; closed by :meth:`close`.
        max_completion_tokens: Whether the model takes ``max_completion_tokens`` in place of
            ``max_tokens``; None to go by its name.
    """

    def __init__(
        self, name: str, connector: AzureConnector, *, max_completion_tokens: bool | None = None
    ) -> None:
        self.name: Final = name
        self.connector: Final = connector
        self._renames_limit: Final = (
            takes_max_completion_tokens(name)
            if max_completion_tokens is None
            else max_completion_tokens
        )

    async def get_answer(
        self,
        messages: Messages,
        ctx: RequestContext | None = None,
        *,
        auto_failover: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109  (per phase of an attempt)
        **params: Any,  # noqa: ANN401  (whatever Azure takes)
    ) -> LLMResponse:
        """Ask for an answer.

        Args:
            messages: Chat messages as Azure takes them, or the text of a single user message.
            ctx: On whose behalf, see :func:`~azure_failover.create_context`.
            auto_failover: False tries only the endpoint that is in use.
            timeout: Seconds that each phase of an attempt may take, in place of the configured.
            params: Anything else that Azure takes: ``temperature``, ``tools``, … ``max_tokens`` is
                sent as ``max_completion_tokens`` to a model that takes that in its place.

        Raises:
            RequestError: As :meth:`~azure_failover.AzureConnector.request` does.
        """
        _check_context(ctx)
        with _applied(ctx):
            answer = await self.connector.client.chat(
                messages, auto_failover=auto_failover, timeout=timeout, **self._asked(params)
            )
        return LLMResponse(
            content=answer.text,
            role=answer.message.role,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
            endpoint=answer.endpoint,
            completion=answer,
        )

    def stream_answer(
        self,
        messages: Messages,
        ctx: RequestContext | None = None,
        *,
        on_restart: OnRestart | None = None,
        auto_failover: bool = True,
        timeout: float | None = None,
        **params: Any,  # noqa: ANN401  (whatever Azure takes)
    ) -> AsyncPieces[LLMChunk]:
        """Ask for an answer that comes piece by piece.

        ::

            async for chunk in llm.stream_answer(messages, ctx):
                print(chunk.content, end="")

        A stream fails over unseen until its first content. One that breaks off later is an error;
        with ``on_restart`` it begins again at another endpoint, after ``on_restart`` was told to
        drop what came.

        Args:
            messages: As for :meth:`get_answer`.
            ctx: As for :meth:`get_answer`.
            on_restart: Called with :class:`~azure_failover.StreamRestarted` before the first chunk
                of another beginning.
            auto_failover: As for :meth:`get_answer`.
            timeout: As for :meth:`get_answer`.
            params: As for :meth:`get_answer`.

        Raises:
            RequestError: On reading the first chunk as :meth:`get_answer` does, later
                :class:`~azure_failover.StreamBrokenError`, or what the stream itself says.
        """
        _check_context(ctx)
        stream = self.connector.client.stream(
            messages, auto_failover=auto_failover, timeout=timeout, **self._asked(params)
        )
        finished: list[Finished] = []

        def take(event: ChatDelta) -> Iterable[LLMChunk]:
            if isinstance(event, TextDelta) and event.index == 0:
                yield LLMChunk(content=event.text, endpoint=stream.endpoint)
            elif isinstance(event, Finished):
                finished.append(event)

        def end() -> Iterable[LLMChunk]:
            for event in finished:
                yield LLMChunk(
                    content="",
                    is_final=True,
                    finish_reason=event.finish_reason,
                    usage=event.usage,
                    endpoint=stream.endpoint,
                )

        return AsyncPieces(stream, Reading(take, end, on_restart, partial(_applied, ctx)))

    def _asked(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Give the parameters as the model takes them."""
        asked = dict(params)
        if self._renames_limit and "max_tokens" in asked:
            limit = asked.pop("max_tokens")
            asked.setdefault("max_completion_tokens", limit)
        return asked

    async def close(self) -> None:
        """Close the connector."""
        await self.connector.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} over {self.connector!r}>"


def _applied(ctx: RequestContext | None) -> AbstractContextManager[object]:
    return nullcontext() if ctx is None else ctx.applied()


def _check_context(ctx: object) -> None:
    """Refuse what is no context: a dict, or the context class of another library."""
    if not (ctx is None or isinstance(ctx, RequestContext)):
        kind = type(ctx).__name__
        raise TypeError(
            f"ctx is no RequestContext but {kind}: give create_context(user_id=…, session_id=…)"
        )


class UnknownModelError(AzureFailoverError, ValueError):
    """There is no LLM of that name.

    Attributes:
        name: The name.
        near_misses: The names that may have been meant, the nearest first.
    """

    def __init__(self, name: str, near_misses: tuple[str, ...], count: int) -> None:
        self.name = name
        self.near_misses = near_misses
        meant = f"did you mean {' or '.join(near_misses)}?" if near_misses else ""
        listed = f"LLMFactory.available() lists {count} names"
        register = f"LLMFactory.register({name!r}) adds this one"
        advice = f"{meant} {listed}, and {register}".strip()
        super().__init__(f"there is no LLM {name!r}: {advice}")


LLMBuilder: TypeAlias = Callable[[str, AzureConnector], AzureLLM]
"""Makes an LLM of its name and its connector: a class derived from :class:`AzureLLM`, say."""


class LLMFactory:
    """Makes LLMs by name: ``azure-<model>``, and what the application registers."""

    _builders: ClassVar[dict[str, LLMBuilder]] = dict.fromkeys(MODELS, AzureLLM)

    @classmethod
    def create_llm(
        cls,
        name: str,
        connector_config: ConfigSource = None,
        **options: Unpack[TransportOptions],
    ) -> AzureLLM:
        """Make an LLM.

        Args:
            name: One of :meth:`available`, such as ``azure-gpt-4.1-mini``.
            connector_config: As for :class:`~azure_failover.AzureConnector`. A ``deployment_name``
                that neither this nor the environment has is the model's name.
            options: As for :class:`~azure_failover.AzureConnector`.

        Raises:
            UnknownModelError: If there is no such name; it lists the nearest.
            ConfigError: Lists everything that is wrong with the configuration.
        """
        build = cls._builders.get(name)
        if build is None:
            connector_config = None
            raise cls._unknown(name)
        read = read_config(connector_config, _environment(name))
        connector_config = None
        if isinstance(read, ConfigError):
            raise read
        return build(name, AzureConnector(read, **options))

    @classmethod
    def register(
        cls,
        name: str,
        build: LLMBuilder | None = None,
        *,
        max_completion_tokens: bool | None = None,
        replace: bool = False,
    ) -> None:
        """Add a name.

        Args:
            name: Such as ``azure-our-finetune``; what follows ``azure-`` is the deployment's name
                where the configuration has none.
            build: Makes the LLM; by default :class:`AzureLLM` does.
            max_completion_tokens: As for :class:`AzureLLM`; only without ``build``.
            replace: Whether the name may be there already.

        Raises:
            ValueError: If the name is there already, or is none.
        """
        if build is not None and max_completion_tokens is not None:
            raise ValueError("max_completion_tokens= is for AzureLLM: leave it to build=")
        if not name or name != name.strip() or not name.isprintable():
            raise ValueError(f"{name!r} is no name of an LLM: give one such as azure-our-model")
        if name in cls._builders and not replace:
            raise ValueError(f"there is an LLM {name!r} already: give replace=True if you mean it")
        cls._builders[name] = build or partial(
            AzureLLM, max_completion_tokens=max_completion_tokens
        )

    @classmethod
    def unregister(cls, name: str) -> None:
        """Remove a name.

        Raises:
            UnknownModelError: If it is not there.
        """
        if cls._builders.pop(name, None) is None:
            raise cls._unknown(name)

    @classmethod
    def available(cls) -> tuple[str, ...]:
        """Give all names, in alphabetical order."""
        return tuple(sorted(cls._builders))

    @classmethod
    def _unknown(cls, name: str) -> UnknownModelError:
        """Make the error that lists the names which are nearest, by what follows the prefix."""
        if not isinstance(cast("object", name), str):
            raise TypeError(f"name= is no text but {type(name).__name__}: give one of available()")
        known = {each.removeprefix(PREFIX): each for each in cls._builders}
        wanted = name.lower().removeprefix(PREFIX)
        close = [wanted] if wanted in known else get_close_matches(wanted, known, n=3)
        return UnknownModelError(name, tuple(known[each] for each in close), len(known))


def _environment(name: str) -> dict[str, str]:
    """Give the environment, in which the model's name stands for a deployment if none is named."""
    env = dict(os.environ)
    variables = PRIMARY_VARIABLES["deployment_name"]
    if not any(variable in env for variable in variables):
        env[variables[0]] = name.removeprefix(PREFIX)
    return env
