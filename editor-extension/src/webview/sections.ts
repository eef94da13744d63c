/** What a run has changed, logged, printed and called, so far or in the end, as lists in the panel. */

import type { Call, RunResult } from "../run-result";
import { byteLength, group, readWord } from "../summary";
import { byId, h } from "./dom";
import type { CallSoFar, Effects, LogSoFar, StateSoFar, Word } from "./effects";

/** What the lists can ask for. */
export interface Actions {
  goTo(step: number): void;
  reveal(line: number): void;
  copy(text: string): void;
}

const ROWS_SHOWN = 200;

/** The lists of one run. They are drawn again only if they change. */
export class Sections {
  private drawn = "";
  private readonly names: ReadonlyMap<string, string>;
  private readonly lines: ReadonlyMap<string, number>;

  constructor(private readonly run: RunResult, private readonly actions: Actions) {
    const slots = run.storage.map((change, index) => [`${change.address} ${change.slot}`, run.decoded.storage[index]] as const);
    this.names = new Map(slots.flatMap(([slot, found]) => (found?.name ? [[slot, found.name]] : [])));
    this.lines = new Map(slots.flatMap(([slot, found]) => (found?.line ? [[slot, found.line]] : [])));
  }

  /** What came of it in the end. */
  showEnd(effects: Effects | null): void {
    const { run } = this;
    const none = { step: 0, fresh: false };
    this.draw("the end", effects, {
      storage: run.storage.map(({ address, slot, before, after }) => ({ address, key: slot, before, after, ...none })),
      transient: run.transient.map(({ address, slot, value }) => ({ address, key: slot, before: "0x0", after: value, ...none })),
      balances: run.balances.map((change) => ({ ...change, key: "0x0", ...none })),
      logs: run.logs.map((log, index) => ({ ...log, size: byteLength(log.data), decoded: run.decoded.logs[index] ?? null, ...none })),
      calls: run.calls.map((_, call) => ({ call, step: -1, end: 0, fresh: false })),
      console: run.console.length, data: { bytes: "0x", size: 0, fresh: false }, untold: null,
    }, true);
  }

  /** What had happened before a step; what did since another one is marked. */
  showStep(effects: Effects, step: number, since: number): void {
    const mark = effects.mark(step, since);
    if (mark !== this.drawn) this.draw(mark, effects, effects.at(step, since), false);
  }

  private draw(mark: string, effects: Effects | null, state: StateSoFar, ended: boolean): void {
    this.drawn = mark;
    const { run } = this;
    const list = (id: string, rows: Row[], ever: boolean): void => section(id, rows, ever, ended);
    // So far: the newest first, so that what a step has changed is in sight.
    if (!ended) for (const words of [state.storage, state.transient, state.balances]) words.sort((a, b) => b.step - a.step);
    list("storage", state.storage.map((word) => this.wordRow(word, this.names.get(`${word.address} ${word.key}`) ?? word.key, ended)),
      run.storage.length > 0 || (effects?.has("storage") ?? false));
    list("logs", state.logs.map((log) => this.logRow(log)), run.logs.length > 0 || (effects?.has("log") ?? false));
    list("transient", state.transient.map((word) => this.wordRow(word, word.key, ended)),
      run.transient.length > 0 || (effects?.has("transient") ?? false));
    list("balances", state.balances.map((word) => this.wordRow(word, "balance", ended)),
      run.balances.length > 0 || (effects?.has("balance") ?? false));
    list("console", run.console.slice(0, state.console).map((line) => ({ fresh: false, make: () => h("div", { class: "row mono", text: line }) })),
      run.console.length > 0);
    list("calls", state.calls.map((call) => this.callRow(call, effects)), run.calls.length > 0);
    list("returned", state.data.size ? [this.dataRow(state.data)] : [], !ended && (effects?.has("data") ?? false));
    byId("returned-count").textContent = ended || state.data.size === 0 ? "none" : `${group(state.data.size)} bytes`;
    byId("untold").textContent = state.untold === null ? ""
      : `There are so many changes that those after step ${group(state.untold)} are not told one by one.`;
  }

  private wordRow(word: Word, what: string, ended: boolean): Row {
    const line = ended ? this.lines.get(`${word.address} ${word.key}`) : undefined;
    return {
      fresh: word.fresh,
      make: () => h(
        "div", { class: word.fresh ? "row change fresh" : "row change" },
        h("span", { class: "address", text: shortAddress(word.address), title: word.address }),
        h("span", { class: "slot", text: shorten(what), title: what }),
        h("span", { class: "values" },
          h("span", { class: "before", text: shorten(word.before), title: titleOf(word.before) }), " → ",
          h("span", { class: "after", text: shorten(word.after), title: titleOf(word.after) })),
        ended
          ? line === undefined ? null : this.link(`line ${line}`, "show the line that wrote it", () => this.actions.reveal(line))
          : this.link(`step ${group(word.step)}`, "go to the step that wrote it", () => this.actions.goTo(word.step - 1)),
      ),
    };
  }

  private logRow(log: LogSoFar): Row {
    const cut = log.size > byteLength(log.data) ? "…" : "";
    return {
      fresh: log.fresh,
      make: () => h(
        "div", { class: log.fresh ? "row fresh" : "row" },
        h("span", { class: "address", text: shortAddress(log.address), title: log.address }),
        h("span", { class: "log" },
          ...(log.decoded !== null
            ? [h("span", { class: "decoded", text: log.decoded, title: [...log.topics, log.data.slice(0, 400)].join("\n") })]
            : [...log.topics, ...(log.size ? [log.data + cut] : [])].map((word) =>
                h("span", { class: "topic", text: shorten(word), title: word.slice(0, 400) }))),
          log.decoded === null && !log.topics.length && !log.size && h("span", { class: "dim", text: "no topics, no data" })),
      ),
    };
  }

  private callRow({ call: index, step, end, fresh }: CallSoFar, effects: Effects | null): Row {
    const call = this.run.calls[index];
    const begin = step >= 0 ? step : null;
    return {
      fresh,
      make: () => {
        if (call === undefined) return h("div");
        const open = end === null;
        const failure = open || call.success ? "" : call.reason ?? call.error ?? "failed";
        const at = begin ?? effects?.beginOf(index) ?? null;
        const row = h(
          "div", { class: `row call${failure ? " failed" : ""}${fresh ? " fresh" : ""}` },
          h("span", { class: "kind", text: call.kind }),
          h("span", { class: "decoded", text: nameOf(call), title: `${call.to}\n${call.data.slice(0, 400)}` }),
          h("span", { class: "gas", text: open ? "still runs" : `${group(call.gas_used)} gas` }),
          at === null ? h("span") : this.link(`step ${group(at)}`, "go to the step that makes the call", () => this.actions.goTo(at - 1)),
          call.value === "0x0" ? null : h("span", { class: "more dim", text: `with ${readWord(call.value).join(" · ")}` }),
          failure ? h("span", { class: "more failure", text: failure }) : null,
        );
        row.style.paddingLeft = `${4 + 18 * Math.min(call.depth - 1, 8)}px`;
        return row;
      },
    };
  }

  private dataRow(data: StateSoFar["data"]): Row {
    const cut = data.size > byteLength(data.bytes) ? "…" : "";
    return {
      fresh: data.fresh,
      make: () => h(
        "div", { class: data.fresh ? "row fresh" : "row" },
        h("span", { class: "mono wrap", text: data.bytes.slice(0, 514) + (data.bytes.length > 514 ? "…" : cut) }),
        h("span", { class: "dim", text: data.size === 32 ? readWord(data.bytes).slice(0, 3).join(" · ") : "" }),
        this.link("copy", "copy the bytes", () => this.actions.copy(data.bytes)),
      ),
    };
  }

  private link(text: string, title: string, click: () => void): HTMLElement {
    return h("button", { class: "link", text, title, on: { click } });
  }
}

/** What a call is called by people: the contract and the function, as far as they are known. */
export function nameOf(call: Call): string {
  const to = call.label ?? shortAddress(call.to);
  if (call.kind.startsWith("CREATE")) return `creation of ${to}`;
  if (call.name !== null) return `${to}.${call.name}`;
  if (byteLength(call.data)) return `${to}.${call.data.slice(0, 10)}…`;
  return `${to}, ${call.value === "0x0" ? "no data" : "plain ether"}`;
}

interface Row {
  fresh: boolean;
  make(): HTMLElement;
}

/** A list; what is fresh is shown however long it is. It stays if the run `ever` has something in it. */
function section(id: string, rows: Row[], ever: boolean, ended: boolean): void {
  const element = byId(id);
  element.classList.toggle("hidden", rows.length === 0 && (ended || !ever));
  byId(`${id}-count`).textContent = group(rows.length);
  const shown = rows.filter((row, index) => index < ROWS_SHOWN || row.fresh).slice(0, 2 * ROWS_SHOWN);
  byId(`${id}-rows`).replaceChildren(
    ...shown.map((row) => row.make()),
    ...(rows.length > shown.length ? [h("div", { class: "dim", text: `${group(rows.length - shown.length)} more` })] : []),
    ...(rows.length ? [] : [h("div", { class: "dim", text: "none yet" })]),
  );
}

export function shortAddress(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`;
}

export function shorten(text: string): string {
  return text.length > 30 ? `${text.slice(0, 18)}…${text.slice(-8)}` : text;
}

/** A word in full, and what it may mean, for a tooltip. */
export function titleOf(word: string): string {
  return /^0x[0-9a-f]{1,64}$/.test(word) ? [word, ...readWord(word)].join("\n") : word;
}
