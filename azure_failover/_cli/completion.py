"""Completion in bash, which takes ``eastus=5`` for three words. Knows no option and no value."""

from __future__ import annotations

from click.shell_completion import BashComplete, CompletionItem, add_completion_class


class WholeWordsBash(BashComplete):
    """Puts words together that bash takes apart at ``=``, and completes the part it asks for."""

    _cut = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Give the words before the one to complete, and that one."""
        args, incomplete = super().get_completion_args()
        words: list[str] = []
        for word in [*args, incomplete]:
            is_part = words and (word == "=" or words[-1].endswith("="))
            words[-1:] = [words[-1] + word] if is_part else [*words[-1:], word]
        *args, whole = words
        begun = "" if whole == incomplete else whole.removesuffix(incomplete.strip("="))
        # What stands in ``--option=value`` is completed without the option.
        self._cut = begun.partition("=")[2] if begun.startswith("-") else begun
        return args, whole

    def format_completion(self, item: CompletionItem) -> str:
        """Write a completion as bash wants it: without what stands before the ``=``."""
        item.value = item.value.removeprefix(self._cut)
        return super().format_completion(item)


def register() -> None:
    """Have click complete in bash by this."""
    add_completion_class(WholeWordsBash)
