"""What an answer to a probe tells about key, deployment and version. No I/O.

The tables follow Azure's error bodies; an answer in no form of Azure's is told as such, and
nothing of it is quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from azure_failover._cli.report import Mark
from azure_failover.core.credentials import MASK

_QUOTED: Final = 160
"""Characters of an error message that are shown."""
_VERSION_WORDS: Final = re.compile(r"api[- ]?version", re.IGNORECASE)
_NO_DEPLOYMENT: Final = re.compile(
    r"deployment.* does not exist|existing deployment", re.IGNORECASE
)
_UNKNOWN_LIMIT: Final = re.compile(r"max_completion_tokens")
_FIREWALL: Final = re.compile(r"virtual network|firewall|private endpoint", re.IGNORECASE)
_UNFINISHED: Final = re.compile(r"could not finish", re.IGNORECASE)
_MISSING_KEY: Final = re.compile(r"missing subscription key", re.IGNORECASE)
_PORTAL: Final = "the resource's page 'Keys and Endpoint'"


@attrs.frozen(kw_only=True)
class Answer:
    """An answer as it came.

    Attributes:
        status: The HTTP status.
        headers: Its headers, names in lower case.
        body: The first part of its body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen(kw_only=True)
class Diagnosis:
    """What an answer tells.

    Attributes:
        auth: Whether the credential was accepted.
        deployment: Whether the deployment exists.
        version: Whether the api-version was accepted.
        problem: What is wrong; None if nothing is.
        remedy: What to do about it.
        notes: What else is worth knowing.
        asks_version: Whether another api-version may do better.
        asks_limit: Whether the model wants its limit under the older name.
    """

    auth: Mark = Mark.UNKNOWN
    deployment: Mark = Mark.UNKNOWN
    version: Mark = Mark.UNKNOWN
    problem: str | None = None
    remedy: str = ""
    notes: tuple[str, ...] = ()
    asks_version: bool = False
    asks_limit: bool = False


_WELL: Final = Diagnosis(auth=Mark.OK, deployment=Mark.OK, version=Mark.OK)


@attrs.frozen(kw_only=True)
class Asked:
    """Whom the answer is about.

    Attributes:
        deployment: The deployment that was asked for.
        version: The api-version that was asked for; None for v1.
        is_chat: Whether it was a real chat.
        is_keyed: Whether a key was sent.
        inherits_key: Whether that is the primary's key.
        key: The key; it is masked in whatever the endpoint says.
    """

    deployment: str
    version: str | None
    is_chat: bool
    is_keyed: bool
    inherits_key: bool
    key: str = attrs.field(repr=False)


def plain(text: str, key: str) -> str:
    """Make a text of a server fit to be shown: in one line, without the key, not too long."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    shown = " ".join(shown.split())
    shown = shown.replace(key, MASK) if key else shown
    if len(shown) > _QUOTED:
        return shown[: _QUOTED - 3].rpartition(" ")[0].rstrip(" .,;:") + "..."
    return shown


@attrs.frozen
class _Error:
    """Azure's error envelope."""

    code: str
    message: str
    type: str


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        parsed: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return cast("Mapping[str, Any]", parsed) if isinstance(parsed, dict) else None


def _error(found: Mapping[str, Any] | None) -> _Error | None:
    """Read ``{"error": {…}}``, or the ``{"statusCode": …, "message": …}`` of a gateway."""
    if found is None:
        return None
    error: object = found.get("error")
    fields = cast("Mapping[str, Any]", error) if isinstance(error, dict) else None
    if fields is None and "statusCode" in found:
        fields = {"code": found["statusCode"], "message": found.get("message")}
    if fields is None:
        return None
    code, message, kind = (fields.get(name) for name in ("code", "message", "type"))
    return _Error(str(code or ""), str(message or ""), str(kind or ""))


def diagnose(answer: Answer, asked: Asked) -> Diagnosis:
    """Say what an answer tells."""
    found = _object(answer.body)
    error = _error(found)
    status = answer.status
    if status < 400:  # noqa: PLR2004  (the end of the successes and redirections)
        return _diagnose_success(answer, found, asked)
    if status >= 500:  # noqa: PLR2004
        return _told(status, error, asked, "the region is in trouble: look at Azure's status page")
    if status == 429:  # noqa: PLR2004
        wait = answer.headers.get("retry-after", "")
        seconds = f" for {wait} s" if wait.isdigit() else ""
        said = f"429: throttled{seconds}" + _quoted(error, asked)
        return Diagnosis(auth=Mark.OK, problem=said, remedy="wait, or raise the quota")
    if error is None:
        return _not_azure(answer)
    return _diagnose_refusal(status, error, asked)


def _diagnose_refusal(status: int, error: _Error, asked: Asked) -> Diagnosis:
    match status:
        case 401:
            return _refused_key(error, asked)
        case 403:
            return _forbidden(error, asked)
        case 408:
            return _told(status, error, asked, "try again; the region may be in trouble")
        case 404 | 400 if _is_no_deployment(error):
            what = f"{status}: there is no deployment {asked.deployment!r}"
            advice = "look at the resource's page 'Deployments'; a new one takes some minutes"
            return attrs.evolve(_WELL, deployment=Mark.WRONG, problem=what, remedy=advice)
        case 404:
            what = "404: nothing is found at this path" + _quoted(error, asked)
            advice = "check endpoint, api_version and api"
            return Diagnosis(problem=what, remedy=advice, asks_version=True)
        case 400 if asked.version and _VERSION_WORDS.search(error.message):
            what = f"400: the api-version {asked.version} is not accepted"
            return Diagnosis(
                version=Mark.WRONG,
                problem=what,
                remedy="give another api_version, or leave it out",
                asks_version=True,
            )
        case 400 | 422:
            return _diagnose_bad_request(status, error, asked)
        case _:
            return _told(status, error, asked, "ask who runs this address")


def _diagnose_bad_request(status: int, error: _Error, asked: Asked) -> Diagnosis:
    """The key, the version and the deployment are right; only the request is not."""
    if error.code == "OperationNotSupported":
        note = f"{asked.deployment} takes no chat requests"
        problem = f"{status}: {note}" if asked.is_chat else None
        advice = "give the deployment of a chat model"
        notes = () if problem else (note,)
        return attrs.evolve(_WELL, problem=problem, remedy=advice, notes=notes)
    if not asked.is_chat or error.code == "content_filter":
        return _WELL
    if _UNFINISHED.search(error.message):
        return attrs.evolve(_WELL, notes=("the model thought until its limit, and did not reply",))
    is_limit = _UNKNOWN_LIMIT.search(error.message) is not None
    told = _told(status, error, asked, "the model refuses a plain chat: look at its documentation")
    return attrs.evolve(_WELL, problem=told.problem, remedy=told.remedy, asks_limit=is_limit)


def _is_no_deployment(error: _Error) -> bool:
    return error.code in ("DeploymentNotFound", "model_not_found") or (
        _NO_DEPLOYMENT.search(error.message) is not None
    )


def _refused_key(error: _Error, asked: Asked) -> Diagnosis:
    if not asked.is_keyed:
        note = 'the key is the client\'s own (auth = "client"), and was not checked'
        return Diagnosis(auth=Mark.NONE, notes=(note,))
    whose = "the primary's key" if asked.inherits_key else "the key"
    advice = f"give the key from {_PORTAL}"
    if asked.inherits_key:
        advice += " as this backup's api_key"
    if _MISSING_KEY.search(error.message):
        advice = "a gateway wants it in another header: give key_header, or another key_header"
    what = f"401: {whose} is not accepted" + _quoted(error, asked)
    return Diagnosis(auth=Mark.WRONG, problem=what, remedy=advice)


def _forbidden(error: _Error, asked: Asked) -> Diagnosis:
    advice = "look at the resource's access control: the key or the identity has no right to this"
    if _FIREWALL.search(error.message):
        advice = "add this machine to the resource's page 'Networking', or use its private endpoint"
    what = "403: not allowed" + _quoted(error, asked)
    return Diagnosis(auth=Mark.WRONG, problem=what, remedy=advice)


def _diagnose_success(answer: Answer, found: Mapping[str, Any] | None, asked: Asked) -> Diagnosis:
    if answer.status >= 300 or found is None or answer.status < 200:  # noqa: PLR2004
        return _not_azure(answer)
    if not isinstance(found.get("choices"), list):
        return _not_azure(answer)
    if not asked.is_chat:
        what = f"{answer.status}: a request without messages was answered as if it were one"
        return Diagnosis(problem=what, remedy="check endpoint: this is not Azure OpenAI itself")
    return attrs.evolve(_WELL, notes=(_reply(found, asked),))


def _reply(found: Mapping[str, Any], asked: Asked) -> str:
    """Say what the model replied and what it cost."""
    try:
        text = str(found["choices"][0]["message"]["content"] or "")
        tokens = f", {int(found['usage']['total_tokens'])} tokens"
    except (LookupError, TypeError, ValueError):
        text, tokens = "", ""
    return f"replied {plain(text, asked.key)!r}{tokens}"


def _told(status: int, error: _Error | None, asked: Asked, remedy: str) -> Diagnosis:
    return Diagnosis(problem=f"answered {status}" + _quoted(error, asked), remedy=remedy)


def _quoted(error: _Error | None, asked: Asked) -> str:
    said = "" if error is None else plain(error.message.strip().rstrip("."), asked.key)
    return f": {said}" if said else ""


def _not_azure(answer: Answer) -> Diagnosis:
    """Tell of an answer that is none of Azure OpenAI's, without quoting it."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status // 100 == 3:  # noqa: PLR2004  (a redirection)
        what = f"answered {answer.status}, a redirection, which Azure OpenAI never sends"
    elif kind == "text/html" or answer.body.lstrip()[:1] == b"<":
        what = f"answered {answer.status} with a web page"
    elif _object(answer.body) is None:
        what = f"answered {answer.status} with what is not JSON"
    else:
        what = f"answered {answer.status} with JSON that Azure OpenAI never sends"
    advice = "check endpoint; or a proxy, a firewall or a log-in page stands in between"
    return Diagnosis(problem=what, remedy=advice)
