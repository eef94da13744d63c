"""The world of a forked scenario: what it does not say itself, a state provider does.

It knows no provider by name: the scheme of the scenario's URL chooses, among those that plugins and
nvm-lsp itself register.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from nvm_lsp.hookspecs import StateProvider, StateProviderEntry, hookimpl
from nvm_lsp.plugins import Found, each, failed, is_built_in, refuse
from nvm_lsp.runner.scenario import Scenario
from nvm_lsp.runner.world import Account, Block, World

__all__ = ["StateError", "forked_world", "nvm_lsp_state_providers", "provider_of", "schemes"]

T = TypeVar("T")
_HOOK = "nvm_lsp_state_providers"


class StateError(ValueError):
    """Forked state cannot be read; the message says from where, and why."""


def forked_world(scenario: Scenario, code: bytes, *, trusted: bool) -> World:
    """The world of a forked scenario.

    The block is the pinned one, as for a node's own ``eth_call`` at that block.

    Raises:
        StateError: nobody allowed to reach the source, or it does not answer as it should.
    """
    forked = scenario.forked
    assert forked is not None
    if not trusted:
        raise StateError(
            f"the scenario reads the state of {forked.url}, which is off unless you allow it: "
            "nvm-lsp run --allow-rpc, or trust in the editor's settings"
        )
    found = provider_of(forked.url)
    if found is None:
        raise StateError(f"no state provider for {forked.url}; there are {', '.join(schemes())}")
    make = found.entry.load()
    state = _Checked(found.plugin, make(forked.url, forked.block))
    values = {
        name: value for name, value in state.block().items() if name not in scenario.block_keys
    }
    block = replace(scenario.block, hashes=(), **values)
    return replace(scenario, block=block).world(code, state)


def provider_of(url: str) -> Found[StateProviderEntry] | None:
    """The provider of a URL's scheme, None if there is none."""
    scheme = url.partition(":")[0].lower()
    return next((found for found in _providers() if scheme in found.entry.schemes), None)


def schemes() -> tuple[str, ...]:
    """The schemes of URLs that there are providers for."""
    return tuple(dict.fromkeys(s for found in _providers() for s in found.entry.schemes))


def _providers() -> Iterator[Found[StateProviderEntry]]:
    for found in each(_HOOK, StateProviderEntry):
        offered: Any = found.entry.schemes
        if isinstance(offered, tuple) and all(isinstance(s, str) for s in offered):
            yield found
        else:
            refuse(found.plugin, _HOOK, "schemes is a tuple of texts")


@dataclass
class _Checked:
    """A provider's answers, with those that are none turned into words."""

    plugin: str
    provider: StateProvider

    def block(self) -> Mapping[str, Any]:
        known = {field.name for field in fields(Block)} - {"hashes"}

        def right(found: Any) -> bool:
            return isinstance(found, Mapping) and set(found) <= known and all(
                isinstance(value, bytes if name == "coinbase" else int)
                for name, value in found.items()
            )

        return self._ask(self.provider.block, right)

    def account(self, address: bytes) -> Account | None:
        """See `nvm_lsp.runner.world.PreState`."""
        account: Account | None = self._ask(
            lambda: self.provider.account(address),
            lambda found: found is None or isinstance(found, Account),
        )
        return account

    def storage(self, address: bytes, slot: int) -> int:
        """See `nvm_lsp.runner.world.PreState`."""
        return self._ask(
            lambda: self.provider.storage(address, slot),
            lambda found: isinstance(found, int) and 0 <= found < 2**256,
        )

    def block_hash(self, number: int) -> bytes | None:
        """See `nvm_lsp.runner.world.PreState`."""
        return self._ask(
            lambda: self.provider.block_hash(number),
            lambda found: found is None or (isinstance(found, bytes) and len(found) == 32),
        )

    def _ask(self, question: Callable[[], T], right: Callable[[Any], bool]) -> T:
        try:
            answer = question()
            if not right(answer):
                raise TypeError("an answer of the wrong type")
        except StateError:
            raise
        except Exception as error:
            if is_built_in(self.plugin):
                raise
            raise StateError(failed(self.plugin, _HOOK, error)) from error
        return answer


def _load_rpc() -> Callable[[str, int], StateProvider]:
    from nvm_lsp.runner.rpc import node_state  # noqa: PLC0415 -- only then is a node reached

    return node_state


@hookimpl
def nvm_lsp_state_providers() -> Iterable[StateProviderEntry]:
    return [
        StateProviderEntry("rpc", "a node, over JSON-RPC; cached", ("http", "https"), _load_rpc)
    ]
