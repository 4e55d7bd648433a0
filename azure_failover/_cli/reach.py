"""Sends the probes of a check: each endpoint by itself, in a thread, all side by side.

A name look-up cannot be interrupted, so the threads are daemons that are left behind when the time
is over; what they had begun then is told.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final, cast
from urllib.parse import urlsplit

import attrs
import httpx

from azure_failover._cli.breakdown import (
    PROXY_ADVICE,
    Breakdown,
    Step,
    at_the_proxy,
    broken,
    silent,
)
from azure_failover._cli.complaints import Complaint
from azure_failover._cli.diagnosis import Answer, Asked, Diagnosis, diagnose, plain
from azure_failover._cli.probe import Probe, first_probe
from azure_failover._cli.report import Aspect, Mark, Report
from azure_failover._cli.surroundings import Surroundings
from azure_failover.core.config import DEFAULT_API_VERSION, Config, Endpoint
from azure_failover.transport._upstream import Upstream

_BODY: Final = 64 * 1024
"""Bytes of an answer that are read."""
_SLACK: Final = 0.3
"""Seconds that the HTTP library has to tell of a timeout by itself."""


class _Pool(httpx.HTTPTransport):
    """A pool that knows the proxy it goes through."""

    def __init__(self, proxy: str | None) -> None:
        super().__init__(proxy=proxy)
        self.proxy = proxy


class _Progress:
    """How far the probe of one endpoint has come. Read by the thread that waits for it."""

    def __init__(self, surroundings: Surroundings, *, is_plain: bool) -> None:
        self._clock = surroundings.clock
        self._begun = self._clock()
        self.step: Step = "dns"
        self.seconds: dict[str, float] = {}
        self.marks: dict[Aspect, Mark] = {
            "dns": Mark.UNKNOWN,
            "tcp": Mark.UNKNOWN,
            "tls": Mark.NONE if is_plain else Mark.UNKNOWN,
        }

    def begin(self, step: Step) -> None:
        self.step, self._begun = step, self._clock()

    def end(self, step: Step) -> None:
        self.seconds[step] = self._clock() - self._begun
        if step != "answer":
            self.marks[step] = Mark.OK

    def fail(self) -> None:
        if self.step != "answer":
            self.marks[self.step] = Mark.WRONG

    def trace(self, name: str, _: dict[str, Any]) -> None:
        """Follow httpcore's events: ``connection.connect_tcp.started`` and its kin."""
        match name.split(".")[-2:]:
            case ["connect_tcp", "started"]:
                self.begin("tcp")
            case ["connect_tcp", "complete"]:
                self.end("tcp")
            case ["start_tls", "started"]:
                self.begin("tls")
            case ["start_tls", "complete"]:
                self.end("tls")
            case ["send_request_headers", "started"]:
                self.begin("answer")
            case ["receive_response_headers", "complete"]:
                self.end("answer")
            case _:
                pass


@attrs.define
class _Check:
    """The check of one endpoint."""

    endpoint: Endpoint
    inherits_key: bool
    is_chat: bool
    timeout: float
    pool: _Pool
    surroundings: Surroundings
    deadline: float = attrs.field(init=False)
    probe: Probe = attrs.field(init=False)
    progress: _Progress = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.deadline = self.surroundings.clock() + self.timeout
        self.probe = first_probe(self.endpoint, is_chat=self.is_chat)
        is_plain = self.endpoint.base.scheme == "http"
        self.progress = _Progress(self.surroundings, is_plain=is_plain)

    @property
    def _key(self) -> str:
        return "" if self.endpoint.api_key is None else self.endpoint.api_key.reveal()

    def run(self) -> Report:
        """Do it, and tell what was found."""
        try:
            self._look_up()
            answer = self._ask(self.probe)
            diagnosis = self._diagnose(self.probe, answer)
            if diagnosis.asks_limit and self.probe.limit == "max_completion_tokens":
                self.probe = self.probe.with_old_limit()
                answer = self._ask(self.probe)
                diagnosis = self._diagnose(self.probe, answer)
            elif diagnosis.asks_version:
                diagnosis = self._second_opinion(diagnosis)
        except (OSError, httpx.TransportError) as error:
            self.progress.fail()
            return self.report_broken(broken(self.progress.step, error, self.timeout))
        return self._report(answer, diagnosis)

    def _look_up(self) -> None:
        if self.endpoint.base.is_ip or self.pool.proxy is not None:
            self.progress.marks["dns"] = Mark.NONE
            return
        base = self.endpoint.base
        self.progress.begin("dns")
        self.surroundings.resolve(base.host.strip("[]"), base.port or 443)
        self.progress.end("dns")

    def _ask(self, probe: Probe) -> Answer:
        """Send a probe and read the answer, as far as it matters."""
        left = max(0.01, self.deadline - self.surroundings.clock())
        request = httpx.Request(
            "POST",
            probe.url(self.endpoint),
            headers=probe.headers(self.endpoint),
            content=probe.body(self.endpoint),
            extensions={
                "timeout": dict.fromkeys(("connect", "read", "write", "pool"), left),
                "trace": self.progress.trace,
            },
        )
        response = self.pool.handle_request(request)
        body = b""
        try:
            for chunk in cast("httpx.SyncByteStream", response.stream):
                body += chunk
                if len(body) > _BODY:
                    break
                if self.surroundings.clock() > self.deadline:
                    raise httpx.ReadTimeout("the body takes too long", request=request)
        finally:
            response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=headers, body=body[:_BODY])

    def _diagnose(self, probe: Probe, answer: Answer) -> Diagnosis:
        asked = Asked(
            deployment=self.endpoint.deployment_name,
            version=probe.version,
            is_chat=self.is_chat,
            is_keyed=self.endpoint.auth != "client",
            inherits_key=self.inherits_key,
            key=self._key,
        )
        return diagnose(answer, asked)

    def _second_opinion(self, first: Diagnosis) -> Diagnosis:
        """Find out whether another version, or the other kind of URL, does better."""
        probe = self.probe
        if probe.version not in (None, DEFAULT_API_VERSION):
            other = self._free(probe).at_version(DEFAULT_API_VERSION)
            found = self._diagnose(other, self._ask(other))
            if found.auth is Mark.OK:
                what = f"the api-version {probe.version} is not accepted"
                advice = f"give {DEFAULT_API_VERSION}, which is, or leave it out"
                return attrs.evolve(found, version=Mark.WRONG, problem=what, remedy=advice)
        other = self._free(probe).on_other_urls()
        found = self._diagnose(other, self._ask(other))
        if found.auth is Mark.OK:
            what = f"{probe.api} URLs are not found here, {other.api} URLs are"
            advice = f'write api = "{other.api}"'
            return attrs.evolve(found, version=Mark.WRONG, problem=what, remedy=advice)
        return first

    @staticmethod
    def _free(probe: Probe) -> Probe:
        return attrs.evolve(probe, limit=None)

    def report_broken(self, breakdown: Breakdown) -> Report:
        """Tell of an endpoint that gave no answer."""
        if self.pool.proxy is not None:
            breakdown = at_the_proxy(self.progress.step, breakdown)
        diagnosis = Diagnosis(problem=breakdown.what, remedy=breakdown.remedy)
        return self._report(None, diagnosis)

    def report_silent(self) -> Report:
        """Tell of an endpoint whose time is over."""
        self.progress.fail()
        return self.report_broken(silent(self.progress.step, self.timeout))

    def _report(self, answer: Answer | None, found: Diagnosis) -> Report:
        region = "" if answer is None else answer.headers.get("x-ms-region", "")
        marks: dict[Aspect, Mark] = {
            **self.progress.marks,
            "auth": found.auth,
            "deployment": found.deployment,
            "version": found.version if self.probe.version or found.problem else Mark.NONE,
        }
        notes = found.notes
        if self.pool.proxy is not None:
            notes = (*notes, f"through the proxy {urlsplit(self.pool.proxy).hostname}")
        return Report(
            name=self.endpoint.name,
            endpoint=self.endpoint.endpoint,
            deployment=self.endpoint.deployment_name,
            api=self.probe.api,
            version=self.probe.version,
            marks=marks,
            seconds=dict(self.progress.seconds),
            status=None if answer is None else answer.status,
            region=plain(region, self._key) or None,
            problem=found.problem,
            remedy=found.remedy if found.problem else None,
            notes=notes,
        )


def reach(
    config: Config,
    indices: Sequence[int],
    inherits_key: Sequence[bool],
    *,
    is_chat: bool,
    timeout: float,
    surroundings: Surroundings,
) -> list[Report]:
    """Check endpoints, all at once.

    Args:
        config: The configuration.
        indices: Which of its endpoints.
        inherits_key: For each endpoint of the configuration, whether its key is the primary's.
        is_chat: Whether to ask for a real completion, which costs some tokens.
        timeout: Seconds that an endpoint may take in all.
        surroundings: The machine.
    """
    upstream: Upstream[httpx.Request, httpx.Response] = Upstream(
        [(endpoint.base.scheme, endpoint.base.netloc) for endpoint in config.endpoints],
        given=None,
        build_sync=lambda proxy, _: _Pool(proxy),
        build_async=lambda proxy, _: httpx.AsyncHTTPTransport(proxy=proxy),
        reads_environment=True,
    )
    running: list[tuple[_Check, Future[Report]]] = []
    for index in indices:
        check = _Check(
            endpoint=config.endpoints[index],
            inherits_key=inherits_key[index],
            is_chat=is_chat,
            timeout=timeout,
            pool=_pool(upstream, index),
            surroundings=surroundings,
        )
        running.append((check, _started(check)))
    try:
        return [_awaited(check, future, surroundings) for check, future in running]
    finally:
        upstream.close()


def _pool(upstream: Upstream[httpx.Request, httpx.Response], index: int) -> _Pool:
    """Make what connects to an endpoint.

    Raises:
        Complaint: What the environment says of certificates or proxies cannot be used.
    """
    try:
        pool = upstream.sync_at(index)
    except ImportError as error:
        what = "the environment names a SOCKS proxy, and these need another package"
        raise Complaint(what, "pip install 'httpx[socks]', or see to NO_PROXY") from error
    except OSError as error:  # ssl.SSLError is one
        what = "SSL_CERT_FILE or SSL_CERT_DIR names what holds no certificates"
        raise Complaint(what, "correct it, or unset it") from error
    except (ValueError, httpx.InvalidURL) as error:
        what = "the environment names a proxy at what is no URL of one"
        raise Complaint(what, PROXY_ADVICE) from error
    assert isinstance(pool, _Pool)
    return pool


def _started(check: _Check) -> Future[Report]:
    future: Future[Report] = Future()

    def run() -> None:
        try:
            future.set_result(check.run())
        except Exception as error:  # noqa: BLE001  (raised again by who waits)
            future.set_exception(error)

    threading.Thread(target=run, name="azure-failover-check", daemon=True).start()
    return future


def _awaited(check: _Check, future: Future[Report], surroundings: Surroundings) -> Report:
    left = max(0.0, check.deadline - surroundings.clock()) + _SLACK
    try:
        return future.result(left)
    except TimeoutError:
        return future.result() if future.done() else check.report_silent()
