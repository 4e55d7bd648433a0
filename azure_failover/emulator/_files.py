"""Uploads and downloads of files; what else files do, they do as all resources."""

from __future__ import annotations

from azure_failover.emulator import _errors
from azure_failover.emulator._answer import Answer, json_answer, raw_answer
from azure_failover.emulator._call import CREATED, Body, Call, Route, Takes
from azure_failover.emulator._resources import status_of_creation

_COLLECTION = "files"


def upload(call: Call) -> Answer:
    """Keep the part `file`; dated URLs answer 201, v1 answers 200."""
    uploaded = next((part for part in call.request.files if part.name == "file"), None)
    if uploaded is None:
        return _errors.missing("file")
    if "purpose" not in call.body:
        return _errors.missing("purpose")
    shown: Body = {
        "id": call.store.new_id("file-", 32),
        "object": "file",
        "bytes": len(uploaded.content),
        "created_at": CREATED,
        "filename": uploaded.filename,
        "purpose": call.body["purpose"],
        "status": "processed",
    }
    call.store.keep(_COLLECTION, shown, uploaded.content)
    return json_answer(status_of_creation(call, 201), shown)


def content(call: Call) -> Answer:
    """Answer a file's bytes."""
    kept = call.store.find(_COLLECTION, call.ids[0])
    if kept is None:
        return _errors.not_found("File", call.ids[0])
    assert isinstance(kept.content, bytes)
    return raw_answer(200, "application/octet-stream", kept.content)


ROUTES = (
    Route("POST", _COLLECTION, upload, takes=Takes.FORM),
    Route("GET", f"{_COLLECTION}/{{}}/content", content),
)
