/** What a run has done to the state before each step, replayed from the effects it told. No DOM. */

import type { Effect } from "../run-result";

/** A word of storage, transient storage, or a balance; `step` is before which it was written last. */
export interface Word {
  address: string;
  key: string;
  before: string;
  after: string;
  step: number;
  fresh: boolean;
}

export interface LogSoFar {
  address: string;
  topics: string[];
  data: string;
  size: number;
  decoded: string | null;
  step: number;
  fresh: boolean;
}

/** A call, by its place among the run's; `end` is the step before which it ended, null if it is open. */
export interface CallSoFar {
  call: number;
  step: number;
  end: number | null;
  fresh: boolean;
}

export interface StateSoFar {
  storage: Word[];
  transient: Word[];
  balances: Word[];
  logs: LogSoFar[];
  calls: CallSoFar[];
  /** How many lines were printed. */
  console: number;
  /** What the last call of the frame returned, its beginning, and how many bytes that were. */
  data: { bytes: string; size: number; fresh: boolean };
  /** Effects from this step on were not told. */
  untold: number | null;
}

type Kind = "storage" | "transient" | "balance";
const NOTHING = { bytes: "0x", size: 0, step: -1 };

export class Effects {
  private applied = 0;
  private words: Record<Kind, Map<string, Word>> = { storage: new Map(), transient: new Map(), balance: new Map() };
  private logs: (LogSoFar & { index: number })[] = [];
  private calls: CallSoFar[] = [];
  private open: CallSoFar[] = [];
  private console = 0;
  /** Return data of each open call's caller, the present frame's last. */
  private data = [NOTHING];
  /** What to put back when effects are undone. */
  private done: { index: number; kind: Kind; key: string; word: Word | undefined }[] = [];

  private readonly begins = new Map<number, number>();
  private readonly kinds: ReadonlySet<Effect[1]>;

  constructor(private readonly rows: Effect[], private readonly untold: number | null) {
    for (const row of rows) if (row[1] === "call") this.begins.set(row[2], row[0]);
    this.kinds = new Set(rows.map((row) => row[1]));
  }

  /** The state before a step; what has happened since step `since` is fresh. */
  at(step: number, since = step - 1): StateSoFar {
    if (this.applied > 0 && this.rows[this.applied - 1]![0] > step) this.restart();
    for (let row = this.rows[this.applied]; row !== undefined && row[0] <= step; row = this.rows[this.applied]) {
      this.apply(row, this.applied++);
    }
    const fresh = <T extends { step: number }>(item: T): T & { fresh: boolean } => ({ ...item, fresh: item.step > since });
    const words = (kind: Kind): Word[] =>
      [...this.words[kind].values()].map(fresh).filter((word) => word.fresh || word.before !== word.after);
    return {
      storage: words("storage"), transient: words("transient"), balances: words("balance"),
      logs: this.logs.map(fresh), console: this.console, data: fresh(this.data.at(-1)!),
      calls: this.calls.map((call) => ({ ...call, fresh: Math.max(call.step, call.end ?? 0) > since })),
      untold: this.untold !== null && step >= this.untold ? this.untold : null,
    };
  }

  /** Changes exactly when `at` would give something else for these steps. */
  mark(step: number, since = step - 1): string {
    return `${this.count(step)} ${this.count(since)} ${this.untold !== null && step >= this.untold}`;
  }

  /** Where in the steps a call began, null if that was not told. */
  beginOf(call: number): number | null {
    return this.begins.get(call) ?? null;
  }

  /** Whether anything of a kind happens in the whole run. */
  has(kind: Effect[1]): boolean {
    return this.kinds.has(kind);
  }

  /** How many effects there are before a step. */
  private count(step: number): number {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle]![0] <= step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private restart(): void {
    this.applied = this.console = 0;
    this.words = { storage: new Map(), transient: new Map(), balance: new Map() };
    this.logs = [];
    this.calls = [];
    this.open = [];
    this.data = [NOTHING];
    this.done = [];
  }

  private apply(row: Effect, index: number): void {
    const step = row[0];
    switch (row[1]) {
      case "storage":
      case "transient":
      case "balance": {
        const [, kind, address, key, before, after] = row;
        const id = `${address} ${key}`;
        const word = this.words[kind].get(id);
        this.done.push({ index, kind, key: id, word });
        this.words[kind].set(id, { address, key, before: word?.before ?? before, after, step, fresh: false });
        break;
      }
      case "log": {
        const [, , address, topics, data, size, decoded] = row;
        this.logs.push({ index, address, topics, data, size, decoded, step, fresh: false });
        break;
      }
      case "call": {
        const call = { call: row[2], step, end: null, fresh: false };
        this.calls.push(call);
        this.open.push(call);
        this.data.push(NOTHING);
        break;
      }
      case "return": {
        const call = this.open.pop();
        if (call !== undefined) call.end = step;
        if (this.data.length > 1) this.data.pop();
        break;
      }
      case "data":
        this.data[this.data.length - 1] = { bytes: row[2], size: row[3], step };
        break;
      case "console":
        this.console = row[2] + 1;
        break;
      case "undo":
        this.undo(row[2], step);
        break;
    }
  }

  /** Takes back what was changed from an effect on: a call has failed. */
  private undo(first: number, step: number): void {
    for (let last = this.done.at(-1); last !== undefined && last.index >= first; last = this.done.at(-1)) {
      this.done.pop();
      const words = this.words[last.kind];
      const now = words.get(last.key)!;
      // What goes back is told as a change of this step, even to a word that had not been written.
      words.set(last.key, { ...now, after: last.word?.after ?? now.before, step });
    }
    this.logs = this.logs.filter((log) => log.index < first);
  }
}
