"""Which subjects there are, by reading their files: importing one takes what it requires."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

FOLDER: Final = Path(__file__).parent / "subjects"
BARE: Final = {"httpx": "bare_httpx", "httpx2": "bare_httpx2"}
BY_HAND: Final = {"httpx": "floor_httpx", "httpx2": "floor_httpx2"}
OURS: Final = {"httpx": "ours_httpx", "httpx2": "ours_httpx2"}
UNDER_SDK: Final = "openai_ours"
PLAIN: Final = (*BARE.values(), *BY_HAND.values(), *OURS.values())
"""The subjects that need no SDK, so that the environment of the harness will do."""


@attrs.frozen(kw_only=True)
class Card:
    """What is known of a subject without running it: see :class:`versus.contract.Subject`.

    Attributes:
        configuration: The source that configures it for threads.
        versions: Of what it requires; empty until it has run.
        python: Which Python it ran in; empty until then.
    """

    name: str
    title: str
    requires: tuple[str, ...]
    family: str | None
    floor: str | None
    fails_over: bool
    advice: str
    configuration: str
    versions: Mapping[str, str] = attrs.field(factory=dict[str, str])
    python: str = ""

    @property
    def base(self) -> str:
        """What it is without failover: its floor, or itself."""
        return self.floor or self.name

    @property
    def is_base(self) -> bool:
        """Whether others build on it, so that it serves as the oracle when the primary dies."""
        return self.floor is None

    @property
    def loses(self) -> bool:
        """Whether a dead primary is the end: it neither fails over, nor is it the oracle."""
        return not self.fails_over and not self.is_base

    @property
    def is_ours(self) -> bool:
        """Whether azure_failover is in it."""
        return "." in self.requires


def read_card(path: Path) -> Card:
    """Read a subject's file."""
    source = path.read_text(encoding="utf-8")
    module = ast.parse(source)
    known: dict[str, Any] = {}
    for node in module.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name.isupper() and not name.startswith("_"):
                known[name] = _literal(value)
            case _:
                continue
    return Card(
        name=path.stem,
        title=known["TITLE"],
        requires=tuple(known["REQUIRES"]),
        family=known["FAMILY"],
        floor=known["FLOOR"],
        fails_over=known["FAILS_OVER"],
        advice=known["ADVICE"],
        configuration=_configuration(source, module),
    )


def _literal(value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:  # a constant of the subject's own
        return None


def _configuration(source: str, module: ast.Module) -> str:
    """Give the source of ``sync``, and of the functions of the same file that it calls."""
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    wanted = ["sync"]
    for name in wanted:
        for node in ast.walk(functions[name]):
            match node:
                case ast.Name(id=called) if called in functions and called not in wanted:
                    wanted.append(called)
                case _:
                    continue
    chosen = [node for name, node in functions.items() if name in wanted]
    return "\n\n\n".join(ast.get_source_segment(source, node) or "" for node in chosen)


def roster(folder: Path = FOLDER) -> dict[str, Card]:
    """Read all subjects, in the order in which they are shown."""
    return in_order(read_card(path) for path in folder.glob("[!_]*.py"))


def in_order(cards: Iterable[Card]) -> dict[str, Card]:
    """Put subjects together that build on the same: first that, then by hand, ours at the end."""

    def place(card: Card) -> tuple[bool, str, int, str]:
        by_hand = card.name in BY_HAND.values()
        rank = 0 if card.is_base else 1 if by_hand else 3 if card.is_ours else 2
        return card.base not in BARE.values(), card.base, rank, card.name

    return {card.name: card for card in sorted(cards, key=place)}


def with_companions(names: Iterable[str], cards: Mapping[str, Card]) -> list[str]:
    """Add to subjects all that build on the same: figures compare only within one run."""
    bases = {cards[name].base for name in names}
    return [name for name, card in cards.items() if card.base in bases]


def environments(cards: Iterable[Card]) -> dict[tuple[str, ...], list[str]]:
    """Group subjects by what they require."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for card in cards:
        groups.setdefault(tuple(sorted(card.requires)), []).append(card.name)
    return groups


def checked(names: Sequence[str], known: Iterable[str], what: str) -> list[str]:
    """Give the names, or say which of them is unknown.

    Raises:
        ValueError: Some name is unknown.
    """
    known = list(known)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"there is no {what} {', '.join(unknown)}; there is {', '.join(known)}")
    return list(names)
