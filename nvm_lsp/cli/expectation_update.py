"""``nvm-lsp test --update``: writes what programs gave into the expectations that failed."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nvm_lsp.assembler.loader import Unreadable, decode_source, read_bytes
from nvm_lsp.cli.arguments import complain
from nvm_lsp.cli.results import place_of
from nvm_lsp.cli.write import write_file
from nvm_lsp.source import split_lines

if TYPE_CHECKING:
    from nvm_lsp.runner.testing import Result

__all__ = ["update"]


def update(results: Sequence[Result]) -> bool:
    """Writes what was got into the comments that failed; whether all could be written."""
    from nvm_lsp.runner.expectations import frozen_text  # noqa: PLC0415

    edits: dict[str, dict[int, tuple[int, str]]] = {}
    ok = True
    for result in results:
        if result.problem:
            ok = False
        for finding in result.findings:
            if finding.passed:
                continue
            text = frozen_text(finding)
            expectation = finding.expectation
            if text is None:
                ok = False
                place = place_of(expectation)
                print(f"  {place}: not updated, there is nothing to write")
                continue
            lines = edits.setdefault(expectation.place.path, {})
            if lines.get(expectation.place.line, (0, text))[1] != text:
                print(f"  {place_of(expectation)}: not updated, the cases differ")
                del lines[expectation.place.line]
                ok = False
                continue
            lines[expectation.place.line] = (expectation.start, text)
    for path, lines in edits.items():
        ok &= _write(path, lines)
    return ok


def _write(path: str, lines: dict[int, tuple[int, str]]) -> bool:
    """Writes expectations into a file: by line their column and text. Whether all went in."""
    data = read_bytes(path)
    source = data if isinstance(data, Unreadable) else decode_source(data, path)
    if isinstance(data, Unreadable) or isinstance(source, Unreadable):
        complain(f"{path} is not updated: it cannot be read any more")
        return False
    ok = True
    texts = list(split_lines(source))
    for number, (start, text) in lines.items():
        line = texts[number] if number < len(texts) else ""
        if "#=" not in line:  # it stands in a file of scenarios, or somebody edited it
            print(f"  {path}:{number + 1}: not updated, it holds no #=")
            ok = False
            continue
        body = line.rstrip("\r\n")
        texts[number] = body[:start] + text + line[len(body) :]
    mark = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    if write_file(mark + "".join(texts).encode(), path):
        return False
    print(f"updated {path}: {len(lines)} expectation{'s' * (len(lines) != 1)}")
    return ok
