"""Audio and images: forms in, texts and pictures out. Pure and deterministic."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from azure_failover.emulator import _errors
from azure_failover.emulator._answer import Answer, chunked_answer, json_answer, raw_answer
from azure_failover.emulator._call import CREATED, Call, Needs, Route, Takes
from azure_failover.emulator._said import pieces, tokens

if TYPE_CHECKING:
    from azure_failover.emulator._form import FilePart

_MOST_IMAGES: Final = 10
_SECONDS: Final = 1.0

_PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""One pixel."""

_SOUNDS: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


def transcribe(call: Call) -> Answer:
    """Answer `<region>: <filename>` in the format that is asked for."""
    sound = _file(call, "file")
    if sound is None:
        return _errors.missing("file")
    text = f"{call.region.name}: {sound.filename}"
    form = str(call.body.get("response_format", "json"))
    match form:
        case "json":
            return json_answer(200, {"text": text})
        case "verbose_json":
            task = "translate" if call.request.route == "audio/translations" else "transcribe"
            return json_answer(200, _verbose(task, text))
        case "text" | "srt" | "vtt":
            plain = {
                "text": text,
                "srt": f"1\n{_SRT}\n{text}\n",
                "vtt": f"WEBVTT\n\n{_VTT}\n{text}\n",
            }
            return raw_answer(200, "text/plain; charset=utf-8", f"{plain[form]}\n".encode())
        case _:
            return _errors.invalid_request(f"'{form}' is no response_format.", "response_format")


_SRT: Final = "00:00:00,000 --> 00:00:01,000"
_VTT: Final = "00:00:00.000 --> 00:00:01.000"


def _verbose(task: str, text: str) -> dict[str, object]:
    segment: dict[str, object] = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": _SECONDS,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }
    return {
        "task": task,
        "language": "english",
        "duration": _SECONDS,
        "text": text,
        "segments": [segment],
    }


def speak(call: Call) -> Answer:
    """Answer bytes that are no sound: `<region>: <input>`, under the type that is asked for.

    They are sent in chunks, a word in each.
    """
    said = call.body.get("input")
    if not isinstance(said, str):
        return _errors.missing("input")
    sound = _SOUNDS.get(str(call.body.get("response_format", "mp3")))
    if sound is None:
        return _errors.invalid_request("There is no such response_format.", "response_format")
    parts = pieces(f"{call.region.name}: {said}", call.pieces)
    return chunked_answer(sound, (part.encode("utf-8", "replace") for part in parts))


def generate(call: Call) -> Answer:
    """Answer pictures of one pixel, as base64 unless an address is asked for."""
    prompt = call.body.get("prompt")
    if not isinstance(prompt, str):
        return _errors.missing("prompt")
    wanted = str(call.body.get("n", 1))
    if not wanted.isdecimal() or not 1 <= int(wanted) <= _MOST_IMAGES:
        return _errors.invalid_request(f"'n' is {wanted}: expected 1 to {_MOST_IMAGES}.", "n")
    picture: dict[str, object] = {"revised_prompt": f"{call.region.name}: {prompt}"}
    if call.body.get("response_format") == "url":
        picture["url"] = f"https://{call.region.name}.images.invalid/{call.request.number}.png"
    else:
        picture["b64_json"] = base64.b64encode(_PNG).decode()
    asked = tokens(prompt)
    usage = {
        "input_tokens": asked,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": asked},
        "output_tokens": int(wanted),
        "total_tokens": asked + int(wanted),
    }
    return json_answer(200, {"created": CREATED, "data": [picture] * int(wanted), "usage": usage})


def edit(call: Call) -> Answer:
    """Answer as for a new picture; there must be one to edit."""
    image = _file(call, "image") or _file(call, "image[]")
    return _errors.missing("image") if image is None else generate(call)


def _file(call: Call, name: str) -> FilePart | None:
    return next((part for part in call.request.files if part.name == name), None)


ROUTES = (
    Route("POST", "audio/transcriptions", transcribe, Needs.DEPLOYMENT, Takes.FORM),
    Route("POST", "audio/translations", transcribe, Needs.DEPLOYMENT, Takes.FORM),
    Route("POST", "audio/speech", speak, Needs.DEPLOYMENT, Takes.OBJECT),
    Route("POST", "images/generations", generate, Needs.DEPLOYMENT, Takes.OBJECT),
    Route("POST", "images/edits", edit, Needs.DEPLOYMENT, Takes.FORM),
)
