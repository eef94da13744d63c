"""A process that runs guests, so that one that misbehaves can be killed without harm.

On standard input each line is a request, pickled and in base64, from the parent process that
started it; on standard output each line is the answer as JSON.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import sys
from typing import Any

from nvm_lsp.runner.run import Request, run, to_json

__all__ = ["encode", "main"]


def encode(request: Request) -> bytes:
    """A request as a line for the worker's standard input."""
    return base64.b64encode(pickle.dumps(request)) + b"\n"


def main() -> None:
    """Answers requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever prints by mistake must not end up among the answers.
    os.dup2(2, 1)
    _warm_up()
    answers.write(b'{"ready": true}\n')
    answers.flush()
    for line in sys.stdin.buffer:
        answers.write(json.dumps(_answer(line), separators=(",", ":")).encode() + b"\n")
        answers.flush()


def _warm_up() -> None:
    from nvm_lsp.kernel.image import build  # noqa: PLC0415 -- only workers need it early
    from nvm_lsp.runner import machine  # noqa: PLC0415

    machine.load()
    assert build().runtime


def _answer(line: bytes) -> dict[str, Any]:
    try:
        request = pickle.loads(base64.b64decode(line))
        return {"result": to_json(run(request))}
    except Exception as error:  # the parent must learn of everything
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
