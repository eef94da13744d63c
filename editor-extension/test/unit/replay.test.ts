/** Replaying steps: forwards, back, across chunks, with what wrote each word. */

import { test } from "node:test";
import assert from "node:assert/strict";
import type { Frame, FrameState, Step, StepChunk, TraceHeader } from "../../src/run-result";
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
  total: 6, kept: 6, starts: [0, 3], frames: [[0, 6, 1, null, null]], codes: [], effects: [], untold: null,
  places: { "3": [3, null, null] }, opcodes: { "82": "MSTORE" },
};
const CHUNKS: StepChunk[] = [
  { from: 0, steps: STEPS.slice(0, 3), frames: [{ stack: [], size: 0, memory: [], writers: [] }] },
  { from: 3, steps: STEPS.slice(3), frames: [{ stack: [], size: 32, memory: [[0, WORD(7)]], writers: [[0, 2]] }] },
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
  assert.deepEqual([...there[3]!.changed.keys()], [0]);
  assert.deepEqual([...there[4]!.changed.keys()], []);
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

// Inner frames: the program calls at steps 1 and 8; the first call calls at 3, and at 5 again, at once.
const CODE = { address: "0xaa", label: "token", guest: false, path: "/t.easm", places: { "0": [null, "/t.easm", 4] as [null, string, number] } };
const FRAMES: Frame[] = [
  [0, 12, 1, null, null], [2, 8, 2, 0, 0], [4, 5, 3, 0, 1], [5, 6, 3, 0, 2], [9, 11, 2, 0, 3],
];
const DEPTHS = [0, 0, 1, 1, 2, 2, 1, 1, 0, 1, 1, 0];

function nested(starts: number[]): Replay {
  // Each step pushes its number in its frame; the state of a frame is the numbers of its steps but the last.
  const own: number[][] = FRAMES.map(() => []);
  const rows: Step[] = [];
  const before: FrameState[][] = [];
  const frameOf = [0, 0, 1, 1, 2, 3, 1, 1, 0, 4, 4, 0];
  frameOf.forEach((frame, index) => {
    const last = own[frame]!.at(-1);
    const size = 32 * own[frame]!.length;
    rows.push([index, 0x60, 100, 0, last === undefined ? [] : [`0x${last.toString(16)}`], size && size - 32, last === undefined ? "" : WORD(last), size]);
    before.push([0, 1, 2, 3, 4].filter((open) => FRAMES[open]![0] <= index && index < FRAMES[open]![1]).map((open) => ({
      stack: own[open]!.slice(0, open === frame ? undefined : -1).map((step) => `0x${step.toString(16)}`),
      size: 32 * Math.max(own[open]!.length - (open === frame ? 0 : 1), 0),
      memory: own[open]!.slice(0, open === frame ? undefined : -1).map((step, word) => [32 * word, WORD(step)] as [number, string]),
      writers: [],
    })));
    own[frame]!.push(index);
  });
  const chunks = starts.map((from, at): StepChunk => ({ from, steps: rows.slice(from, starts[at + 1]), frames: before[from]! }));
  const header = { ...HEADER, total: 12, kept: 12, starts, frames: FRAMES, codes: [CODE] };
  return new Replay(header, chunks[0]!, (number) => Promise.resolve(chunks[number]!));
}

test("each frame has its own stack and memory, wherever the chunks begin", async () => {
  for (const starts of [[0], [0, 5], [0, 4, 8, 10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]) {
    const it = nested(starts);
    const seen = [];
    for (let index = 0; index < 12; index++) {
      const { stack, memory, path } = await it.at(index);
      assert.equal(path.length - 1, DEPTHS[index]);
      assert.equal(memory.length, 32 * stack.length);
      assert.deepEqual(stack.map((_, word) => memory[32 * word + 31]), stack.map(Number));
      seen.push(stack.map(Number));
    }
    assert.deepEqual(seen, [[], [0], [], [2], [], [], [2, 3], [2, 3, 6], [0, 1], [], [9], [0, 1, 8]], starts.join());
    for (const index of [11, 6, 7, 2, 5]) assert.deepEqual((await it.at(index)).stack.map(Number), seen[index]);
  }
});

test("one can step over calls, both ways, and out of them", () => {
  const it = nested([0]);
  assert.deepEqual(DEPTHS.map((_, index) => it.over(index)), [1, 8, 3, 6, 6, 6, 7, 8, 11, 10, 11, 12]);
  assert.deepEqual([1, 2, 4, 5, 6, 8, 9, 11].map((index) => it.backOver(index)), [0, 1, 3, 3, 3, 1, 8, 8]);
  assert.deepEqual(DEPTHS.map((_, index) => it.out(index)), [12, 12, 8, 8, 6, 6, 8, 8, 12, 11, 11, 12]);
  assert.deepEqual(it.place(0, 1), [null, "/t.easm", 4]);
  assert.equal(it.place(0, 0), null);
});
