"""What runs have shown, as Markdown for the editor: comparisons, tests, differences of states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nvm_lsp.runner.guest_trace import Snapshot
from nvm_lsp.runner.render import meaning_of, render_state

__all__ = [
    "comparison_markdown",
    "comparison_summary",
    "snapshot_difference",
    "test_markdown",
    "test_summary",
]

_MOST_LINES = 50


def comparison_markdown(found: dict[str, Any]) -> str:
    """A comparison's JSON for people."""
    names = [run["name"] for run in found["runs"]]
    lines = [
        "| run | outcome | gas | steps |\n|---|---|---:|---:|",
        *(
            f"| {run['name']} | {run['outcome']} | {run['gas']:,} | {run['steps']:,} |"
            for run in found["runs"]
        ),
        "",
    ]
    if found["same"]:
        lines.append("Same steps, same result.")
    lines += [f"- {difference}" for difference in found["differences"]]
    if found["by_design"]:
        lines.append(f"\nBy design: {found['by_design']}.")
    divergence = found["divergence"]
    if divergence is not None:
        cause = divergence["cause"]
        after = f" after {cause['op']} {_place(cause)}" if cause is not None else ""
        lines.append(f"\nThe runs part before step {divergence['step'] + 1:,}{after}:\n")
        for name, state in zip(names, divergence["states"], strict=True):
            if state is None:
                lines.append(f"- {name}: has ended")
                continue
            words = ", ".join(state["stack"][:8]) + (", …" if len(state["stack"]) > 8 else "")
            lines.append(f"- {name}: {state['op']} {_place(state)}, stack `[{words}]`")
    lines += ["", f"| line | hits | {names[0]} | {names[1]} | difference |",
              "|---:|---:|---:|---:|---:|"]
    for row in found["lines"][:_MOST_LINES]:
        left, right = row["gas"]
        lines.append(
            f"| {row['key']} | {row['hits']:,} | {left:,} | {right:,} | {left - right:+,} |"
        )
    if len(found["lines"]) > _MOST_LINES:
        lines.append(f"\n{len(found['lines']) - _MOST_LINES:,} more lines")
    return "\n".join(lines)


def comparison_summary(found: dict[str, Any]) -> str:
    """A comparison in a line."""
    runs = ", ".join(f"{run['name']} {run['outcome']} {run['gas']:,} gas" for run in found["runs"])
    differences = "; ".join(["same steps, same result"] * found["same"] or found["differences"])
    return f"{runs}: {differences}" if differences else runs


def test_summary(found: dict[str, Any]) -> str:
    """A test in a line."""
    rows = [row for case in found["cases"] for row in case["findings"]]
    failed = sum(not row["passed"] for row in rows)
    problems = [case["problem"] for case in found["cases"] if case["problem"]]
    said = f"{failed} of {len(rows)} expectations not met" if failed else (
        f"{len(rows)} expectations met"
    )
    return "; ".join([said, *problems])


def _place(state: dict[str, Any]) -> str:
    line = f"line {state['line']}, " if state["line"] is not None else ""
    return f"at {line}pc {state['pc']:#06x}"


def test_markdown(found: dict[str, Any]) -> str:
    """The results of tests for people: what failed first."""
    lines = []
    for case in sorted(found["cases"], key=lambda case: bool(case["passed"])):
        name = case["name"] or "the program"
        lines.append(f"{'✓' if case['passed'] else '✗'} **{name}**: {case['outcome']}")
        for row in case["findings"]:
            if not row["passed"]:
                said = f"expected `{row['expected']}`, got `{row['got']}`"
                lines.append(f"- line {row['line']}: {said}")
                if row["details"]:
                    lines.append("\n```text\n" + "\n".join(row["details"]) + "\n```")
        if case["problem"]:
            lines.append(f"- {case['problem']}")
    passed = sum(bool(case["passed"]) for case in found["cases"])
    return "\n".join([f"{passed} of {len(found['cases'])} passed", "", *lines])


def snapshot_difference(
    before: dict[str, Any], after: dict[str, Any], left: str, right: str,
    writers: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Two states side by side: ``text`` marks what differs, ``changes`` lists it.

    The states are snapshots of a run's JSON, or such a JSON itself for its end. ``writers`` are
    those of the run, with lines: the last that wrote a word of memory.
    """
    old, new = _state(before), _state(after)
    lines = {row["offset"]: row["line"] for row in writers if row["line"] is not None}
    text = "\n".join(
        [f"--- {left}", f"+++ {right}", *(line.plain for line in render_state(new, old))]
    )
    changes = [
        {"what": what, "before": was, "after": now, "looks_like": _looks_like(now),
         "line": lines.get(offset) if offset is not None else None}
        for what, was, now, offset in _changes(old, new)
    ]
    rows = "\n".join(
        f"| {row['what']} | `{row['before']}` | `{row['after']}` | {_note(row)} |"
        for row in changes
    )
    head = f"| | {left} | {right} | |\n|---|---|---|---|\n"
    table = head + rows if changes else "Nothing differs."
    return {
        "same": not changes,
        "changes": changes,
        "text": text,
        "markdown": f"{table}\n\n```text\n{text}\n```",
    }


def _state(json: dict[str, Any]) -> Snapshot:
    storage = {}
    for name in ("storage", "transient"):
        storage[name] = {
            int(row["slot"], 16): int(row.get("value") or row.get("after"), 16)
            for row in json.get(name, ())
        }
    return Snapshot(
        json.get("pc", 0), 0, 0, tuple(int(word, 16) for word in json["stack"]),
        bytes.fromhex(json["memory"][2:]), **storage,
    )


def _looks_like(word: str) -> str:
    """What a word may mean beside its digits."""
    return meaning_of(int(word, 16)) if word != "-" else ""


def _note(row: dict[str, Any]) -> str:
    line = f"written by line {row['line']}" if row["line"] is not None else ""
    return " · ".join(part for part in (row["looks_like"], line) if part)


def _changes(
    old: Snapshot, new: Snapshot
) -> Iterator[tuple[str, str, str, int | None]]:
    """What differs, both values, and the offset if it is a word of memory."""
    height = max(len(old.stack), len(new.stack))
    for place in range(height, 0, -1):  # from the bottom, so that a push does not shift the rest
        was = hex(old.stack[-place]) if place <= len(old.stack) else "-"
        now = hex(new.stack[-place]) if place <= len(new.stack) else "-"
        if was != now:
            yield f"stack, word {place} from the bottom", was, now, None
    size = max(len(old.memory), len(new.memory))
    for offset in range(0, size, 32):
        was_row, now_row = (
            state.memory[offset : offset + 32].ljust(32, b"\0") for state in (old, new)
        )
        if was_row != now_row:
            was, now = "0x" + was_row.hex(), "0x" + now_row.hex()
            yield f"memory {offset:#06x}", was, now, offset
    for name, left, right in (
        ("storage", old.storage, new.storage), ("transient", old.transient, new.transient)
    ):
        for slot in sorted(left.keys() | right.keys()):
            if left.get(slot) != right.get(slot):
                was, now = (
                    "-" if slot not in words else hex(words[slot]) for words in (left, right)
                )
                yield f"{name}[{slot:#x}]", was, now, None
