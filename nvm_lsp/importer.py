"""Programs of other assemblers as easm: what has a counterpart is translated, the rest is marked.

Line by line for geas, ETK, pyevmasm and evm.codes; token by token for huff, which puts many
instructions on a line. It knows no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nvm_lsp.diagnostics import Diagnostic, Problem, Severity, define_kind
from nvm_lsp.hookspecs import ImporterEntry, hookimpl
from nvm_lsp.opcodes import opcode_by_name
from nvm_lsp.plugins import PluginError, failed, find, is_built_in, named
from nvm_lsp.source import split_lines
from nvm_lsp.syntax import parse_line

__all__ = ["Imported", "dialects", "nvm_lsp_importers", "translate"]

_HOOK = "nvm_lsp_importers"

NOT_TRANSLATED = define_kind(
    "IMP001",
    "not-translated",
    """
    A line of another assembler has no counterpart in easm.

    ## What it means
    The line stands in the result as a comment that begins with `import:`, and emits nothing, so
    the program is not complete until you have written what it meant.

    ## Example
    A huff line `__codesize(MAIN)`, or a geas line `#assemble "other.eas"`.

    ## What to do
    Write the meaning in easm below the comment and remove the comment. The page
    `docs/coming-from.md` says what to write for what.
    """,
    Severity.WARNING,
)


@dataclass(slots=True)
class Imported:
    """The translated text, and the lines of the original that were only marked."""

    lines: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def dialects() -> dict[str, str]:
    """The assemblers that programs can come from, and what each is."""
    return {name: entry.summary for name, entry in named(_HOOK, ImporterEntry).items()}


def translate(text: str, dialect: str, path: str = "-") -> Imported:
    """A program of another assembler as easm.

    Raises:
        KeyError: there is no such dialect; see `dialects`.
        PluginError: the translation is a plugin's, and failed.
    """
    found = find(_HOOK, ImporterEntry, dialect)
    if found is None:
        raise KeyError(dialect)
    function = found.entry.load()
    if is_built_in(found.plugin):
        result = function(text, path)
    else:
        result = _of_plugin(found.plugin, function, text, path)
    _mark_unparsable(result, text, path)
    return result


def _of_plugin(
    plugin: str, function: Callable[[str, str], Imported], text: str, path: str
) -> Imported:
    try:
        result: object = function(text, path)
        if isinstance(result, Imported):
            return result
        raise TypeError(f"a translation gives Imported, not {type(result).__name__}")
    except Exception as error:
        raise PluginError(failed(plugin, _HOOK, error)) from error


def _mark_unparsable(result: Imported, text: str, path: str) -> None:
    """Marks lines that no rule changed and that are no easm either, so that the rest assembles."""
    originals = split_lines(text)
    after = 0  # lines come in the order of the original
    for index, line in enumerate(result.lines):
        if not parse_line(line).problems:
            continue
        words = line.strip()
        number = next((n for n in range(after, len(originals)) if words in originals[n]), after)
        after = number
        writer = _Writer(path)
        writer.mark(number, originals[number].rstrip(), "easm has no such statement")
        result.lines[index] = writer.result.lines[0]
        result.diagnostics += writer.result.diagnostics
    result.diagnostics.sort(key=lambda diagnostic: diagnostic.sort_key)


class _Writer:
    """Takes translated lines and marks what could not be translated."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.result = Imported()

    def write(self, line: str, comment: str = "") -> None:
        out = f"{line}  {comment}" if line.strip() and comment else line + comment
        self.result.lines.append(out.rstrip())

    def mark(self, number: int, original: str, why: str) -> None:
        start = len(original) - len(original.lstrip())
        problem = Problem(
            NOT_TRANSLATED, start, len(original.rstrip()), f"not translated: {original.strip()}",
            why,
        )
        self.result.diagnostics.append(problem.at(self.path, number))
        self.result.lines.append(f"# import: {original.strip()}  ({why})")


_COMMENT = re.compile(r"(?P<code>(?:\"(?:[^\"\\]|\\.)*\"|(?!{marker})[^\"])*)(?P<comment>.*)")


def _split(line: str, marker: str) -> tuple[str, str]:
    """A line's code and its comment, written as ours."""
    found = re.match(_COMMENT.pattern.replace("{marker}", marker), line)
    assert found is not None
    comment = found["comment"].strip()
    body = re.sub(rf"^(?:{marker})+", "", comment)
    return found["code"].rstrip(), f"#{body}" if comment else ""


# geas ---------------------------------------------------------------------------------------------


def _geas(text: str, path: str) -> Imported:
    out = _Writer(path)
    for number, original in enumerate(text.splitlines()):
        code, comment = _split(original, r";|//")
        code = re.sub(r"(?<![\w.])\.(selector|keccak256|address|len)\(", r"\1(", code)
        code = re.sub(r"\.hash\(", "keccak256(", code)
        code = re.sub(r"@\.?(\w+)", r"@\1", code)
        for line in _geas_line(code, number, out, original):
            out.write(line, comment)
            comment = ""
    return out.result


def _geas_line(code: str, number: int, out: _Writer, original: str) -> Iterator[str]:
    word = code.strip()
    macro = re.fullmatch(r"#define\s+%?(\w+)\s*(?:\(([^)]*)\))?\s*\{", word)
    constant = re.fullmatch(r"#define\s+(\w+)\s*=?\s*(.+)", word)
    jump = re.fullmatch(r"(?i)(jumpi?)\s+(.+)", word)
    if not word.startswith("#"):
        word = code = code.replace("$", "")
        word = word.strip()
    if macro:
        yield f"%macro {macro[1]}({(macro[2] or '').replace('$', '')})"
    elif word == "}":
        yield "%end"
    elif word.startswith("#define") and constant and "(" not in constant[1]:
        yield f"%def {constant[1]} = {constant[2]}"
    elif word.startswith("#include"):
        yield "%include" + word[len("#include") :]
    elif found := re.fullmatch(r"#pragma\s+target\s+\"(\w+)\"", word):
        yield f"%fork {found[1]}"
    elif found := re.fullmatch(r"#bytes\s+(?:(\w+):\s*)?(.+)", word):
        if found[1]:
            yield f".{found[1]}:"
        yield f"    %bytes {found[2]}"
    elif word.startswith("#"):
        out.mark(number, original, "this directive of geas has no counterpart")
    elif jump:
        yield f"    PUSH {jump[2]}"
        yield f"    {jump[1].upper()}"
    else:
        yield code


# ETK ----------------------------------------------------------------------------------------------


def _etk(text: str, path: str) -> Imported:
    out = _Writer(path)
    lines = text.splitlines()
    for number, original in enumerate(lines):
        code, comment = _split(original, "#")
        word = code.strip().replace("$", "")
        simple: Mapping[str, str] = {"import": "%include", "include_hex": "%incbin"}
        if found := re.fullmatch(r"%(import|include_hex)\((\"[^\"]*\")\)", word):
            out.write(f"{simple[found[1]]} {found[2]}", comment)
        elif found := re.fullmatch(r"%push\((.+)\)", word):
            out.write(f"    PUSH {found[1]}", comment)
        elif word.startswith(("%include(", "%def ")):
            out.mark(
                number, original, "a scoped include" if "include" in word
                else "a macro of expressions; write a %def or a %macro",
            )
        elif found := re.fullmatch(r"(\w+):", word):
            # Labels of ETK emit nothing; ours emit the JUMPDEST that mostly follows.
            following = next((line for line in lines[number + 1 :] if _code_of(line)), "")
            dot = "" if _code_of(following).lower() == "jumpdest" else "."
            out.write(f"{dot}{found[1]}:", comment)
        else:
            out.write(code.replace("$", ""), comment)
    return out.result


def _code_of(line: str) -> str:
    return _split(line, "#")[0].strip()


# pyevmasm and evm.codes ---------------------------------------------------------------------------

_OLD_NAMES = {"GETPC": "PC", "SSIZE": "MSIZE", "ASSERTFAIL": "INVALID", "PREVRANDO": "PREVRANDAO"}


def _mnemonics(text: str, path: str) -> Imported:
    out = _Writer(path)
    for number, original in enumerate(text.splitlines()):
        code, comment = _split(original, r";|//|#")
        # Listings often begin with the offset of the instruction.
        code = re.sub(r"^\s*(?:\[?(?:0x)?[0-9a-fA-F]+\]?:?\s+)(?=[A-Za-z])", "    ", code)
        word, _, operand = code.strip().partition(" ")
        name = _OLD_NAMES.get(word.upper(), word)
        row = opcode_by_name(name)
        operand = operand.strip()
        if not word or word.endswith(":"):
            out.write(code.strip() if word else code, comment)
        elif row is None and name.upper() != "PUSH":
            out.mark(number, original, "no mnemonic of the EVM")
        elif operand and row is not None and not row.immediate_size:
            out.write(f"    {name}", comment or f"# {operand}")
        else:
            out.write(f"    {name} {operand}".rstrip(), comment)
    return out.result


# huff ---------------------------------------------------------------------------------------------

_HUFF_TOKEN = re.compile(
    r"__\w+\(\s*(?:\"[^\"]*\"|[^()\"]*)\s*\)|\w+\s*\([^()]*\)|<\w+>|\[\w+\]|[\w.]+:|[\w.]+|\S"
)


def _huff(text: str, path: str) -> Imported:
    out = _Writer(path)
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.DOTALL)
    inside = False
    main = False
    for number, original in enumerate(text.splitlines()):
        code, comment = _split(original, "//")
        word = code.strip()
        if not word:
            out.write("", comment)
        elif found := re.match(
            r"#define\s+(?:macro|fn)\s+(\w+)\s*\(([^)]*)\)\s*=?\s*(.*?)\{?\s*$", word
        ):
            inside = True
            main |= found[1] == "MAIN"
            effect = f"# {found[3].strip()}" if found[3].strip() else ""
            out.write(f"%macro {found[1]}({found[2]})", comment or effect)
        elif word == "{":
            out.write("", comment)
        elif word == "}" and inside:
            inside = False
            out.write("%end", comment)
        elif found := re.fullmatch(r"#define\s+constant\s+(\w+)\s*=\s*(0x[0-9a-fA-F]+|\d+)", word):
            out.write(f"%def {found[1]} = {found[2]}", comment)
        elif word.startswith("#include"):
            out.write("%include" + word[len("#include") :], comment)
        elif re.match(r"#define\s+(function|event|error)\b", word):
            out.write("", f"# {word}")
        elif inside:
            _huff_tokens(word, number, original, out, comment)
        else:
            out.mark(number, original, "this directive of huff has no counterpart")
    if main:
        out.write("")
        out.write("    %MAIN()")
    return out.result


def _huff_tokens(word: str, number: int, original: str, out: _Writer, comment: str) -> None:
    for token in _HUFF_TOKEN.findall(word):
        line = _huff_token(token)
        if line is None:
            out.mark(number, original, f"{token} has no counterpart")
            return
        out.write(line, comment)
        comment = ""


def _huff_token(token: str) -> str | None:
    """A token of a macro's body, None if nothing in easm is like it."""
    if opcode_by_name(token) is not None:
        return f"    {token.upper()}"
    if re.fullmatch(r"0x[0-9a-fA-F]+|\d+", token):
        return f"    PUSH {token}"
    if token.endswith(":"):
        return token
    if found := re.fullmatch(r"[<\[](\w+)[>\]]", token):
        return f"    PUSH {found[1]}"
    if found := re.fullmatch(r"__FUNC_SIG\(\s*(\"[^\"]+\")\s*\)", token):
        return f"    PUSH4 selector({found[1]})"
    if found := re.fullmatch(r"__EVENT_HASH\(\s*(\"[^\"]+\")\s*\)", token):
        return f"    PUSH32 topic({found[1]})"
    if token.startswith("__"):
        return None
    if found := re.fullmatch(r"(\w+)\s*\(([^()]*)\)", token):
        arguments = re.sub(r"[<\[](\w+)[>\]]", r"\1", found[2])
        return f"    %{found[1]}({arguments})"
    if re.fullmatch(r"[A-Za-z_][\w.]*", token):
        return f"    PUSH {token}"
    return None


@hookimpl
def nvm_lsp_importers() -> Iterable[ImporterEntry]:
    return [
        ImporterEntry("geas", "geas, the assembler of go-ethereum's authors", lambda: _geas),
        ImporterEntry("etk", "ETK, the EVM toolkit", lambda: _etk),
        ImporterEntry("huff", "Huff", lambda: _huff),
        ImporterEntry("pyevmasm", "pyevmasm, mnemonics line by line", lambda: _mnemonics),
        ImporterEntry("evmcodes", "the mnemonics of evm.codes", lambda: _mnemonics),
    ]
