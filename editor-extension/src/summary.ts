/** What a run comes to, in few words: for the end of a line, a notification, the panel's head. */

import type { RunResult } from "./run-result";

/** Whether the program ended as programs should. */
export function succeeded(result: RunResult): boolean {
  return result.outcome === "return" || result.outcome === "stop";
}

/** `return 0x7 (7)`, `revert Error("…")`, `halt: stack underflow`. */
export function describeOutcome(result: RunResult): string {
  const { outcome, error, return_data: data } = result;
  if (outcome === "halt" || outcome === "limit") return error ? `${outcome}: ${error}` : outcome;
  if (outcome === "revert") return `revert ${result.decoded.reason ?? describeData(data)}`.trim();
  return `${outcome} ${describeData(data)}`.trim();
}

/** Return data as its first word, in hexadecimal and, where a person would, in decimal. */
export function describeData(data: string): string {
  const size = byteLength(data);
  if (size === 0) return "";
  if (size < 32) return data;
  const word = BigInt(data.slice(0, 66));
  const shown = `0x${word.toString(16)}`;
  const decimal = word > 9n && word < 10n ** 12n ? ` (${group(word)})` : "";
  return shown + decimal + (size > 32 ? ` (+${group(size - 32)} bytes)` : "");
}

/** `✓ 8 steps · 664 gas above native`, for the end of a line whose inlay hint has the value. */
export function describeVerdict(result: RunResult, stale: boolean): string {
  const { overhead } = result.gas;
  const halted = result.outcome === "halt" || result.outcome === "limit";
  const steps = `${group(result.steps)} step${result.steps === 1 ? "" : "s"}`;
  const parts = succeeded(result) ? [steps] : [describeOutcome(result), steps];
  if (result.kernel !== null && overhead !== null && !halted) parts.push(`${group(overhead)} gas above native`);
  return `${stale ? "↻ changed since · " : succeeded(result) ? "✓ " : "✗ "}${parts.join(" · ")}`;
}

/** `709 gas (45 native)`. */
export function describeGas(result: RunResult): string {
  const { used, native } = result.gas;
  const compared = result.kernel !== null && native !== null ? ` (${group(native)} native)` : "";
  return `${group(used)} gas${compared}`;
}

/** The forms that a word may be meant in: decimal, ether, text, address. */
export function readWord(word: string): string[] {
  const value = BigInt(word);
  const forms = [group(value)];
  if (value >= 10n ** 14n && value < 10n ** 28n) forms.push(`${ether(value)} ether`);
  const text = asText(value);
  if (text !== null) forms.push(JSON.stringify(text));
  const bits = value.toString(2).length;
  if (bits > 120 && bits <= 160) forms.push(`address 0x${value.toString(16).padStart(40, "0")}`);
  if (value >> 255n === 1n) forms.push(`signed ${group(BigInt.asIntN(256, value))}`);
  return forms;
}

/** Digits in groups of three. */
export function group(value: bigint | number): string {
  return value.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** The number of bytes of a string of 0x and digits. */
export function byteLength(data: string): number {
  return Math.max(0, (data.length - 2) / 2);
}

function ether(value: bigint): string {
  const fraction = (value % 10n ** 18n).toString().padStart(18, "0").replace(/0+$/, "");
  return group(value / 10n ** 18n) + (fraction ? `.${fraction}` : "");
}

function asText(value: bigint): string | null {
  const digits = value.toString(16);
  const bytes = bytesOf(digits.length % 2 ? `0${digits}` : digits);
  while (bytes.length && bytes[bytes.length - 1] === 0) bytes.pop();
  if (bytes.length < 3 || bytes.some((byte) => byte < 0x20 || byte > 0x7e)) return null;
  return String.fromCharCode(...bytes);
}

function bytesOf(digits: string): number[] {
  const bytes: number[] = [];
  for (let at = 0; at < digits.length; at += 2) bytes.push(parseInt(digits.slice(at, at + 2), 16));
  return bytes;
}
