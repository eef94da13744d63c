"""textDocument/inlayHint: the result of the last run at the line where it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsprotocol import types as lsp

    from nvm_lsp.server.server import NvmServer

__all__ = ["handle", "result_label", "run_tooltip"]

_ROWS_SHOWN = 32


def handle(server: NvmServer, params: lsp.InlayHintParams) -> list[dict[str, Any]]:
    uri, first, last = params.text_document.uri, params.range.start.line, params.range.end.line
    opened, result = server.documents.documents.get(uri), server.results.get(uri)
    if opened is None or result is None:
        return []
    place = result.json["last"]
    line = place["line"] - 1 if place is not None and place["line"] is not None else 0
    if not first <= line <= last or line >= len(opened.document.lines):
        return []
    text = opened.document.lines[line].rstrip("\r\n")
    stale = result.version != opened.version
    return [
        {
            "position": {"line": line, "character": server.converter.units(text, len(text))},
            "label": result_label(result.json, stale),
            "tooltip": {"kind": "markdown", "value": run_tooltip(result.json)},
            "paddingLeft": True,
        }
    ]


def result_label(result: dict[str, Any], stale: bool) -> str:
    """The hint: outcome, value, gas."""
    gas = result["gas"]["used"]
    outcome = result["outcome"]
    value = _value(result["return_data"])
    if result["error"]:
        value = result["error"]
    parts = [outcome + (f" {value}" if value else ""), f"{gas:,} gas"]
    label = "⇒ " + " · ".join(parts)
    return label + " (text changed since)" if stale else label


def run_tooltip(result: dict[str, Any]) -> str:
    """The hint's hover: gas, stack and the memory snapshot, in Markdown."""
    gas = result["gas"]
    lines = [f"**{result['outcome']}**" + (f": {result['error']}" if result["error"] else "")]
    native = (
        f", native {gas['native']:,}, overhead {gas['overhead']:,}"
        if gas["native"] is not None and result["kernel"] is not None
        else ""
    )
    lines.append(f"gas {gas['used']:,}{native} · {result['steps']:,} steps")
    lines.append(f"return data `{_shortened(result['return_data'])}`")
    if result["stack"]:
        lines.append("stack, top first: " + ", ".join(f"`{word}`" for word in result["stack"][:16]))
    lines += [
        f"storage `{change['address']}`[`{change['slot']}`]: "
        f"`{change['before']}` → `{change['after']}`"
        for change in result["storage"][:16]
    ]
    memory = bytes.fromhex(result["memory"][2:])
    lines.append(f"guest memory, {len(memory)} bytes\n```text\n{_hexdump(memory)}\n```")
    return "\n\n".join(lines)


def _value(data: str) -> str:
    raw = bytes.fromhex(data[2:])
    if not raw:
        return ""
    if len(raw) >= 32:
        return f"{int.from_bytes(raw[:32], 'big'):#x}" + (
            f" (+{len(raw) - 32} bytes)" if len(raw) > 32 else ""
        )
    return data


def _shortened(data: str) -> str:
    return data if len(data) <= 200 else f"{data[:194]}…"


def _hexdump(memory: bytes) -> str:
    rows = [
        f"{offset:#06x}  " + " ".join(
            memory[offset + i : offset + i + 8].hex() for i in range(0, 32, 8)
        )
        for offset in range(0, min(len(memory), 32 * _ROWS_SHOWN), 32)
    ]
    if len(memory) > 32 * _ROWS_SHOWN:
        rows.append(f"… {len(memory) - 32 * _ROWS_SHOWN} bytes more")
    return "\n".join(rows) or "empty"
