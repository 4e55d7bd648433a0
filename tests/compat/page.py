"""Turn the results of ``run.py`` into a table, and keep docs/compatibility.md in step.

``python tests/compat/page.py [--write] results...`` prints the table; ``--write`` puts it into the
page, together with the snippets, which are the bodies of the functions that mount the transport;
without results, it renews the snippets alone.
Imports nothing but the standard library.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "compatibility.md"
TABLE = re.compile(r"(?<=<!-- measured by nox -s compat -->\n).*?(?=<!-- end -->)", re.DOTALL)
SNIPPET = re.compile(
    r"(?P<mark><!-- not run by the tests of the docs: (?P<module>\w+)\.(?P<function>\w+) -->\n)"
    r"```python\n.*?```",
    re.DOTALL,
)
COLUMNS = {
    "chat": "chat",
    "stream": "chat, streamed",
    "embed": "embeddings",
    "responses": "responses",
    "responses_stream": "responses, streamed",
    "transcription": "transcription",
}


class Result(TypedDict):
    """What ``run.py`` writes for one file ``sdk_*.py``."""

    module: str
    versions: dict[str, str]
    retries: str
    family: str
    outcomes: dict[str, dict[str, str]]


def table(results: Iterable[Result]) -> str:
    """Give the table as Markdown: a row for each SDK, HTTP family and kind of URL."""
    head = ["SDK", "openai", "HTTP", "URLs", *COLUMNS.values(), "all down by 503"]
    rows = [head, [], *(row(result, urls) for result in results for urls in result["outcomes"])]
    widths = [max(len(each[i]) for each in rows if each) for i in range(len(head))]
    rows[1] = ["-" * width for width in widths]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True))
        for each in rows
    ]
    return "".join(f"| {line} |\n" for line in lines)


def row(result: Result, urls: str) -> list[str]:
    """Give one row's cells."""
    sdk, *_ = result["versions"]
    outcomes = result["outcomes"][urls]
    down = cell(outcomes, "all_down")
    if "failed" not in down:
        down = f"once each, {result['retries']}" if result["retries"] else "once each"
    named = f"{sdk} {result['versions'][sdk]}"
    kinds = [cell(outcomes, kind) for kind in COLUMNS]
    return [named, result["versions"]["openai"], result["family"], urls, *kinds, down]


def cell(outcomes: Mapping[str, str], kind: str) -> str:
    """Tell in which modes a capability works."""
    by_mode = {mode: outcomes.get(f"{kind}_{mode}", "missing") for mode in ("sync", "async")}
    failed = [mode for mode, outcome in by_mode.items() if outcome.startswith("failed")]
    if failed:
        return f"failed: {', '.join(failed)}"
    return ", ".join(mode for mode, outcome in by_mode.items() if outcome == "ok") or "no"


def notes(results: Iterable[Result]) -> str:
    """List why capabilities are missing, once for each SDK and reason."""
    lines = {
        f"- {next(iter(result['versions']))}: {outcome.removeprefix('missing: ')}.\n": None
        for result in results
        for outcomes in result["outcomes"].values()
        for outcome in outcomes.values()
        if outcome.startswith("missing: ") and outcome != "missing: "
    }
    return "".join(lines)


def failures(results: Iterable[Result]) -> list[str]:
    """List what failed."""
    return [
        f"{result['module']}, {urls}, {case}: {outcome}"
        for result in results
        for urls, outcomes in result["outcomes"].items()
        for case, outcome in outcomes.items()
        if outcome.startswith("failed")
    ]


def snippet(source: str, function: str) -> str:
    """Give a function's body without its last line, the return, after the imports it needs."""
    tree = ast.parse(source)
    [found] = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    used = {node.id for node in ast.walk(found) if isinstance(node, ast.Name)}
    imports = [text for node in tree.body if (text := import_of(node, used))]
    body = source.splitlines()[found.body[0].lineno - 1 : found.body[-1].lineno - 1]
    return "\n".join([*imports, "", *(line.removeprefix("    ") for line in body), ""])


def import_of(node: ast.stmt, used: Iterable[str]) -> str:
    """Give the part of an import statement that binds used names; empty if there is none."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return ""
    names = [each for each in node.names if (each.asname or each.name) in used]
    if not names:
        return ""
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(names))
    line = ast.unparse(ast.ImportFrom(node.module, names, 0))
    if len(line) <= 88:
        return line
    listed = "".join(f"    {each.name},\n" for each in names)
    return f"from {node.module} import (\n{listed})"


def with_snippets(page: str) -> str:
    """Renew the page's snippets from the files ``sdk_*.py``."""

    def renewed(match: re.Match[str]) -> str:
        source = (HERE / f"{match['module']}.py").read_text("utf-8")
        return f"{match['mark']}```python\n{snippet(source, match['function'])}```"

    return SNIPPET.sub(renewed, page)


def main(arguments: Sequence[str]) -> int:
    """Print the table, write the page if asked to, and give the exit code."""
    paths = [Path(each) for each in arguments if each != "--write"]
    absent = [path.stem for path in paths if not path.exists()]
    results: list[Result] = [json.loads(path.read_text("utf-8")) for path in paths if path.exists()]
    measured = table(results) + "\n" + notes(results)
    wrong = [*failures(results), *(f"{name}: gave no result" for name in absent)]
    sys.stdout.write("\n" + measured + "\n")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    if "--write" in arguments and not wrong:
        page = with_snippets(PAGE.read_text("utf-8"))
        PAGE.write_text(TABLE.sub(lambda _: measured, page) if results else page, "utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
