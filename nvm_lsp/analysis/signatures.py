"""Signatures of functions, errors and events by their hashes: standard ones, and a program's own.

It knows no positions; hover reads numbers with it, completion offers what it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from nvm_lsp.assembler import Assembly
from nvm_lsp.assembler.expressions import keccak256
from nvm_lsp.assembler.references import expressions_of
from nvm_lsp.syntax import tree as t

__all__ = [
    "STANDARD_EVENTS",
    "STANDARD_FUNCTIONS",
    "calls_in",
    "names_in",
    "names_of_selector",
    "selector_of",
    "signatures_in",
    "topic_names",
]

#: Functions and errors that everybody calls, by the standard they come from.
STANDARD_FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "ERC-20": (
        "totalSupply()", "balanceOf(address)", "transfer(address,uint256)",
        "transferFrom(address,address,uint256)", "approve(address,uint256)",
        "allowance(address,address)", "name()", "symbol()", "decimals()",
    ),
    "ERC-2612": (
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)", "nonces(address)",
        "DOMAIN_SEPARATOR()",
    ),
    "ERC-165": ("supportsInterface(bytes4)",),
    "ERC-721": (
        "ownerOf(uint256)", "safeTransferFrom(address,address,uint256)",
        "safeTransferFrom(address,address,uint256,bytes)", "setApprovalForAll(address,bool)",
        "getApproved(uint256)", "isApprovedForAll(address,address)", "tokenURI(uint256)",
        "onERC721Received(address,address,uint256,bytes)",
    ),
    "ERC-1155": (
        "balanceOf(address,uint256)", "balanceOfBatch(address[],uint256[])",
        "safeTransferFrom(address,address,uint256,uint256,bytes)",
        "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)",
        "onERC1155Received(address,address,uint256,uint256,bytes)",
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)",
    ),
    "ERC-4626": (
        "asset()", "totalAssets()", "convertToShares(uint256)", "convertToAssets(uint256)",
        "maxDeposit(address)", "previewDeposit(uint256)", "deposit(uint256,address)",
        "maxMint(address)", "previewMint(uint256)", "mint(uint256,address)",
        "maxWithdraw(address)", "previewWithdraw(uint256)", "withdraw(uint256,address,address)",
        "maxRedeem(address)", "previewRedeem(uint256)", "redeem(uint256,address,address)",
    ),
    "WETH": ("deposit()", "withdraw(uint256)"),
    "Uniswap v2": (
        "getReserves()", "token0()", "token1()", "sync()", "skim(address)", "mint(address)",
        "burn(address)", "swap(uint256,uint256,address,bytes)", "getPair(address,address)",
        "createPair(address,address)", "getAmountsOut(uint256,address[])",
        "getAmountsIn(uint256,address[])",
        "addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)",
        "removeLiquidity(address,address,uint256,uint256,uint256,address,uint256)",
        "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)",
        "swapTokensForExactTokens(uint256,uint256,address[],address,uint256)",
        "swapExactETHForTokens(uint256,address[],address,uint256)",
        "swapExactTokensForETH(uint256,uint256,address[],address,uint256)",
        "uniswapV2Call(address,uint256,uint256,bytes)",
    ),
    "Uniswap v3": (
        "slot0()", "liquidity()", "fee()", "tickSpacing()",
        "swap(address,bool,int256,uint160,bytes)", "flash(address,uint256,uint256,bytes)",
        "getPool(address,address,uint24)", "uniswapV3SwapCallback(int256,int256,bytes)",
        "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))",
        "exactInput((bytes,address,uint256,uint256,uint256))",
        "exactOutputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))",
        "exactOutput((bytes,address,uint256,uint256,uint256))",
        "multicall(bytes[])", "multicall(uint256,bytes[])",
    ),
    "Ownable": ("owner()", "transferOwnership(address)", "renounceOwnership()"),
    "ERC-1271": ("isValidSignature(bytes32,bytes)",),
    "ERC-3156": (
        "flashLoan(address,address,uint256,bytes)", "flashFee(address,uint256)",
        "onFlashLoan(address,address,uint256,uint256,bytes)",
    ),
    "Solidity": ("Error(string)", "Panic(uint256)"),
    "NestedVM": (
        "CallRefused()", "SlotGuarded()", "Reentered()", "OnlyDelegateCall()",
        "verifyCall(uint8,address,uint256,bytes,bool)",
    ),
}
#: Events that everybody knows, by the standard they come from.
STANDARD_EVENTS: Mapping[str, tuple[str, ...]] = {
    "ERC-20": ("Transfer(address,address,uint256)", "Approval(address,address,uint256)"),
    "ERC-721": ("ApprovalForAll(address,address,bool)",),
    "ERC-1155": (
        "TransferSingle(address,address,address,uint256,uint256)",
        "TransferBatch(address,address,address,uint256[],uint256[])",
    ),
    "ERC-4626": (
        "Deposit(address,address,uint256,uint256)",
        "Withdraw(address,address,address,uint256,uint256)",
    ),
    "WETH": ("Deposit(address,uint256)", "Withdrawal(address,uint256)"),
    "Uniswap v2": (
        "Sync(uint112,uint112)",
        "Swap(address,uint256,uint256,uint256,uint256,address)",
        "PairCreated(address,address,address,uint256)",
    ),
    "Uniswap v3": ("Swap(address,address,int256,int256,uint160,uint128,int24)",),
    "Ownable": ("OwnershipTransferred(address,address)",),
}
_KEY = "signatures"


def selector_of(signature: str) -> int:
    """The first four bytes of a signature's Keccak-256."""
    return int.from_bytes(keccak256(signature.encode())[:4], "big")


def names_of_selector(selector: int, seen: Iterable[str] = ()) -> tuple[str, ...]:
    """What a selector may stand for, as ``signature (where it is from)``; ``seen`` come first."""
    own = [name for name in dict.fromkeys(seen) if selector_of(name) == selector]
    return (*own, *(text for name, text in _standard().get(selector, ()) if name not in own))


def topic_names(topic: int, seen: Iterable[str] = ()) -> tuple[str, ...]:
    """The events whose first topic this is; ``seen`` come first."""
    own = [name for name in dict.fromkeys(seen) if _topic_of(name) == topic]
    return (*own, *(text for name, text in _standard_topics().get(topic, ()) if name not in own))


def names_in(assembly: Assembly, function: str) -> Callable[[int], tuple[str, ...]]:
    """`names_of_selector` or `topic_names` for many words of one program, whose own come first."""
    of_word, find = (
        (selector_of, names_of_selector) if function == "selector" else (_topic_of, topic_names)
    )
    own: dict[int, list[str]] = {}
    for name in signatures_in(assembly, function):
        own.setdefault(of_word(name), []).append(name)
    return lambda word: find(word, own.get(word, ()))


def signatures_in(assembly: Assembly, function: str) -> tuple[str, ...]:
    """Signatures that a program's files pass to ``selector`` or ``topic``, each once, in order."""
    found: dict[str, None] = {}
    for context in assembly.program.contexts:
        for chunk in context.tree.chunks:
            known = chunk.cache.get(_KEY)
            if not isinstance(known, tuple):
                known = tuple(_in_chunk(chunk))
                chunk.cache[_KEY] = known
            found.update((text, None) for name, text in known if name == function)
    return tuple(found)


def calls_in(expression: t.Expression) -> Iterator[t.Call]:
    """The uses of built-in functions in an expression, outer ones first."""
    return (part for part in t.parts_of(expression) if isinstance(part, t.Call))


def _in_chunk(chunk: t.Chunk) -> Iterator[tuple[str, str]]:
    for line in chunk.lines:
        if line.statement is None:
            continue
        for expression in expressions_of(line.statement):
            for call in calls_in(expression):
                if call.function.text in ("selector", "topic") and len(call.arguments) == 1:
                    argument = call.arguments[0]
                    if isinstance(argument, t.String):
                        yield call.function.text, argument.value.decode("utf-8", "replace")


def _topic_of(signature: str) -> int:
    return int.from_bytes(keccak256(signature.encode()), "big")


@lru_cache(maxsize=1)
def _standard() -> Mapping[int, tuple[tuple[str, str], ...]]:
    table: dict[int, tuple[tuple[str, str], ...]] = {}
    for source, signatures in STANDARD_FUNCTIONS.items():
        for name in signatures:
            key = selector_of(name)
            table[key] = (*table.get(key, ()), (name, f"{name} ({source})"))
    return table


@lru_cache(maxsize=1)
def _standard_topics() -> Mapping[int, tuple[tuple[str, str], ...]]:
    table: dict[int, tuple[tuple[str, str], ...]] = {}
    for source, signatures in STANDARD_EVENTS.items():
        for name in signatures:
            key = _topic_of(name)
            table[key] = (*table.get(key, ()), (name, f"{name} ({source})"))
    return table
