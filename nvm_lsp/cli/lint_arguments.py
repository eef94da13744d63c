"""The options of ``nvm-lsp lint``, and which of them do not go together."""

from __future__ import annotations

import argparse

from nvm_lsp.cli.arguments import fork_argument
from nvm_lsp.cli.walk import STDIN
from nvm_lsp.configuration import TARGETS, Layer
from nvm_lsp.diagnostics import Severity

__all__ = ["add_arguments", "own_layer", "wrong_usage"]

_LEVELS = tuple(severity.value for severity in Severity if severity is not Severity.OFF)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", nargs="*",
        help="easm files, bytecode (.hex, .bin), folders of *.easm files, or - for stdin",
    )
    parser.add_argument("--fork", type=fork_argument, help="fork to target, over the file's %%fork")
    parser.add_argument(
        "--target", choices=TARGETS, help="where programs run, over their #@ target"
    )
    parser.add_argument(
        "--stdin-filename", metavar="F", default=STDIN,
        help="the name that standard input goes by, for includes and configuration",
    )
    chosen = parser.add_argument_group("what is looked for; codes, or how codes begin, or ALL")
    for option, text in (
        ("--select", "look for these only"),
        ("--extend-select", "look for these, too"),
        ("--ignore", "pass over these"),
    ):
        chosen.add_argument(option, metavar="CODE,…", action="append", type=_codes, help=text)
    chosen.add_argument(
        "--since", metavar="REV", help="only findings in lines that changed since a git revision"
    )
    chosen.add_argument(
        "--baseline", metavar="FILE", help="only findings that this file does not hold"
    )
    chosen.add_argument(
        "--update-baseline", action="store_true",
        help="write all findings to the baseline, and drop what is found no more",
    )
    fixing = parser.add_argument_group("fixing")
    fixing.add_argument("--fix", action="store_true", help="apply fixes that keep what code does")
    fixing.add_argument(
        "--unsafe-fixes", action="store_true", help="with --fix or --diff, also those that may not"
    )
    fixing.add_argument("--diff", action="store_true", help="show what --fix would change")
    _add_output_arguments(parser.add_argument_group("output"))
    running = parser.add_argument_group("running")
    running.add_argument(
        "--config", metavar="FILE", help="the configuration, instead of the nearest"
    )
    running.add_argument(
        "-j", "--jobs", metavar="N", type=_positive, help="processes (default: as is worth while)"
    )
    running.add_argument("--no-cache", action="store_true", help="neither read nor write the cache")
    running.add_argument("--watch", action="store_true", help="run again whenever a file changes")
    running.add_argument(
        "--force-exclude", action="store_true",
        help="leave out excluded files even where they are named",
    )


def _add_output_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--format", metavar="FORMAT", default="full",
        help="full, concise, json, jsonl, sarif, github, gitlab, junit, rdjson (default: full)",
    )
    group.add_argument(
        "--output", metavar="FORMAT=FILE", action="append", default=[],
        help="write this format to a file as well; may be repeated",
    )
    group.add_argument(
        "--statistics", action="store_true", help="show how many findings there are of each code"
    )
    group.add_argument(
        "--fail-on", choices=_LEVELS, metavar="LEVEL",
        help="the least bad level that gives exit code 1: error, warning, info or hint "
        "(default: warning)",
    )
    group.add_argument("--exit-zero", action="store_true", help="findings are no failure")
    group.add_argument(
        "--show-settings", action="store_true", help="show what counts for each file, and end"
    )


def wrong_usage(arguments: argparse.Namespace) -> tuple[str, str] | None:
    """What is wrong with the options together, and what to do; None if nothing is."""
    paths: list[str] = arguments.paths or ["."]
    if STDIN in paths and len(paths) > 1:
        return "standard input cannot be linted beside files", "run the command twice"
    if STDIN in paths and arguments.watch:
        return "standard input cannot be watched", "name files or folders"
    if arguments.stdin_filename != STDIN and STDIN not in paths:
        return "--stdin-filename is of use only with - as the path", "add -"
    if arguments.unsafe_fixes and not (arguments.fix or arguments.diff):
        return "--unsafe-fixes needs --fix or --diff", "add --diff to see what would change"
    if arguments.update_baseline and not arguments.baseline:
        return "--update-baseline needs --baseline FILE", "name the file to write"
    if arguments.update_baseline and arguments.since:
        return "--update-baseline cannot be used with --since", "a baseline is of all lines"
    return None


def own_layer(arguments: argparse.Namespace) -> Layer | None:
    """What the options say is looked for; None if they say nothing."""
    select, extend, ignore = (
        tuple(code for word in words or () for code in word)
        for words in (arguments.select, arguments.extend_select, arguments.ignore)
    )
    if not (select or extend or ignore):
        return None
    return Layer(select or None, extend, ignore)


def _codes(text: str) -> list[str]:
    """An argparse type: codes with commas between them.

    Raises:
        argparse.ArgumentTypeError: there is none.
    """
    codes = [word.strip().upper() for word in text.split(",") if word.strip()]
    if not codes:
        raise argparse.ArgumentTypeError("write codes with commas between them, as in STK001,LBL")
    return codes


def _positive(text: str) -> int:
    """An argparse type: a number from one on.

    Raises:
        argparse.ArgumentTypeError: it is no such number.
    """
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 256")
    return int(text)
