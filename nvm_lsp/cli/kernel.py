"""``nvm-lsp kernel``: the NestedVM of a build, as code, address, layout, source and price."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from nvm_lsp.assembler.expressions import checksum_address
from nvm_lsp.cli.arguments import complain
from nvm_lsp.kernel.gas import CLASSES, EMPTY, PREDECESSOR, overheads
from nvm_lsp.kernel.image import PROFILES, KernelImage, build, host_forks, sources
from nvm_lsp.opcodes import DEFAULT_FORK, OPCODES

NAME = "kernel"
HELP = "print the NestedVM contract: code, layout, source"

#: Runtime code above this cannot be deployed (EIP-170).
_CODE_SIZE_LIMIT = 24_576


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what to print").add_mutually_exclusive_group(required=True)
    what.add_argument("--runtime", action="store_true", help="the runtime code, as 0x…")
    what.add_argument("--creation", action="store_true", help="the creation code, as 0x…")
    what.add_argument("--address", action="store_true",
                      help="the address that the deterministic deployment proxy gives it")
    what.add_argument("--layout", action="store_true", help="what stands where in memory")
    what.add_argument("--source", action="store_true", help="the easm source")
    what.add_argument("--size", action="store_true", help="bytes of code, and the limit")
    what.add_argument("--gas", action="store_true",
                      help="what interpretation costs, by class of opcodes")
    which = parser.add_argument_group("which build")
    which.add_argument("--profile", choices=PROFILES, default="table",
                       help="(default: %(default)s)")
    which.add_argument("--verifier", action="store_true",
                       help="every call must be approved by the wallet's verifier")
    which.add_argument("--debug", action="store_true", help="log each run by console.log")
    which.add_argument("--strict-jumpdest", action="store_true",
                       help="a JUMPDEST byte in push data is no destination")
    which.add_argument("--delegatecall-only", action="store_true",
                       help="refuse to run as itself, as a shared instance needs")
    which.add_argument("--fork", default=DEFAULT_FORK,
                       help="the host's fork (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    if arguments.fork.lower() not in host_forks():
        return complain(
            f"there is no kernel for the fork {arguments.fork!r}",
            f"hosts are {', '.join(host_forks())}",
        )
    image = build(
        profile=arguments.profile, fork=arguments.fork.lower(), verifier=arguments.verifier,
        debug=arguments.debug, strict_jumpdest=arguments.strict_jumpdest,
        delegatecall_only=arguments.delegatecall_only,
    )
    sys.stdout.writelines(f"{line}\n" for line in _lines(image, arguments))
    return 0


def _lines(image: KernelImage, arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.runtime:
        yield f"0x{image.runtime.hex()}"
    elif arguments.creation:
        yield f"0x{image.creation.hex()}"
    elif arguments.address:
        yield checksum_address(int.from_bytes(image.address, "big"))
    elif arguments.layout:
        yield from _layout(image)
    elif arguments.source:
        yield from _source(image.build.fork)
    elif arguments.size:
        yield f"runtime   {len(image.runtime):>6} bytes of {_CODE_SIZE_LIMIT} at most"
        yield f"creation  {len(image.creation):>6} bytes"
    else:
        yield from _gas(image)


def _layout(image: KernelImage) -> Iterator[str]:
    """The ranges of memory in order, each with what it holds."""
    layout = image.layout
    table = layout.jump_table
    yield f"{_range(layout.pointer, table)}  execution pointer: offset of the guest's next opcode"
    if image.build.profile == "table":
        yield f"{_range(table, layout.console)}  jump table: 256 entries of 2 bytes"
    else:
        yield f"{_range(table, layout.console)}  unused: handlers stand at opcode << 6"
    if image.build.verifier:
        yield f"{_range(layout.verdict, layout.question)}  the verifier's answer"
        yield f"{_range(layout.question, layout.base)}  the call that asks the verifier"
    elif image.build.debug:
        yield f"{_range(layout.console, layout.base)}  arguments of console.log"
    else:
        yield f"{_range(layout.console, layout.base)}  reserved for console.log"
    yield f"{layout.base:#05x} on       guest memory"


def _range(start: int, end: int) -> str:
    return f"{start:#05x} to {end:#05x}"


def _source(fork: str) -> Iterator[str]:
    """All files, the one that includes the others first."""
    root = "nestedvm.easm"
    texts = sources(fork)
    for name in (root, *(name for name in texts if name != root)):
        yield f"# ---- {name} ----"
        yield texts[name].rstrip("\n")
        yield ""


def _gas(image: KernelImage) -> Iterator[str]:
    """A row a class: native cost without what depends on operands and state, and what is added."""
    figures = overheads(image.build)
    width = max(map(len, figures))
    yield f"{'opcodes':<{width}}  native  added  predecessor"
    for name, added in figures.items():
        native = _native(name)
        before = PREDECESSOR.get(name)
        yield f"{name:<{width}}  {native:>6}  {added:>5}  {'' if before is None else before:>11}"


def _native(name: str) -> str:
    """The static gas of a class's opcodes, as one number or a range."""
    if name == EMPTY:
        return "0"
    costs = sorted({OPCODES[opcode].gas for opcode in CLASSES[name]})
    if name in ("JUMP and its JUMPDEST", "JUMPI taken and its JUMPDEST"):
        costs = [costs[0] + OPCODES["JUMPDEST"].gas]
    if name.endswith("instead of STOP"):
        costs = [0]
    return str(costs[0]) if len(costs) == 1 else f"{costs[0]}–{costs[-1]}"
