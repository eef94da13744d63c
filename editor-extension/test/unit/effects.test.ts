/** What has happened to the state before a step, whichever way one comes to it. */

import { test } from "node:test";
import assert from "node:assert/strict";
import type { Effect } from "../../src/run-result";
import { Effects } from "../../src/webview/effects";

const ROWS: Effect[] = [
  [2, "storage", "0xaa", "0x1", "0x0", "0x5"],
  [4, "balance", "0xbb", "0x0", "0x9", "0x8"],
  [4, "call", 0],
  [6, "storage", "0xaa", "0x1", "0x5", "0x6"],
  [6, "storage", "0xbb", "0x2", "0x7", "0x8"],
  [7, "log", "0xbb", ["0x01"], "0x00", 1, null],
  [8, "return", 0],
  [8, "undo", 1],
  [8, "data", "0xff", 1],
  [9, "console", 0],
  [10, "call", 1],
  [11, "transient", "0xaa", "0x3", "0x0", "0x1"],
  [12, "log", "0xbb", [], "0x", 0, "Done()"],
];

const words = (found: { address: string; key: string; before: string; after: string; fresh: boolean }[]): string[] =>
  found.map(({ address, key, before, after, fresh }) => `${address}[${key}] ${before}>${after}${fresh ? "!" : ""}`);

test("words are those of the step, and what the step before changed is marked", () => {
  const it = new Effects(ROWS, null);
  assert.deepEqual(words(it.at(1).storage), []);
  assert.deepEqual(words(it.at(2).storage), ["0xaa[0x1] 0x0>0x5!"]);
  assert.deepEqual(words(it.at(3).storage), ["0xaa[0x1] 0x0>0x5"]);
  assert.deepEqual(words(it.at(6).storage), ["0xaa[0x1] 0x0>0x6!", "0xbb[0x2] 0x7>0x8!"]);
  assert.deepEqual(words(it.at(7).balances), ["0xbb[0x0] 0x9>0x8"]);
  assert.equal(it.at(11).transient.length, 1);
});

test("a call that fails takes back what it has done", () => {
  const it = new Effects(ROWS, null);
  assert.equal(it.at(7).logs.length, 1);
  const after = it.at(8);
  assert.deepEqual(words(after.storage), ["0xaa[0x1] 0x0>0x5!", "0xbb[0x2] 0x7>0x7!"]);
  assert.deepEqual(words(it.at(9).storage), ["0xaa[0x1] 0x0>0x5"]);
  assert.deepEqual(words(it.at(9).balances), []);
  assert.equal(after.logs.length, 0);
  assert.deepEqual(it.at(12).logs.map(({ decoded }) => decoded), ["Done()"]);
});

test("calls are open until they end, and what they return belongs to their caller", () => {
  const it = new Effects(ROWS, null);
  assert.deepEqual(it.at(5).calls, [{ call: 0, step: 4, end: null, fresh: false }]);
  assert.equal(it.at(7).data.size, 0);
  assert.deepEqual(it.at(8).calls, [{ call: 0, step: 4, end: 8, fresh: true }]);
  assert.deepEqual(it.at(8).data, { bytes: "0xff", size: 1, step: 8, fresh: true });
  assert.equal(it.at(11).data.size, 0, "the second call's own");
  assert.equal(it.at(8).console, 0);
  assert.equal(it.at(9).console, 1);
  assert.equal(it.beginOf(1), 10);
});

test("the way to a step does not matter, nor does going over a call", () => {
  const expected = Array.from({ length: 14 }, (_, step) => structuredClone(new Effects(ROWS, null).at(step)));
  const it = new Effects(ROWS, null);
  for (const step of [13, 0, 7, 8, 3, 12, 6, 5, 9, 1, 2, 4, 10, 11]) assert.deepEqual(it.at(step), expected[step]);
  assert.deepEqual(words(it.at(8, 3).storage), ["0xaa[0x1] 0x0>0x5!", "0xbb[0x2] 0x7>0x7!"]);
  assert.equal(it.mark(9), it.mark(9));
  assert.notEqual(it.mark(8), it.mark(9));
  assert.notEqual(it.mark(2), it.mark(3), "what was fresh is so no more");
  assert.equal(new Effects(ROWS, 9).at(8).untold, null);
  assert.equal(new Effects(ROWS, 9).at(9).untold, 9);
});
