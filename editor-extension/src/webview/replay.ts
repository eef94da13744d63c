/** The state of a program before each step, replayed from what the steps changed. No DOM. */

import type { Code, Frame, FrameState, Place, Step, StepChunk, TraceHeader } from "../run-result";

export interface State {
  /** Number of the step that comes next; `total` of the trace if the program has ended. */
  index: number;
  step: Step | null;
  /** The frames that are open, as places in the header's, the one that the step belongs to last. */
  path: number[];
  /** Bottom first. */
  stack: string[];
  /** How many words at the top the last step put there. */
  fresh: number;
  memory: Uint8Array;
  /** Words of memory that the last step wrote, and what they were before. */
  changed: Map<number, Uint8Array>;
  /** Step that last wrote a word. */
  writers: Map<number, number>;
}

export type FetchChunk = (number: number) => Promise<StepChunk>;

/** Chunks kept; each holds some 2000 steps. */
const KEPT_CHUNKS = 24;

interface Memory {
  stack: string[];
  memory: Uint8Array;
  writers: Map<number, number>;
}

/** A state, and the frames around. */
interface Walk extends State {
  frames: Memory[];
}

export class Replay {
  private readonly chunks = new Map<number, Promise<StepChunk>>();
  private readonly parents: Int32Array;
  private current: Walk | null = null;

  constructor(readonly header: TraceHeader, first: StepChunk, private readonly fetchChunk: FetchChunk) {
    this.chunks.set(0, Promise.resolve(first));
    this.parents = parentsOf(header.frames);
  }

  /** The state before a step. Going forward within a chunk costs only the steps between. */
  async at(index: number): Promise<State> {
    const chunk = await this.chunk(lastAtOrBefore(this.header.starts, index));
    const { current } = this;
    let walk = current !== null && current.index >= chunk.from && current.index <= index ? current : this.begin(chunk);
    if (walk.index < index) {
      // What was given out stays as it is; what is made in this walk is changed in place.
      const mine = new Set<Memory>();
      walk = { ...walk, frames: [...walk.frames] };
      while (walk.index < index) {
        const step = chunk.steps[walk.index + 1 - chunk.from];
        if (step === undefined) throw new RangeError(`there is no step ${index}`);
        this.advance(walk, step, mine);
      }
    }
    this.current = walk;
    return walk;
  }

  /** The step of a number, for showing what wrote a word. */
  async stepAt(index: number): Promise<Step | null> {
    const chunk = await this.chunk(lastAtOrBefore(this.header.starts, index));
    return chunk.steps[index - chunk.from] ?? null;
  }

  // Frames -------------------------------------------------------------------------------------------

  /** The frame that a step belongs to. */
  frameAt(index: number): number {
    let frame = lastBy(this.header.frames, (row) => row[0] <= index);
    while (frame > 0 && this.header.frames[frame]![1] <= index) frame = this.parents[frame]!;
    return Math.max(frame, 0);
  }

  /** The frames that are open at a step, outermost first. */
  pathAt(index: number): number[] {
    const path: number[] = [];
    for (let frame = this.frameAt(index); frame >= 0; frame = this.parents[frame]!) path.push(frame);
    return path.reverse();
  }

  /** The step that follows in the same frame or, at its end, in one around it. */
  over(index: number): number {
    return this.leave(this.frameAt(index), index + 1, ([, to]) => to);
  }

  /** The step before in the same frame or, at its beginning, in one around it. */
  backOver(index: number): number {
    return this.leave(this.frameAt(index), index - 1, ([from]) => from - 1);
  }

  /** The step after the end of the frame. */
  out(index: number): number {
    const frame = this.frameAt(index);
    return this.leave(this.parents[frame]!, this.header.frames[frame]![1], ([, to]) => to);
  }

  /** From a step past all frames that are neither a given one nor around it. */
  private leave(frame: number, index: number, past: (other: Frame) => number): number {
    const around = new Set<number>();
    for (let each = frame; each >= 0; each = this.parents[each]!) around.add(each);
    while (index >= 0 && index < this.header.kept) {
      let other = this.frameAt(index);
      if (around.has(other)) break;
      while (this.parents[other]! >= 0 && !around.has(this.parents[other]!)) other = this.parents[other]!;
      index = past(this.header.frames[other]!);
    }
    return index;
  }

  // What the header says -----------------------------------------------------------------------------

  /** What a frame runs; null for the program itself. */
  codeOf(frame: number): Code | null {
    const code = this.header.frames[frame]?.[3] ?? null;
    return code === null ? null : this.header.codes[code] ?? null;
  }

  place(pc: number, frame = 0): Place | null {
    const code = this.codeOf(frame);
    return (code === null ? this.header.places : code.places)[String(pc)] ?? null;
  }

  mnemonic(opcode: number): string {
    return this.header.opcodes[String(opcode)] ?? `0x${opcode.toString(16).padStart(2, "0")}`;
  }

  // Walking ------------------------------------------------------------------------------------------

  private begin(chunk: StepChunk): Walk {
    const first = chunk.steps[0] ?? null;
    const frames = chunk.frames.map(memoryOf);
    const last = frames.at(-1) ?? { stack: [], memory: new Uint8Array(), writers: new Map<number, number>() };
    const walk: Walk = {
      index: chunk.from, step: first, path: this.pathAt(chunk.from), ...last, fresh: 0, changed: new Map(), frames,
    };
    if (first !== null) {
      // What the last step of the chunk before did is told, though it is done already.
      walk.fresh = first[4].length;
      for (const word of wordsOf(first)) walk.changed.set(word, new Uint8Array());
    }
    return walk;
  }

  private advance(walk: Walk, step: Step, mine: Set<Memory>): void {
    const [, , , popped, pushed, offset, bytes, size] = step;
    this.enter(walk);
    const at = walk.frames.length - 1;
    let frame = walk.frames[at]!;
    if (!mine.has(frame)) {
      frame = { stack: [...frame.stack], memory: frame.memory.slice(), writers: new Map(frame.writers) };
      mine.add(frame);
      walk.frames[at] = frame;
    }
    frame.stack.length -= popped;
    frame.stack.push(...pushed);
    if (size > frame.memory.length) {
      const memory = new Uint8Array(size);
      memory.set(frame.memory);
      frame.memory = memory;
    }
    walk.changed = new Map();
    for (const word of wordsOf(step)) {
      walk.changed.set(word, frame.memory.slice(word * 32, word * 32 + 32));
      frame.writers.set(word, walk.index);
    }
    if (bytes) frame.memory.set(bytesOf(bytes).subarray(0, Math.max(frame.memory.length - offset, 0)), offset);
    walk.index += 1;
    walk.step = step;
    walk.fresh = pushed.length;
    ({ stack: walk.stack, memory: walk.memory, writers: walk.writers } = frame);
  }

  /** Opens and leaves frames on the way to the next step. */
  private enter(walk: Walk): void {
    const next = this.frameAt(walk.index + 1);
    if (next === walk.path.at(-1)) return;
    const path = this.pathAt(walk.index + 1);
    let same = 0;
    while (same < path.length && path[same] === walk.path[same]) same += 1;
    walk.frames.length = same;
    while (walk.frames.length < path.length) {
      walk.frames.push({ stack: [], memory: new Uint8Array(), writers: new Map() });
    }
    walk.path = path;
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

/** The frame that each frame was called from, -1 for the outermost. */
function parentsOf(frames: Frame[]): Int32Array {
  const parents = new Int32Array(frames.length);
  const open: number[] = [];
  frames.forEach(([, , depth], index) => {
    open.length = Math.min(open.length, depth - 1);
    parents[index] = open.at(-1) ?? -1;
    open.push(index);
  });
  return parents;
}

function memoryOf(state: FrameState): Memory {
  const memory = new Uint8Array(state.size);
  for (const [offset, page] of state.memory) memory.set(bytesOf(page), offset);
  return { stack: [...state.stack], memory, writers: new Map(state.writers) };
}

/** The last index of a list whose items satisfy a condition up to some place; -1 if none does. */
function lastBy<T>(list: readonly T[], holds: (item: T) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(list[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function lastAtOrBefore(starts: readonly number[], index: number): number {
  return Math.max(lastBy(starts, (start) => start <= index), 0);
}

function wordsOf(step: Step): number[] {
  const [, , , , , offset, bytes] = step;
  const words: number[] = [];
  if (bytes) for (let word = offset >> 5; word <= (offset + bytes.length / 2 - 1) >> 5; word++) words.push(word);
  return words;
}

/** The bytes that hexadecimal digits stand for. */
export function bytesOf(digits: string): Uint8Array {
  const bytes = new Uint8Array(digits.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = parseInt(digits.slice(at * 2, at * 2 + 2), 16);
  return bytes;
}
