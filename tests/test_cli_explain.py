"""``explain``: the transport's own explanation, from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_world import agrees, run, toml

KEY = "first-secret-0001"
CONFIG = {
    "endpoint": "https://eastus.openai.azure.com",
    "api_key": KEY,
    "deployment_name": "gpt-4.1-mini",
    "backups": [
        {"endpoint": "https://westus.openai.azure.com", "deployment_name": "my-gpt"},
        {"endpoint": "https://gateway.example/apim", "api": "dated", "api_version": "2024-10-21"},
    ],
}
CHAT = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2025-01-01-preview"
CASES = {
    "a chat": [f"https://eastus.openai.azure.com{CHAT}&api-key={KEY}"],
    "a path": [CHAT],
    "v1": ["/openai/v1/chat/completions", "-d", '{"model": "gpt-4.1-mini"}'],
    "pinned by its body": ["/openai/v1/responses", "-d", '{"previous_response_id": "resp_1"}'],
    "files stay": ["/openai/v1/files", "-X", "get"],
    "a body from a file": ["/openai/v1/responses", "-d", "@body.json"],
    "a body that is not there": ["/openai/v1/responses", "-d", "@nowhere.json"],
    "another origin": ["https://example.com/x?api-key=hidden"],
    "a body that is no JSON": ["/openai/v1/responses", "-d", f"{{'key': '{KEY}'}}"],
    "no method": ["/openai/v1/models", "-X", "GET /"],
    "no URL": ["ftp://x:hidden@y"],
    "no URL at all": ["chat/completions"],
    "JSON": [CHAT, "--json"],
}


@pytest.mark.parametrize("case", CASES)
def test_it_tells_where_a_request_would_go(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fleet.toml").write_text(toml(CONFIG), "utf-8")
    Path("body.json").write_text(json.dumps({"conversation": "conv_1"}), "utf-8")
    result = run("explain", "-c", "fleet.toml", *CASES[case])
    assert KEY not in result.output
    assert "hidden" not in result.output
    agrees("explain", case, result)
