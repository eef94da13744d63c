/** What the extension and its panel say to each other. */

import type { RunResult, TraceAnswer } from "../run-result";

export type ToPanel =
  | { type: "result"; name: string; uri: string; result: RunResult; stale: boolean; trusted: boolean }
  | { type: "stale"; stale: boolean }
  | { type: "running"; running: boolean }
  | { type: "trace"; request: number; answer: TraceAnswer }
  | { type: "traceFailed"; request: number; message: string };

export type FromPanel =
  | { type: "ready" }
  | { type: "chunk"; request: number; chunk: number }
  /** The panel stands at a line of the program, or at none, and maybe at one of another file. */
  | { type: "line"; line: number | null; path?: string | null; pathLine?: number | null }
  | { type: "reveal"; line: number; path: string | null }
  | { type: "command"; command: "run" | "runNatively" | "cancelRun" | "exportTrace" | "exportFlameGraph" }
  | { type: "copy"; text: string };
