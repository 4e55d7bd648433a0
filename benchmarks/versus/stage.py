"""The endpoints on loopback: our own, which fail when told to, and nginx where it is installed."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import trustme

from versus.answers import BACKUP, ERROR, PRIMARY, completion
from versus.child import Child, ChildFailedError

KEYS: Final = {PRIMARY: "key-1", BACKUP: "key-2"}
NAMES: Final = (PRIMARY, BACKUP)
PLAIN_WAYS: Final[dict[str, Any]] = {
    "pause": 0.0,
    "pace": 0.0,
    "tokens": 1,
    "cut": None,
    "cut_after": 0,
}
WITHIN: Final = 60.0
"""Seconds to begin within."""
Targets = list[list[str]]
"""An origin and a key for each endpoint, the primary first."""

NGINX: Final = """\
worker_processes 1;
daemon off;
pid {home}/nginx.pid;
error_log {home}/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  default_type application/json;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  ssl_certificate {home}/server.pem;
  ssl_certificate_key {home}/server.pem;
{servers}
}}
"""
SERVER: Final = """\
  server {{
    listen 127.0.0.1:{port}{ssl} backlog=1024;
    location / {{ return {status} '{body}'; }}
  }}
"""


class Endpoint:
    """An endpoint of our own, in a process of its own."""

    def __init__(self, name: str, home: Path, certificate: Path | None = None) -> None:
        command = [sys.executable, "-m", "versus.upstream", name]
        self._child = Child([*command, *([str(certificate)] if certificate else [])], home / "log")
        try:
            self.port: int = self._child.answer(WITHIN)
        except ChildFailedError:
            self._child.close()
            raise

    def set(self, mode: str = "ok", **ways: Any) -> int:
        """Change its ways; give how many requests it has received since the last change."""
        order: dict[str, Any] = {**PLAIN_WAYS, **ways, "mode": mode}
        return int(self._child.ask(**order)["requests"])

    def close(self) -> None:
        """End it."""
        self._child.close()


class Stage:
    """All endpoints, from ``with`` to its end.

    Attributes:
        home: A folder for what processes write.
        primary: Fails when told to.
        backup: Answers, and streams; for plain answers :attr:`targets` has nginx where it is.
        certificates: The file of certificates to trust.
        server: What serves where nothing has to fail: ``nginx/1.22.1``, or our own.
    """

    def __init__(self, home: Path, *, may_use_nginx: bool = True) -> None:
        self.home = home
        self._exit = contextlib.ExitStack()
        self.certificates: Path = home / "ca.pem"
        self._certificate: Path = home / "server.pem"
        self._nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if not may_use_nginx:
            self._nginx = None
        self.server = "a server of our own" if self._nginx is None else _version(self._nginx)

    def __enter__(self) -> Self:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.certificates))
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.private_key_and_cert_chain_pem.write_to_path(str(self._certificate))
        with self._exit:
            self.primary = self._endpoint(PRIMARY)
            self.backup = self._endpoint(BACKUP)
            self._ports = self._serve_plain()
            self._exit = self._exit.pop_all()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._exit.close()

    def _endpoint(self, name: str, certificate: Path | None = None) -> Endpoint:
        endpoint = Endpoint(name, self.home, certificate)
        self._exit.callback(endpoint.close)
        return endpoint

    def _serve_plain(self) -> dict[tuple[str, bool], int]:
        kinds = [(name, secure) for name in NAMES for secure in (False, True)]
        if self._nginx is None:
            return {
                (name, secure): self._endpoint(name, self._certificate if secure else None).port
                for name, secure in kinds
            }
        ports = dict(zip(kinds, _free_ports(len(kinds)), strict=True))
        servers = [
            SERVER.format(
                port=port,
                ssl=" ssl" if secure else "",
                status=200,
                body=completion(name).decode(),
            )
            for (name, secure), port in ports.items()
        ]
        configuration = self.home / "nginx.conf"
        configuration.write_text(
            NGINX.format(home=self.home, servers="".join(servers)), encoding="utf-8"
        )
        self._exit.enter_context(_running([self._nginx, "-c", str(configuration)], ports.values()))
        return ports

    def healthy(self, *, secure: bool = False) -> Targets:
        """Give endpoints that answer as fast as can be."""
        scheme = "https" if secure else "http"
        return [[f"{scheme}://127.0.0.1:{self._ports[name, secure]}", KEYS[name]] for name in NAMES]

    def failing(self) -> Targets:
        """Give the primary that fails when told to, and a backup that answers fast."""
        return [[f"http://127.0.0.1:{self.primary.port}", KEYS[PRIMARY]], self.healthy()[1]]

    def streaming(self) -> Targets:
        """Give two endpoints that stream."""
        both = ((PRIMARY, self.primary), (BACKUP, self.backup))
        return [[f"http://127.0.0.1:{each.port}", KEYS[name]] for name, each in both]


def _version(nginx: str) -> str:
    told = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True)  # noqa: S603
    found = re.search(r"nginx/[\d.]+", told.stderr)
    return found.group() if found else "nginx"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def _running(command: list[str], ports: Iterable[int]) -> Generator[None]:
    """Run a server until the end of the context; it is ready when all ports take connections."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        for port in ports:
            _wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait(10.0)


def _wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > ends:
                raise
            time.sleep(0.02)
        else:
            return


assert "'" not in completion(PRIMARY).decode() + ERROR.decode(), "nginx quotes with it"
