"""Sessions and client secrets of the Realtime API, over HTTP alone."""

from __future__ import annotations

from azure_failover.emulator._answer import Answer, json_answer
from azure_failover.emulator._call import CREATED, Body, Call, Needs, Route, Takes, as_body

_LIFETIME = 60


def client_secret(call: Call) -> Answer:
    """Answer a secret for the session that the body describes."""
    session: Body = {
        "type": "realtime",
        **as_body(call.body.get("session")),
        "id": call.store.new_id("sess_", 20),
        "object": "realtime.session",
        "model": call.deployment,
    }
    return json_answer(200, {**_secret(call), "session": session})


def session(call: Call) -> Answer:
    """Answer a session with a secret in it."""
    return json_answer(
        200,
        {
            **call.body,
            "id": call.store.new_id("sess_", 20),
            "object": "realtime.session",
            "model": call.deployment,
            "client_secret": _secret(call),
        },
    )


def _secret(call: Call) -> Body:
    return {"value": call.store.new_id("ek_", 32), "expires_at": CREATED + _LIFETIME}


ROUTES = (
    Route("POST", "realtime/client_secrets", client_secret, Needs.MODEL, Takes.OBJECT),
    Route("POST", "realtime/sessions", session, Needs.MODEL, Takes.OBJECT),
)
