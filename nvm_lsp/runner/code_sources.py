"""Which text the code of an inner frame was made from: the program itself, or a file deployed.

Code is known by its bytes, so an account that carries a copy has the same source. It knows files
by their paths only; assembling one is the affair of `assembly_of`'s callers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from nvm_lsp.assembler import Assembly, assemble
from nvm_lsp.assembler.loader import Loader, Unreadable
from nvm_lsp.runner.scenario import Scenario

__all__ = ["CodeSources", "Source", "assembly_of"]

#: Code shorter than this may stand in another by chance.
_TELLING = 6


class Source(NamedTuple):
    """Code begins ``offset`` bytes into what ``path`` assembles to, None for the program's own."""

    path: str | None
    offset: int


@dataclass(frozen=True)
class CodeSources:
    """Finds sources of code for one run."""

    program: bytes
    scenario: Scenario

    def find(self, code: bytes) -> Source | None:
        """Where code comes from, None if that is not known, or could be more than one place."""
        for path, whole in ((None, self.program), *self._deployed.items()):
            if code == whole:
                return Source(path, 0)
        if len(code) < _TELLING:
            return None
        for path, whole in ((None, self.program), *self._deployed.items()):
            first = whole.find(code)
            if first >= 0:
                return Source(path, first) if whole.find(code, first + 1) < 0 else None
        return None

    @cached_property
    def _deployed(self) -> Mapping[str, bytes]:
        accounts = self.scenario.accounts
        return {
            path: accounts[address].code
            for address, path in self.scenario.sources.items()
            if address in accounts
        }


def assembly_of(path: str, loader: Loader) -> Assembly | None:
    """A deployed file once more, for its lines; None if it can no longer be read."""
    tree = loader.source(path)
    return None if isinstance(tree, Unreadable) else assemble(tree, loader=loader)
