"""How to test, type, lint, benchmark and show this project. ``nox -l`` lists the sessions."""

from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["tests", "lint", "types"]
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13"]
CODE = ("azure_failover", "tests", "benchmarks", "docs", "noxfile.py")


def install(session: nox.Session, *groups: str, editable: bool = False) -> None:
    """Install the package with all extras, and the dependency groups."""
    package = ".[httpx2,cli,emulator]"
    packages = ("-e", package) if editable else (package,)
    session.install("-q", *packages, *nox.project.dependency_groups(PYPROJECT, *groups))


def run_tests(session: nox.Session, **environment: str) -> None:
    """Run pytest; keep its rewritten modules, which every worker would make anew."""
    install(session, "tests", editable=True)
    arguments = session.posargs or ["-n", "4", "-q"]
    session.run("pytest", *arguments, env={"PYTHONDONTWRITEBYTECODE": "", **environment})


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite on the Python that runs nox."""
    run_tests(session)


@nox.session
def tests_thorough(session: nox.Session) -> None:
    """The whole suite, each property with ten times as many examples."""
    run_tests(session, HYPOTHESIS_PROFILE="thorough")


@nox.session(python=PYTHONS)
def tests_all(session: nox.Session) -> None:
    """The whole suite on every supported Python."""
    run_tests(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """The suite with branch coverage; the core's must be complete."""
    install(session, "tests", editable=True)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-q", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")
    session.run("coverage", "report", "--include=azure_failover/core/*", "--fail-under=100")


@nox.session
def soak(session: nox.Session) -> None:
    """The state machines for a million steps; ``-- --steps 100000 --seed 7`` fewer, or others."""
    install(session, "tests", editable=True)
    session.run("python", "tests/core/soak.py", *session.posargs)


@nox.session
def compat(session: nox.Session) -> None:
    """Real calls through SDKs, in an environment each; ``-- openai3 …`` some, ``--write`` docs."""
    sdks = nox.project.load_toml("tests/compat/sdks.toml")
    chosen = [each for each in session.posargs if not each.startswith("-")]
    options = [each for each in session.posargs if each.startswith("-")]
    if unknown := set(chosen).difference(sdks):
        session.error(f"there is no {', '.join(sorted(unknown))}; there is {', '.join(sdks)}")
    if unknown := set(options).difference({"--write"}):
        session.error(f"there is no option {', '.join(sorted(unknown))}; there is --write")
    if chosen and options:
        session.error("--write writes the whole table: name no SDK")
    results: list[Path] = []
    for name in chosen or sdks:
        sdk = sdks[name]
        home = Path(session.virtualenv.location, "sdks", name)
        python = str(home / "bin" / "python")
        if not Path(python).exists():
            session.run("python", "-m", "venv", str(home))
        pip = (python, "-m", "pip", "install", "-q", ".[httpx2,emulator]", *sdk["requires"])
        session.run(*pip, external=True, success_codes=range(3))
        for module in sdk["modules"]:
            results.append(home / f"{module}.json")
            results[-1].unlink(missing_ok=True)
            script = ("tests/compat/run.py", module, str(results[-1]), *sdk["shows"])
            session.run(python, *script, external=True, success_codes=range(2))
    session.run("python", "tests/compat/page.py", *options, *map(str, results))


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    session.install("-q", *nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)


@nox.session
def types(session: nox.Session) -> None:
    """Mypy and pyright, strict, on everything; ty as well on the interface as it is used."""
    install(session, "tests", "types", editable=True)
    session.run("mypy", "--no-error-summary", *CODE)
    session.run("pyright", "--pythonpath", session.virtualenv.location + "/bin/python")
    api = "tests/typing/api.py"
    session.run("ty", "check", "-q", "--python", session.virtualenv.location, api)
    session.run("python", "tests/typing/check_rejects.py")


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks, quick; ``-- --full`` for real, against SDKs, and into the documentation.

    ``-- --full --only dead,recovery --subjects litellm_router`` renews a part of the figures.
    """
    install(session, "bench")
    is_full = "--full" in session.posargs
    if not {*session.posargs}.difference({"--full", "--quick"}):
        for script in ("bodies",):
            session.run("python", f"benchmarks/{script}.py", *([] if is_full else ["--quick"]))
    homes = ("--environments", str(Path(session.virtualenv.location, "subjects")), "--write")
    session.run("python", "benchmarks/compare.py", *session.posargs, *(homes if is_full else ()))


@nox.session
def simulate(session: nox.Session) -> None:
    """Health rules in virtual time; ``-- --quick`` as a smoke test, ``--write`` docs and plots."""
    install(session, "bench")
    session.run("python", "benchmarks/simulate.py", *session.posargs)


@nox.session
def stress(session: nox.Session) -> None:
    """Hammer a fleet for 60 s per world, abandon streams; ``-- --seconds 5`` as a smoke test."""
    install(session, "tests")
    session.run("python", "tests/stress/hammer.py", *session.posargs)
    few = () if not session.posargs else ("--count", "100")
    worlds = {"PYTHONPATH": "tests/transport"}
    session.run("python", "tests/stress/stress_abandoned.py", *few, env=worlds)


@nox.session
def demo(session: nox.Session) -> None:
    """The demo: a region dies under load, requests move on, and come back."""
    install(session)
    session.run("azure-failover", "demo", *session.posargs)
