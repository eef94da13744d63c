"""Writes a command's output to a file, whole or not at all."""

from __future__ import annotations

import os
import tempfile

from nvm_lsp.cli.arguments import complain

__all__ = ["write_file"]


def write_file(data: bytes, output: str) -> int:
    """Writes a file whole or not at all; the exit code."""
    try:
        target = os.path.realpath(output)  # a link stays one
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as device:
                device.write(data)
            return 0
        # To a file beside the target first, then renamed.
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".nvm-lsp-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, _mode_of(target))
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        return complain(f"cannot write {output}: {error.strerror}")
    return 0


def _mode_of(output: str) -> int:
    """The permissions that a file keeps, or gets if it is new."""
    if os.path.exists(output):
        return os.stat(output).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
