"""What tests of lint as a command share."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def check(nvm, tmp_path):
    """Writes files, lints, compares exit code and the findings as ``file:line CODE``.

    ``err`` are pieces that stderr must have. Without paths it lints the folder.
    """

    def run(*arguments, files=None, found=None, code=None, err=(), **options):
        for name, content in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if found is not None:
            arguments = ("--format", "json", *arguments)
        done = nvm("lint", *arguments, **options)
        said = f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        if found is not None:
            assert done.stdout, said
            rows = json.loads(done.stdout)
            assert [f"{r['file']}:{r['line']} {r['code']}" for r in rows] == found, said
            code = int(bool(found)) if code is None else code
        assert code is None or done.returncode == code, said
        for piece in [err] if isinstance(err, str) else err:
            assert piece in done.stderr, said
        return done

    return run
