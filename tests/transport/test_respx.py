"""Users' own tests: respx mocks what lies below a mounted transport."""

from __future__ import annotations

import anyio
import httpx
import respx

from azure_failover import AsyncClient, Client

CONFIG = {
    "endpoint": "https://eastus.openai.azure.com",
    "api_key": "key-1",
    "deployment_name": "gpt",
    "backups": [{"endpoint": "https://westus.openai.azure.com", "api_key": "key-2"}],
}
ANSWER = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}


def test_respx_sees_each_attempt_at_its_own_endpoint() -> None:
    seen: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER)

    with respx.mock() as router, Client(CONFIG) as client:
        east = router.post(host="eastus.openai.azure.com").mock(
            side_effect=[httpx.ConnectTimeout, httpx.Response(200, json=ANSWER)]
        )
        router.post(host="westus.openai.azure.com").mock(side_effect=serve)
        assert client.chat("Hello").endpoint == "westus"
        client.reset()
        assert client.chat("Hello").endpoint == "eastus"
    assert east.call_count == 2
    assert [request.headers["api-key"] for request in seen] == ["key-2"]


async def async_chat() -> str:
    async with AsyncClient(CONFIG) as client:
        return (await client.chat("Hello")).endpoint


def test_respx_mocks_the_async_client_too() -> None:
    with respx.mock() as router:
        router.post(host="eastus.openai.azure.com").respond(503)
        router.post(host="westus.openai.azure.com").respond(json=ANSWER)
        assert anyio.run(async_chat) == "westus"
