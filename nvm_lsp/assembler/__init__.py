"""Assembler and disassembler of easm."""

from nvm_lsp.assembler.assembler import (
    Assembly,
    Limits,
    Operation,
    Origin,
    SourceMap,
    assemble,
    assemble_file,
    assemble_text,
)
from nvm_lsp.assembler.disassembler import disassemble
from nvm_lsp.assembler.loader import FileLoader, Loader, MemoryLoader, Unreadable
from nvm_lsp.assembler.symbols import Symbol, Symbols

__all__ = [
    "Assembly",
    "FileLoader",
    "Limits",
    "Loader",
    "MemoryLoader",
    "Operation",
    "Origin",
    "SourceMap",
    "Symbol",
    "Symbols",
    "Unreadable",
    "assemble",
    "assemble_file",
    "assemble_text",
    "disassemble",
]
