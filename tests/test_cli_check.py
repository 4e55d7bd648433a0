"""``check`` at every kind of broken endpoint, over real sockets, with its output on record."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from cli_world import agrees, run, toml

from azure_failover._cli.breakdown import at_the_proxy, broken
from azure_failover._cli.surroundings import Surroundings
from azure_failover.emulator import Fleet, Recorded, RegionSpec, faults

NOT_FOUND = {"error": {"code": "404", "message": "Resource not found"}}
EMBEDDING = {
    "error": {
        "code": "OperationNotSupported",
        "message": "The chatCompletion operation does not work with the specified model.",
    }
}
FAULTS: dict[str, faults.Fault | None] = {
    "well": None,
    "refused": faults.Refuse(),
    "key refused": faults.Status(401),
    "firewall": faults.Status(403),
    "no right": faults.Status(403, body={"error": {"code": "403", "message": "No role."}}),
    "deployment missing, dated": faults.Status(404),
    "path not found": faults.Status(404, body=NOT_FOUND),
    "throttled": faults.Status(429, {"retry-after": "7"}),
    "server error": faults.Status(500),
    "bad gateway, with a web page": faults.Status(502),
    "unavailable": faults.Status(503),
    "request timeout": faults.Status(408),
    "hang": faults.Hang(),
    "garbage": faults.Garbage(),
    "web page": faults.Status(200, {"content-type": "text/html"}, "<html>Log in</html>"),
    "web page, not found": faults.Status(404, {"content-type": "text/html"}, "<html></html>"),
    "redirection": faults.Status(302, {"location": "https://login.example/?key=1"}),
    "closed": faults.CloseBeforeHeaders(),
    "reset": faults.ResetBeforeHeaders(),
    "bad JSON": faults.BadJson(),
    "broken off": faults.Truncate(3),
    "hang in the body": faults.HangInBody(3),
    "hang, drop by drop": faults.Drip(1.0),
    "JSON of something else": faults.Status(404, body={"detail": "Not Found"}),
    "answers anything": faults.Status(200, body={"choices": []}),
    "no chat model": faults.Status(400, body=EMBEDDING),
    "another 4xx": faults.Status(424),
}


def written(path: Path, config: Mapping[str, Any]) -> str:
    file = path / "fleet.toml"
    file.write_text(toml(config), "utf-8")
    return str(file)


@pytest.mark.parametrize("case", FAULTS)
def test_every_kind_of_broken_endpoint_is_told_apart(case: str, tmp_path: Path) -> None:
    with Fleet(["eastus"]) as fleet:
        config = written(tmp_path, fleet.config())
        fleet["eastus"].fault = FAULTS[case]
        patience = "1.5" if "hang" in case else "30"
        agrees("check", case, run("check", "-c", config, "--timeout", patience))


SPECS: dict[str, tuple[RegionSpec, Mapping[str, Any]]] = {
    "deployment missing, v1": (
        RegionSpec("eastus", api="v1"),
        {"deployment_name": "gpt-9", "api": "v1"},
    ),
    "well, v1": (RegionSpec("eastus", api="v1"), {}),
    "v1 only": (RegionSpec("eastus", api="v1"), {"api": "any"}),
    "dated only": (RegionSpec("eastus", api="dated"), {"api": "v1"}),
    "api-version refused": (RegionSpec("eastus"), {"api_version": "latest"}),
    "the client's own key": (RegionSpec("eastus"), {"api_key": None, "auth": "client"}),
    "gateway": (RegionSpec("apim", prefix="/x", key_header="Ocp-Apim-Subscription-Key"), {}),
    "gateway, wrong header": (
        RegionSpec("apim", key_header="Ocp-Apim-Subscription-Key"),
        {"key_header": "api-key"},
    ),
}


@pytest.mark.parametrize("case", SPECS)
def test_what_is_configured_wrongly_is_told(case: str, tmp_path: Path) -> None:
    spec, changes = SPECS[case]
    with Fleet([spec]) as fleet:
        config = {**fleet.config(), **changes}
        config = {key: value for key, value in config.items() if value is not None}
        agrees("check", case, run("check", "-c", written(tmp_path, config)))


def test_an_unknown_version_that_is_not_found_is_told_from_a_wrong_path(tmp_path: Path) -> None:
    """Azure says 404, Resource not found, to a version that it does not know."""

    def choose(request: Recorded) -> faults.RequestFault | None:
        is_new = request.api_version == "2031-01-01"
        return faults.Status(404, body=NOT_FOUND) if is_new else None

    with Fleet(["eastus"]) as fleet:
        fleet["eastus"].fault = faults.Scripted(choose)
        config = written(tmp_path, {**fleet.config(), "api_version": "2031-01-01"})
        agrees("check", "api-version not found", run("check", "-c", config))


def no_such_name(host: str, port: int) -> object:
    raise socket.gaierror(socket.EAI_NONAME, f"{host}:{port} is not known")


def test_a_host_that_is_not_known_is_told(tmp_path: Path) -> None:
    config = {"endpoint": "https://nosuch.example", "api_key": "k1-secret", "deployment_name": "d"}
    result = run("check", "-c", written(tmp_path, config), obj=Surroundings(resolve=no_such_name))
    agrees("check", "unknown host", result)


def test_a_look_up_that_never_ends_is_cut(tmp_path: Path) -> None:
    ended = threading.Event()

    def wait(_: str, __: int) -> object:
        return ended.wait(60)

    config = {"endpoint": "https://slow.example", "api_key": "k1-secret", "deployment_name": "d"}
    file = written(tmp_path, config)
    result = run("check", "-c", file, "--timeout", "0.1", obj=Surroundings(resolve=wait))
    ended.set()
    agrees("check", "DNS hangs", result)


@pytest.mark.parametrize("how", ["alert", "close", "reset"])
def test_a_handshake_that_breaks_is_told(how: Any, tmp_path: Path) -> None:
    with Fleet(["eastus"], tls=True) as fleet:
        authority = tmp_path / "ca.pem"
        authority.write_bytes(fleet.ca_pem)
        config = written(tmp_path, fleet.config())
        fleet["eastus"].fault = faults.TlsBroken(how)
        result = run("check", "-c", config, SSL_CERT_FILE=str(authority))
        agrees("check", f"TLS broken: {how}", result)
        fleet.heal()
        result = run("check", "-c", config, SSL_CERT_FILE=str(authority))
        agrees("check", "well, TLS", result)


def test_an_authority_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    with Fleet(["eastus"], tls=True) as fleet:
        agrees(
            "check", "certificate: authority", run("check", "-c", written(tmp_path, fleet.config()))
        )


def test_a_port_without_tls_is_told(tmp_path: Path) -> None:
    with Fleet(["eastus"]) as fleet:
        url = fleet["eastus"].url.replace("http://", "https://")
        config = written(tmp_path, {**fleet.config(), "endpoint": url})
        agrees("check", "no TLS at this port", run("check", "-c", config))


@contextmanager
def tls_server(certificate: trustme.LeafCert) -> Generator[int]:
    """Shake hands with whoever comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


CERTIFICATES: dict[str, Callable[[trustme.CA], trustme.LeafCert]] = {
    "certificate: another host": lambda ca: ca.issue_cert("other.example"),
    "certificate: expired": lambda ca: ca.issue_cert(
        "localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC)
    ),
}


@pytest.mark.parametrize("case", CERTIFICATES)
def test_what_is_wrong_with_a_certificate_is_named(case: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with tls_server(CERTIFICATES[case](authority)) as port:
        address = f"https://localhost:{port}"
        config = {"endpoint": address, "api_key": "k1-secret", "deployment_name": "d"}
        file = written(tmp_path, {**config, "name": "mine"})
        result = run("check", "-c", file, SSL_CERT_FILE=str(tmp_path / "ca.pem"))
        agrees("check", case, result)


def test_the_probe_costs_nothing(tmp_path: Path) -> None:
    with Fleet(["eastus"]) as fleet:
        assert run("check", "-c", written(tmp_path, fleet.config())).exit_code == 0
        (request,) = fleet.requests
        assert (request.method, request.route) == ("POST", "chat/completions")
        assert "messages" not in (request.json() or {})


def test_a_key_that_is_inherited_wrongly_is_told(tmp_path: Path) -> None:
    with Fleet(["eastus", "westus"]) as fleet:
        config = fleet.config()
        del config["backups"][0]["api_key"]
        agrees("check", "inherited key refused", run("check", "-c", written(tmp_path, config)))
        result = run("check", "-c", written(tmp_path, config), "westus")
        agrees("check", "one endpoint by name", result)
        result = run("check", "-c", written(tmp_path, config), "nowhere")
        agrees("check", "an unknown name", result)


def test_two_endpoints_that_answer_from_one_region_are_told(tmp_path: Path) -> None:
    with Fleet(["a", "b"]) as fleet:
        for region in fleet:
            region.fault = faults.Status(400, {"x-ms-region": "East US"}, {"error": {"code": "x"}})
        agrees("check", "one region", run("check", "-c", written(tmp_path, fleet.config())))


def test_the_environment_is_checked_by_default() -> None:
    with Fleet(["eastus", "westus"]) as fleet:
        east, west = fleet
        result = run(
            "check",
            AZURE_OPENAI_ENDPOINT=east.endpoint,
            AZURE_OPENAI_KEY=east.api_key,
            AZURE_OPENAI_DEPLOYMENT=east.deployment_name,
            AZURE_OPENAI_BACKUP_1_ENDPOINT=west.endpoint,
            AZURE_OPENAI_BACKUP_1_KEY=west.api_key,
        )
        agrees("check", "the environment", result)


def test_json_says_the_same(tmp_path: Path) -> None:
    with Fleet(["eastus", "westus"]) as fleet:
        fleet["westus"].fault = faults.Status(401)
        result = run("check", "-c", written(tmp_path, fleet.config()), "--json")
        assert [each["well"] for each in json.loads(result.output)["endpoints"]] == [True, False]
        agrees("check", "JSON", result)


UNKNOWN_LIMIT = {
    "error": {
        "message": "Unrecognized request argument supplied: max_completion_tokens",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
}
UNFINISHED = {
    "error": {
        "message": "Could not finish the message because max_tokens or model output limit was "
        "reached. Please try again with higher max_tokens.",
        "type": "invalid_request_error",
    }
}
REFUSED = {"error": {"message": "Unsupported value: 'messages'.", "code": "unsupported_value"}}


def only_old(request: Recorded) -> faults.RequestFault | None:
    is_new = "max_completion_tokens" in (request.json() or {})
    return faults.Status(400, body=UNKNOWN_LIMIT) if is_new else None


def only_new(request: Recorded) -> faults.RequestFault | None:
    body: dict[str, Any] = request.json() or {}
    is_old = "max_tokens" in body or "temperature" in body
    return faults.Status(400, body=REFUSED) if is_old else None


CHATS: dict[str, faults.Fault | None] = {
    "chat": None,
    "chat, an old model": faults.Scripted(only_old),
    "chat, a reasoning model": faults.Scripted(only_new),
    "chat, unfinished": faults.Status(400, body=UNFINISHED),
    "chat, filtered": faults.Status(400),
    "chat, refused": faults.Status(400, body=REFUSED),
    "chat, no chat model": faults.Status(400, body=EMBEDDING),
    "chat, bad JSON": faults.BadJson(),
    "chat, no deployment": faults.Status(404),
}


@pytest.mark.parametrize("case", CHATS)
def test_a_real_chat_works_on_every_kind_of_model(case: str, tmp_path: Path) -> None:
    with Fleet(["eastus"]) as fleet:
        fleet["eastus"].fault = CHATS[case]
        agrees("check", case, run("check", "--chat", "-c", written(tmp_path, fleet.config())))


@pytest.mark.parametrize(
    ("step", "error", "told"),
    [
        ("dns", OSError(), "DNS: the host name is not known"),
        ("tcp", httpx.ConnectTimeout(""), "no connection within 3 s"),
        ("tcp", httpx.ConnectError(""), "the host cannot be reached"),
        ("tcp", ConnectionResetError(), "the connection was reset"),
        ("tls", httpx.ConnectTimeout(""), "TLS: no handshake within 3 s"),
        ("tls", ssl.SSLEOFError(), "TLS: the connection was closed during the handshake"),
        ("answer", httpx.ReadTimeout(""), "no answer within 3 s"),
        ("answer", httpx.ReadError(""), "the connection was reset before an answer"),
        ("tcp", httpx.ProxyError("407 Who\x1b are you?"), "the proxy refused: 407 Who are you?"),
    ],
)
def test_each_way_to_break_has_its_words(step: Any, error: Exception, told: str) -> None:
    found = broken(step, error, 3.0)
    assert found.what == told
    assert found.remedy


def test_a_proxy_that_refuses_is_told(tmp_path: Path) -> None:
    """The proxy here is a region, which opens no tunnels."""
    with Fleet(["proxy"]) as fleet:
        config = {"endpoint": "https://e.example", "api_key": "k1-secret", "deployment_name": "d"}
        file, proxy = written(tmp_path, config), fleet["proxy"].url
        result = run("check", "-c", file, HTTPS_PROXY=proxy, https_proxy=proxy, NO_PROXY="")
        agrees("check", "the proxy refuses", result)


def test_a_proxy_is_used_and_named(tmp_path: Path) -> None:
    """The proxy here is a region: it knows nothing of other hosts, and says so."""
    with Fleet(["proxy"]) as fleet:
        config = {
            "endpoint": "http://eastus.example",
            "allow_insecure": True,
            "api_key": "key-proxy",
            "deployment_name": "gpt-4.1-mini",
        }
        file = written(tmp_path, config)
        proxy = fleet["proxy"].url.replace("//", "//user:hidden@")
        result = run("check", "-c", file, HTTP_PROXY=proxy, http_proxy=proxy, NO_PROXY="")
        assert len(fleet.requests) >= 1
        assert "hidden" not in result.output
        agrees("check", "through a proxy", result)


def test_a_proxy_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    """And not as if the endpoint were."""
    with Fleet(["proxy"]) as fleet:
        fleet["proxy"].fault = faults.Refuse()
        proxy = fleet["proxy"].url
        config = {"endpoint": "https://e.example", "api_key": "k1-secret", "deployment_name": "d"}
        file = written(tmp_path, config)
        result = run("check", "-c", file, HTTPS_PROXY=proxy, https_proxy=proxy, NO_PROXY="")
        agrees("check", "the proxy is down", result)


def test_behind_a_proxy_only_its_own_connection_is_its_fault() -> None:
    found = broken("tcp", socket.gaierror(-2, "Name or service not known"), 3.0)
    assert at_the_proxy("tcp", found).what == "at the proxy: DNS: the host name is not known"
    assert at_the_proxy("tls", found) is found
    assert at_the_proxy("answer", found) is found


@pytest.mark.parametrize(
    ("case", "variables"),
    [
        ("no such file of certificates", {"SSL_CERT_FILE": "nowhere.pem"}),
        ("a file without certificates", {"SSL_CERT_FILE": __file__}),
        ("a SOCKS proxy", {"HTTPS_PROXY": "socks5://user:hidden@p.example"}),
        ("a proxy of no kind", {"HTTPS_PROXY": "ftp://user:hidden@p.example"}),
    ],
)
@pytest.mark.parametrize("command", ["check", "watch --count 1"])
def test_surroundings_that_cannot_be_used_are_told_in_a_line(
    case: str,
    variables: dict[str, str],
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {"endpoint": "https://e.example", "api_key": "k1-secret", "deployment_name": "d"}
    for name, value in {"NO_PROXY": "", **variables}.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)
    result = run(*command.split(), "-c", written(tmp_path, config), NO_PROXY="")
    assert "hidden" not in result.output
    agrees("check", case, result)


@pytest.mark.parametrize("columns", ["80", "120"])
def test_names_that_begin_alike_are_told_apart(columns: str, tmp_path: Path) -> None:
    names = [f"contoso-openai-prod-{region}" for region in ("eastus", "westus", "eastus2")]
    with Fleet(["Switzerland North", "West US", "x"], api_key="k1-secret") as fleet:
        config = fleet.config()
        tables = [config, *config["backups"]]
        for table, name in zip(tables, names, strict=True):
            table["name"] = name
        result = run("check", "-c", written(tmp_path, config), COLUMNS=columns)
        assert max(map(len, result.output.splitlines())) <= int(columns)
        agrees("check", f"long names, {columns} columns", result, is_log=True)
