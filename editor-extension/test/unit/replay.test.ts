/** Replaying steps: forwards, back, across chunks, with what wrote each word. */

import { test } from "node:test";
import assert from "node:assert/strict";
import type { Step, StepChunk, TraceHeader } from "../../src/run-result";
import { Replay } from "../../src/webview/replay";

const WORD = (value: number): string => value.toString(16).padStart(64, "0");
// PUSH 7, PUSH 0, MSTORE | PUSH 32, PUSH 0, RETURN: each row says what the step before it did.
const STEPS: Step[] = [
  [0, 0x60, 100, 0, [], 0, "", 0],
  [2, 0x5f, 97, 0, ["0x7"], 0, "", 0],
  [3, 0x52, 95, 0, ["0x0"], 0, "", 0],
  [4, 0x60, 89, 2, [], 0, WORD(7), 32],
  [6, 0x5f, 86, 0, ["0x20"], 0, "", 32],
  [7, 0xf3, 84, 0, ["0x0"], 0, "", 32],
];
const HEADER: TraceHeader = {
  total: 6, kept: 6, chunkSize: 3, places: { "3": [3, null, null] }, opcodes: { "82": "MSTORE" },
};
const CHUNKS: StepChunk[] = [
  { from: 0, steps: STEPS.slice(0, 3), stack: [], memory: "0x", writers: [] },
  { from: 3, steps: STEPS.slice(3), stack: [], memory: `0x${WORD(7)}`, writers: [[0, 2]] },
];

function replay(asked: number[] = []): Replay {
  return new Replay(HEADER, CHUNKS[0]!, (number) => {
    asked.push(number);
    return Promise.resolve(CHUNKS[number]!);
  });
}

test("every state is the same whichever way it is come to", async () => {
  const forward = replay();
  const there = [];
  for (let index = 0; index < 6; index++) there.push(structuredClone(await forward.at(index)));
  assert.deepEqual(there.map(({ stack }) => stack), [[], ["0x7"], ["0x7", "0x0"], [], ["0x20"], ["0x20", "0x0"]]);
  assert.equal(there[3]!.memory[31], 7);
  assert.deepEqual([...there[3]!.changed], [0]);
  assert.deepEqual([...there[4]!.changed], []);
  assert.equal(there[5]!.writers.get(0), 2);
  for (const index of [5, 0, 4, 2, 3, 1]) assert.deepEqual(await forward.at(index), there[index]);
});

test("a chunk is fetched once, and what was given out is never changed afterwards", async () => {
  const asked: number[] = [];
  const it = replay(asked);
  const before = await it.at(1);
  await it.at(5);
  await it.at(4);
  assert.deepEqual(before.stack, ["0x7"]);
  assert.equal(before.memory.length, 0);
  assert.deepEqual(asked, [1]);
});

test("places and mnemonics come from the header", async () => {
  const it = replay();
  assert.deepEqual(it.place(3), [3, null, null]);
  assert.equal(it.place(99), null);
  assert.equal(it.mnemonic(0x52), "MSTORE");
  assert.equal(it.mnemonic(0x0c), "0x0c");
  assert.equal((await it.stepAt(2))?.[1], 0x52);
});

test("a chunk that could not be fetched is asked for again", async () => {
  let failures = 1;
  const it = new Replay(HEADER, CHUNKS[0]!, (number) =>
    failures-- > 0 ? Promise.reject(new Error("away")) : Promise.resolve(CHUNKS[number]!));
  await assert.rejects(it.at(4), /away/);
  assert.deepEqual((await it.at(4)).stack, ["0x20"]);
});
