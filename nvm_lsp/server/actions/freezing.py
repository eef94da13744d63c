"""What the last run has shown, written into the program as what the next ones must come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nvm_lsp.assembler import Assembly
from nvm_lsp.diagnostics import Applicability, Edit, Fix, Problem
from nvm_lsp.runner.expectations import parse_expectation
from nvm_lsp.runner.probes import ConstantNames, Place
from nvm_lsp.source import Location, Position, Span

__all__ = ["freeze", "freeze_end", "outcome_text", "update"]

_LONGEST_DATA = 2 + 2 * 96
#: Where a line of the text that was run is now; None if it is gone.
Now = Callable[[int], int | None]


def freeze(
    assembly: Assembly, first: int, last: int, result: dict[str, Any], now: Now
) -> Iterator[Fix]:
    """Expectations for the probes in lines of a program, or of a file that one includes.

    ``result`` is the run's JSON; a probe whose text has changed since is left alone.
    """
    tree, path = assembly.program.root.tree, assembly.program.root.path
    seen = {
        now(row["line"] - 1): row
        for row in result["probes"] if row["value"] is not None and row["file"] == path
    }
    edits: list[Edit] = []
    texts: list[str] = []
    for number in range(first, min(last, tree.line_count - 1) + 1):
        comment = tree.line(number).comment
        row = seen.get(number)
        if comment is None or comment.kind != "probe" or row is None:
            continue
        text = f"{row['text'].strip()} {row['value']}"
        if row["text"].strip() == comment.body and _can_be_read(text, assembly, path):
            end = comment.start + len(comment.text.rstrip())
            span = Span.of_line(number, comment.start, end)
            edits.append(Edit(Location(path, span), f"#= {text}"))
            texts.append(text)
    if edits:
        what = f"#= {texts[0]}" if len(edits) == 1 else f"{len(edits)} probes"
        yield Fix(f"Freeze to expectation: {what}", tuple(edits), Applicability.MANUAL)


def update(
    assembly: Assembly, first: int, last: int, cases: Sequence[dict[str, Any]], now: Now
) -> Iterator[Fix]:
    """Expectations in lines as the last tests have shown them, those that were not met.

    ``cases`` are those of `nvm_lsp.server.running.runs.Runs.test`. An expectation that holds in
    one case and fails in another is left alone, and so is one whose text has changed since.
    """
    tree, path = assembly.program.root.tree, assembly.program.root.path
    wanted: dict[int, set[str | None]] = {}
    texts: dict[int, str] = {}
    for case in cases:
        for row in case["findings"]:
            number = now(row["line"] - 1) if row["file"] == path else None
            if number is not None and first <= number <= last:
                texts[number] = row["text"]
                wanted.setdefault(number, set()).add(
                    row["text"] if row["passed"] else row["holds"]
                )
    for number, found in wanted.items():
        text = found.pop() if len(found) == 1 else None
        comment = tree.line(number).comment if number < tree.line_count else None
        if text is None or text == texts[number] or comment is None:
            continue
        if comment.kind == "expectation" and comment.body == texts[number].strip():
            end = comment.start + len(comment.text.rstrip())
            span = Span.of_line(number, comment.start, end)
            edit = Edit(Location(path, span), f"#= {text}")
            yield Fix(f"Expect what the test showed: #= {text}", (edit,), Applicability.MANUAL)


def freeze_end(
    assembly: Assembly, first: int, last: int, result: dict[str, Any], now: Now
) -> Iterator[Fix]:
    """An expectation of how a program's run ended, in the line where it did."""
    place = result["last"]
    line = now(place["line"] - 1) if place is not None and place["line"] is not None else None
    tree, path = assembly.program.root.tree, assembly.program.root.path
    text = outcome_text(result)
    if line is None or not first <= line <= last or line >= tree.line_count or text is None:
        return
    node = tree.line(line)
    if node.comment is not None or not _can_be_read(text, assembly, path):
        return
    end = Position(line, len(node.text.rstrip()))
    edit = Edit(Location(path, Span(end, end)), f"  #= {text}")
    yield Fix(f"Expect this outcome: #= {text}", (edit,), Applicability.MANUAL)


def outcome_text(result: dict[str, Any]) -> str | None:
    """A run's end in the words of an expectation; None where its data is too long to write."""
    outcome, data = result["outcome"], result["return_data"]
    if outcome in ("halt", "limit"):
        return f'{outcome} "{result["error"]}"'
    if data == "0x":
        return str(outcome)
    if outcome == "revert":
        reason = (result.get("decoded") or {}).get("reason")
        if isinstance(reason, str) and reason.startswith('Error("') and reason.endswith('")'):
            return f"revert {reason[6:-1]}"
    if len(data) > _LONGEST_DATA:
        return None
    value = int(data, 16)
    shown = str(value) if len(data) == 66 and value < 1_000_000 else data
    return f"{outcome} {shown}"


def _can_be_read(text: str, assembly: Assembly, path: str) -> bool:
    """Whether a text is an expectation; probes that are expressions are none."""
    names = ConstantNames(ConstantNames.of(assembly))
    found = parse_expectation(text, 0, Place(path, 0, ()), names)
    return not isinstance(found, Problem)


