"""Random guests by the thousand: ``python -m benchmarks.campaign --minutes N --seed S``.

Each program runs natively and on the kernel; every disagreement is written as an .easm file that
`nvm-lsp run` takes as it is. Program number k of seed S is always the same one, so shards on
several cores or machines, ``--shard i/n``, share the work and overlap nowhere. With
``--backend pyrevm`` each runs on both backends instead, natively and on the kernel, and all that
pyrevm tells must be the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from random import Random

from benchmarks.conformance import (
    ACCOUNTS,
    NOT_ON_REVM,
    WALLET,
    compare,
    compare_backends,
    write_program,
)
from benchmarks.guest_programs import program
from nvm_lsp.kernel.gas import build_key
from nvm_lsp.kernel.image import PROFILES, build, host_forks


def main(argv: list[str] | None = None) -> int:
    """Runs a campaign; 1 if the kernel disagreed with the native EVM."""
    args = _parser().parse_args(argv)
    shard, shards = args.shard
    kernel = build(
        profile=args.profile, fork=args.fork, verifier=args.verifier, debug=args.debug,
        strict_jumpdest=args.strict_jumpdest, delegatecall_only=args.delegatecall_only,
    )
    on_revm = args.backend == "pyrevm"
    # The wallet is left alone, too: where somebody calls it, pyrevm leaves the run to the other.
    wallet = int.from_bytes(WALLET, "big")
    accounts = tuple(each for each in ACCOUNTS if not on_revm or each != wallet)
    avoid = NOT_ON_REVM if on_revm else frozenset()
    deadline = time.monotonic() + args.minutes * 60
    number, ran, skipped, failed, shown = shard - 1, 0, 0, 0, time.monotonic()
    while time.monotonic() < deadline and ran < args.programs:
        code = program(
            Random(f"{args.seed}/{number}"), accounts, args.fork, strict=args.strict_jumpdest,
            avoid=avoid,
        )
        differences = compare_backends(code, kernel) if on_revm else compare(code, kernel)
        if differences is None:
            skipped += 1
        else:
            ran += 1
        if differences:
            failed += 1
            name = f"{args.profile}-{args.fork}-{args.seed}-{number}"
            path = write_program(args.out, name, code, kernel, differences)
            print(f"{path}: {'; '.join(differences)}", flush=True)
        if time.monotonic() - shown > 60:
            shown = time.monotonic()
            print(f"… {ran} programs, {failed} disagreements", file=sys.stderr, flush=True)
        number += shards
    print(
        f"{build_key(kernel.build)}: {ran} programs compared, {failed} disagreements, "
        f"{skipped} not comparable; seed {args.seed}, shard {shard}/{shards}, next number {number}"
    )
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, metavar="N")
    parser.add_argument("--programs", type=int, default=sys.maxsize, metavar="N")
    parser.add_argument("--seed", default="0", metavar="S")
    parser.add_argument("--shard", type=_shard, default=(1, 1), metavar="i/n")
    parser.add_argument("--out", type=Path, default=Path("campaign"), metavar="FOLDER")
    parser.add_argument("--profile", choices=PROFILES, default="table")
    parser.add_argument("--backend", choices=("py-evm", "pyrevm"), default="py-evm")
    parser.add_argument("--fork", choices=host_forks(), default="prague")
    for option in ("verifier", "debug", "strict-jumpdest", "delegatecall-only"):
        parser.add_argument(f"--{option}", action="store_true")
    return parser


def _shard(text: str) -> tuple[int, int]:
    shard, _, shards = text.partition("/")
    if not (shard.isdigit() and shards.isdigit() and 1 <= int(shard) <= int(shards)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard: write 1/4 for the first of four")
    return int(shard), int(shards)


if __name__ == "__main__":
    raise SystemExit(main())
