"""``nvm-lsp serve``: the language server."""

from __future__ import annotations

import argparse
import logging
import sys

NAME = "serve"
HELP = "start the language server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stdio", action="store_true", help="speak on standard input and output (the default)"
    )
    parser.add_argument(
        "--log-level", choices=("error", "warning", "info", "debug"), default="warning",
        help="what is logged on stderr (default: warning)",
    )


def run(arguments: argparse.Namespace) -> int:
    # stdout is the protocol, so the log goes to stderr.
    logging.basicConfig(stream=sys.stderr, level=arguments.log_level.upper())
    from nvm_lsp.server.server import serve  # noqa: PLC0415 -- slow, and only this command needs it

    serve()
    return 0
