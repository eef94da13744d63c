/** A run as the server tells it: run.schema.json, and the steps of a run for the panel. No logic. */

export interface StorageChange {
  address: string;
  slot: string;
  before: string;
  after: string;
}

export interface LogEntry {
  address: string;
  topics: string[];
  data: string;
}

/** A call that the guest made, or one below it; `step` is the guest's step, from zero. */
export interface Call {
  depth: number;
  kind: string;
  step: number | null;
  to: string;
  label: string | null;
  value: string;
  data: string;
  name: string | null;
  gas_used: number;
  success: boolean;
  output: string;
  error: string | null;
  reason: string | null;
}

export interface RunResult {
  schema: 1;
  target: "nvm" | "evm";
  backend: string;
  build: { fork: string; profile?: string; [option: string]: unknown };
  outcome: "return" | "stop" | "revert" | "halt" | "limit";
  error: string | null;
  return_data: string;
  gas: { used: number; native: number | null; overhead: number | null; refund: number };
  steps: number;
  host_steps: number;
  last: { pc: number; line: number | null } | null;
  stack: string[];
  memory: string;
  kernel: { pointer: number | null; base: number; memory: string } | null;
  storage: StorageChange[];
  balances: { address: string; before: string; after: string }[];
  logs: LogEntry[];
  transient: { address: string; slot: string; value: string }[];
  console: string[];
  calls: Call[];
  created: unknown[];
  writers: { offset: number; pc: number; line: number | null }[];
  decoded: {
    detail: string | null;
    reason: string | null;
    logs: (string | null)[];
    storage: { name: string | null; pc: number | null; line: number | null }[];
  };
  truncated: boolean;
}

/**
 * One step: offset, opcode, the host's gas before it, and what it found changed by the step before:
 * words popped, words pushed (bottom first), bytes of memory, where they start ("" for none), and
 * the size of memory.
 */
export type Step = [
  pc: number,
  opcode: number,
  gas: number,
  popped: number,
  pushed: string[],
  memoryOffset: number,
  memoryBytes: string,
  memorySize: number,
];

/** A frame before a step: stack (bottom first), memory as pages that are not zero, and what wrote it. */
export interface FrameState {
  stack: string[];
  size: number;
  memory: [offset: number, bytes: string][];
  /** Word of memory, and the number of the step that wrote it last. */
  writers: [word: number, step: number][];
}

/** Steps in a row. `frames` are the open ones before the first step, outermost first. */
export interface StepChunk {
  from: number;
  steps: Step[];
  frames: FrameState[];
}

/**
 * Where an instruction stands: line in the program, and the true place where that is elsewhere. Code
 * that is not the program's has no line there.
 */
export type Place = [line: number | null, path: string | null, pathLine: number | null];

/** First step, one past the last, depth from 1, place in `codes` and among the run's calls. */
export type Frame = [from: number, to: number, depth: number, code: number | null, call: number | null];

/** What an inner frame runs. */
export interface Code {
  address: string;
  label: string | null;
  /** A nested guest, which a NestedVM runs. */
  guest: boolean;
  path: string | null;
  places: Record<string, Place>;
}

/** What a run did to the state, and before which step it had happened; see `nvm.trace`. */
export type Effect =
  | [step: number, kind: "storage" | "transient" | "balance", address: string, key: string, before: string, after: string]
  | [step: number, kind: "log", address: string, topics: string[], data: string, size: number, decoded: string | null]
  | [step: number, kind: "call" | "return" | "console" | "undo", number: number]
  | [step: number, kind: "data", bytes: string, size: number];

export interface TraceHeader {
  total: number;
  kept: number;
  /** The number of each chunk's first step. */
  starts: number[];
  frames: Frame[];
  codes: Code[];
  effects: Effect[];
  untold: number | null;
  places: Record<string, Place>;
  opcodes: Record<string, string>;
}

export interface TraceAnswer {
  header: TraceHeader | null;
  chunk: StepChunk;
}
