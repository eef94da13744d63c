"""Lints one file: reads it, assembles or disassembles it, and runs the rules.

It raises for no content of a file: what goes wrong inside is a `Failure` of the result.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from nvm_lsp.assembler import FileLoader, Unreadable, assemble, disassemble
from nvm_lsp.assembler.loader import decode_source, parse_hex_file, read_bytes
from nvm_lsp.lint.linter import examine
from nvm_lsp.lint.report import Failure
from nvm_lsp.lint.result import BYTECODE, FileResult, Request, digest, fingerprints
from nvm_lsp.opcodes import DEFAULT_FORK
from nvm_lsp.plugins import failures as plugin_failures
from nvm_lsp.source import split_lines
from nvm_lsp.syntax import SyntaxTree, parse_lines

__all__ = ["TracingLoader", "lint_file", "source_of_bytecode"]

@dataclass(slots=True)
class TracingLoader(FileLoader):
    """Reads files, each once for many programs, and tells which ones a program used.

    ``overlay`` are contents, by absolute path, that count instead of those on disk.
    """

    overlay: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, str | None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def source(self, path: str) -> SyntaxTree | Unreadable:
        self.used.add(path)
        return FileLoader.source(self, path)

    def data(self, path: str) -> bytes | Unreadable:
        self.used.add(path)
        given = self.overlay.get(os.path.abspath(path)) if self.overlay else None
        found = given if given is not None else FileLoader.data(self, path)
        self.digests[path] = None if isinstance(found, Unreadable) else digest(found)
        return found

    def replace(self, path: str, data: bytes) -> None:
        """Gives a file a content that is not on disk."""
        full = os.path.abspath(path)
        self.overlay[full] = data
        for known in [name for name in self._trees if os.path.abspath(name) == full]:
            del self._trees[known]


def lint_file(request: Request, loader: TracingLoader) -> FileResult:
    """What is wrong with a file. ``loader`` may be used for many files."""
    path = request.path
    if request.overlay:
        loader = TracingLoader(overlay=dict(request.overlay))
    loader.used.clear()
    data = request.data if request.data is not None else read_bytes(path)
    if isinstance(data, Unreadable):
        return FileResult(path, failures=(Failure(data.message, data.hint),))
    try:
        return _lint(request, data, loader)
    except Exception as error:  # a fault of ours in one file must not cost the others
        return FileResult(path, failures=(_internal(error, path),))


def _lint(request: Request, data: bytes, loader: TracingLoader) -> FileResult:
    path = request.path
    is_bytecode = path.endswith(BYTECODE)
    if is_bytecode:
        text: str | Unreadable = source_of_bytecode(data, request.fork or request.settings.fork)
    else:
        text = decode_source(data, path)
    if isinstance(text, Unreadable):
        return FileResult(path, failures=(Failure(text.message, text.hint),))
    tree = parse_lines(path, split_lines(text))
    assembly = assemble(
        tree, loader=loader, fork=request.fork, default_fork=request.settings.fork
    )
    found = examine(assembly, request.target, request.settings)
    diagnostics = found.diagnostics
    if is_bytecode:  # there is no text that an edit could change
        diagnostics = tuple(replace(d, fixes=()) for d in diagnostics)
    trees = {context.path: context.tree for context in assembly.program.contexts}

    def line_of(name: str, number: int) -> str:
        tree = trees.get(name)
        return tree.line(number).text if tree and number < tree.line_count else ""

    dependencies = {name: loader.digests.get(name) for name in loader.used}
    dependencies[path] = digest(data)
    return FileResult(
        path,
        diagnostics,
        fingerprints(diagnostics, line_of),
        tuple(
            Failure(f"{path}: {failure.text}", internal=True) for failure in found.failures
        ),
        tuple(sorted(dependencies.items())),
        tuple(sorted((mark.path, mark.line, mark.code) for mark in found.used)),
        # A plugin that failed before may be switched off by now, and has found nothing here.
        is_whole=not plugin_failures(),
        parts=tuple(sorted(trees.keys() - {path})),
    )


def source_of_bytecode(data: bytes, fork: str | None = None) -> str:
    """The disassembly of a file's bytecode, digits or raw bytes: what findings' lines are of."""
    code = parse_hex_file(data)
    return disassemble(data if code is None else code, fork=fork or DEFAULT_FORK)


def _internal(error: Exception, path: str) -> Failure:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    place = f" at {os.path.basename(frames[-1][0])}:{frames[-1][1]}" if frames else ""
    said = str(error).split("\n", 1)[0]
    return Failure(
        f"{path}: internal error{place}: {type(error).__name__}: {said}",
        "this is a bug; please report it with the file", internal=True,
    )
