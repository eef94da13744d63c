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
  transient: { address: string; slot: string; before: string; after: string }[];
  console: string[];
  calls: Call[];
  created: unknown[];
  writers: { offset: number; pc: number; line: number | null }[];
  decoded: {
    detail: string | null;
    reason: string | null;
    logs: (string | null)[];
    storage: { name: string | null; line: number | null }[];
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

/** Steps in a row. `stack` (bottom first), `memory` and `writers` are those before the first one. */
export interface StepChunk {
  from: number;
  steps: Step[];
  stack: string[];
  memory: string;
  /** Word of memory, and the number of the step that wrote it last. */
  writers: [word: number, step: number][];
}

/** Where an instruction stands: line in the program, and the true place where that is elsewhere. */
export type Place = [line: number, path: string | null, pathLine: number | null];

export interface TraceHeader {
  total: number;
  kept: number;
  chunkSize: number;
  places: Record<string, Place>;
  opcodes: Record<string, string>;
}

export interface TraceAnswer {
  header: TraceHeader | null;
  chunk: StepChunk;
}
