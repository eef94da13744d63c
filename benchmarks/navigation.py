"""How fast navigation and structure are: ``python -m benchmarks.navigation``.

In files of 10,000 and 50,000 lines, each request follows an edit and waits for its answer: the
times are the answer's alone, on the clock and of the server's processor, which other work on the
machine does not change. Then references over a workspace of 2,000 files. Linux only.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.editing import URI, Client, program

REPEATS = 7
OPTIONS = {"tabSize": 4, "insertSpaces": True}


def main() -> None:
    for lines in (10_000, 50_000):
        _requests(lines)
    _workspace(2_000)


def _requests(lines: int) -> None:
    text = program(lines)
    middle = lines // 2
    use = next(n for n in range(middle, lines) if "PUSH l" in text.splitlines()[n])
    document = {"textDocument": {"uri": URI}}
    place = {**document, "position": {"line": use + 1, "character": 10}}
    row = {"start": {"line": middle, "character": 0}, "end": {"line": middle + 60, "character": 0}}
    asked: dict[str, Any] = {
        "textDocument/definition": place,
        "textDocument/references": {**place, "context": {"includeDeclaration": True}},
        "textDocument/documentHighlight": place,
        "textDocument/rename": {**place, "newName": "renamed"},
        "textDocument/prepareCallHierarchy": place,
        "textDocument/linkedEditingRange": place,
        "textDocument/selectionRange": {**document, "positions": [place["position"]]},
        "textDocument/documentSymbol": document,
        "textDocument/foldingRange": document,
        "textDocument/documentLink": document,
        "textDocument/formatting": {**document, "options": OPTIONS},
        "textDocument/onTypeFormatting": {**place, "ch": "\n", "options": OPTIONS},
        "textDocument/semanticTokens/range": {**document, "range": row},
        "textDocument/semanticTokens/full": document,
    }
    client = Client([sys.executable, "-m", "nvm_lsp", "serve", "--stdio"])
    try:
        client.initialize({
            "textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": True}}
        })
        client.open(text)
        tokens = client.ask("textDocument/semanticTokens/full", document)
        client.insert(middle, "# one line more, so that lines below stand where they are asked\n")
        client.settle(2)
        print(f"{lines:,} lines: ms from request to answer after an edit, and of the processor")
        for method, params in asked.items():
            _show(method, [_timed(client, middle, method, params)[:2] for _ in range(REPEATS)])
        times = []
        number = tokens["resultId"]
        for _ in range(REPEATS):
            *took, answer = _timed(
                client, middle, "textDocument/semanticTokens/full/delta",
                {**document, "previousResultId": number},
            )
            number = answer["resultId"]
            times.append((took[0], took[1]))
        _show("textDocument/semanticTokens/full/delta", times)
    finally:
        client.close()


def _timed(client: Client, line: int, method: str, params: Any) -> tuple[float, float, Any]:
    """Seconds that a request takes after one character was typed and deleted again."""
    client.insert(line, "#")
    position = {"line": line, "character": 0}
    client.version += 1
    change = {"range": {"start": position, "end": {"line": line, "character": 1}}, "text": ""}
    client.send("textDocument/didChange", {
        "textDocument": {"uri": URI, "version": client.version}, "contentChanges": [change],
    })
    client.settle(1 if line < 10_000 else 3)  # diagnostics are timed elsewhere
    begin, worked = time.perf_counter(), _processor(client)
    answer = client.ask(method, params)
    return time.perf_counter() - begin, _processor(client) - worked, answer


def _processor(client: Client) -> float:
    """Seconds that the server's threads were on a processor."""
    threads = Path(f"/proc/{client.process.pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def _workspace(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            path = Path(folder, str(number // 50), f"{number}.easm")
            path.parent.mkdir(exist_ok=True)
            path.write_text(f'%include "../lib.easm"\nstart:\n    PUSH FEE + {number}\n'
                            + f"    PUSH2 {number}\n    POP\n" * 50)
        library = Path(folder, "lib.easm")
        library.write_text("%def FEE = 1\n")
        uri = library.as_uri()
        client = Client([sys.executable, "-m", "nvm_lsp", "serve", "--stdio"])
        try:
            client.ask("initialize", {
                "processId": None, "rootUri": None, "capabilities": {},
                "workspaceFolders": [{"uri": Path(folder).as_uri(), "name": "bench"}],
            })
            client.send("initialized", {})
            client.open(library.read_text(), uri)
            client.settle(1)
            params = {
                "textDocument": {"uri": uri}, "position": {"line": 0, "character": 6},
                "context": {"includeDeclaration": True},
            }
            times = []
            for _ in range(6):
                begin = time.perf_counter()
                answer = client.ask("textDocument/references", params)
                times.append(time.perf_counter() - begin)
            later = statistics.median(times[1:])
            print(f"{len(answer):,} references in {count:,} files of 103 lines: "
                  f"first {times[0] * 1e3:.0f} ms, then {later * 1e3:.0f} ms")
        finally:
            client.close()


def _show(name: str, times: list[tuple[float, float]]) -> None:
    """The median and the worst, on the clock and of the processor."""
    columns = (f"{statistics.median(c) * 1e3:8.1f} {max(c) * 1e3:8.1f}"
               for c in zip(*times, strict=True))
    print(f"  {name:<42} {'  '.join(columns)}")


if __name__ == "__main__":
    main()
