/** Words, gas and outcomes as people read them. */

import { test } from "node:test";
import assert from "node:assert/strict";
import type { RunResult } from "../../src/run-result";
import { describeData, describeGas, describeOutcome, describeVerdict, group, readWord } from "../../src/summary";

function run(changes: Partial<RunResult>): RunResult {
  const fields: Partial<RunResult> = {
    target: "nvm", outcome: "return", error: null, return_data: `0x${"7".padStart(64, "0")}`, steps: 8,
    gas: { used: 709, native: 45, overhead: 664, refund: 0 }, kernel: { pointer: 1, base: 832, memory: "0x" },
    decoded: { detail: null, reason: null, logs: [], storage: [] }, ...changes,
  };
  return fields as RunResult;
}

test("outcomes", () => {
  assert.equal(describeOutcome(run({})), "return 0x7");
  assert.equal(describeOutcome(run({ outcome: "stop", return_data: "0x" })), "stop");
  assert.equal(describeOutcome(run({ outcome: "halt", error: "stack underflow" })), "halt: stack underflow");
  const reason = { detail: null, reason: 'Error("no")', logs: [], storage: [] };
  assert.equal(describeOutcome(run({ outcome: "revert", decoded: reason })), 'revert Error("no")');
});

test("verdicts say whether it went well, and what interpretation cost", () => {
  assert.equal(describeVerdict(run({}), false), "✓ 8 steps · 664 gas above native");
  assert.equal(describeVerdict(run({ steps: 1, kernel: null }), false), "✓ 1 step");
  assert.equal(describeVerdict(run({}), true), "↻ changed since · 8 steps · 664 gas above native");
  assert.match(describeVerdict(run({ outcome: "halt", error: "out of gas" }), false), /^✗ halt: out of gas/);
  assert.equal(describeGas(run({})), "709 gas (45 native)");
});

test("data and words", () => {
  assert.equal(describeData("0x"), "");
  assert.equal(describeData("0x0102"), "0x0102");
  assert.equal(describeData(`0x${"ff".padStart(64, "0")}00`), "0xff (255) (+1 bytes)");
  assert.deepEqual(readWord("0xd8d726b7177a80000"), ["250,000,000,000,000,000,000", "250 ether"]);
  assert.ok(readWord(`0x68656c6c6f${"0".repeat(54)}`).includes('"hello"'));
  assert.ok(readWord("0x70ce000000000000000000000000000000000001").some((form) => form.startsWith("address 0x70ce")));
  assert.ok(readWord(`0x${"f".repeat(64)}`).includes("signed -1"));
  assert.equal(group(1234567), "1,234,567");
  assert.equal(group(-1234n), "-1,234");
});
