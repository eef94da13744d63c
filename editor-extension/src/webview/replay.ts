/** The state of a program before each step, replayed from what the steps changed. No DOM. */

import type { Place, Step, StepChunk, TraceHeader } from "../run-result";

export interface State {
  /** Number of the step that comes next; `total` of the trace if the program has ended. */
  index: number;
  step: Step | null;
  /** Bottom first. */
  stack: string[];
  /** How many words at the top the last step put there. */
  fresh: number;
  memory: Uint8Array;
  /** Words of memory that the last step wrote. */
  changed: Set<number>;
  /** Step that last wrote a word. */
  writers: Map<number, number>;
}

export type FetchChunk = (number: number) => Promise<StepChunk>;

/** Chunks kept; each holds some 2000 steps. */
const KEPT_CHUNKS = 24;

export class Replay {
  private readonly chunks = new Map<number, Promise<StepChunk>>();
  private current: State | null = null;

  constructor(readonly header: TraceHeader, first: StepChunk, private readonly fetchChunk: FetchChunk) {
    this.chunks.set(0, Promise.resolve(first));
  }

  /** The state before a step. Going forward within a chunk costs only the steps between. */
  async at(index: number): Promise<State> {
    const chunk = await this.chunk(Math.floor(index / this.header.chunkSize));
    const { current } = this;
    let state =
      current !== null && current.index >= chunk.from && current.index <= index ? current : begin(chunk);
    if (state.index < index) {
      // What was given out stays as it is; within this walk, state is changed in place.
      state = { ...state, stack: [...state.stack], memory: state.memory.slice(), writers: new Map(state.writers) };
    }
    while (state.index < index) {
      const step = chunk.steps[state.index + 1 - chunk.from];
      if (step === undefined) throw new RangeError(`there is no step ${index}`);
      advance(state, step);
    }
    this.current = state;
    return state;
  }

  /** The step of a number, for showing what wrote a word. */
  async stepAt(index: number): Promise<Step | null> {
    const chunk = await this.chunk(Math.floor(index / this.header.chunkSize));
    return chunk.steps[index - chunk.from] ?? null;
  }

  place(pc: number): Place | null {
    return this.header.places[String(pc)] ?? null;
  }

  mnemonic(opcode: number): string {
    return this.header.opcodes[String(opcode)] ?? `0x${opcode.toString(16).padStart(2, "0")}`;
  }

  private chunk(number: number): Promise<StepChunk> {
    let found = this.chunks.get(number);
    if (found === undefined) {
      found = this.fetchChunk(number);
      found.catch(() => this.chunks.delete(number));
      this.chunks.set(number, found);
      const oldest = [...this.chunks.keys()].find((key) => key !== 0 && key !== number);
      if (this.chunks.size > KEPT_CHUNKS && oldest !== undefined) this.chunks.delete(oldest);
    }
    return found;
  }
}

function begin(chunk: StepChunk): State {
  const first = chunk.steps[0] ?? null;
  const state: State = {
    index: chunk.from, step: first, stack: [...chunk.stack], fresh: 0, memory: bytesOf(chunk.memory.slice(2)),
    changed: new Set(), writers: new Map(chunk.writers),
  };
  if (first !== null) {
    // What the last step of the chunk before did is told, though it is done already.
    state.fresh = first[4].length;
    state.changed = wordsOf(first);
  }
  return state;
}

function advance(state: State, step: Step): void {
  const [, , , popped, pushed, offset, bytes, size] = step;
  state.stack.length -= popped;
  state.stack.push(...pushed);
  state.fresh = pushed.length;
  if (size > state.memory.length) {
    const memory = new Uint8Array(size);
    memory.set(state.memory);
    state.memory = memory;
  }
  if (bytes) state.memory.set(bytesOf(bytes).subarray(0, Math.max(state.memory.length - offset, 0)), offset);
  state.changed = wordsOf(step);
  for (const word of state.changed) state.writers.set(word, state.index);
  state.index += 1;
  state.step = step;
}

function wordsOf(step: Step): Set<number> {
  const [, , , , , offset, bytes] = step;
  const words = new Set<number>();
  if (bytes) for (let word = offset >> 5; word <= (offset + bytes.length / 2 - 1) >> 5; word++) words.add(word);
  return words;
}

/** The bytes that hexadecimal digits stand for. */
export function bytesOf(digits: string): Uint8Array {
  const bytes = new Uint8Array(digits.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = parseInt(digits.slice(at * 2, at * 2 + 2), 16);
  return bytes;
}
