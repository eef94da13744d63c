/** The NestedVM panel: what a run did, and every step of it, forwards and back. */

import "@vscode-elements/elements/dist/vscode-badge/index.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import "@vscode-elements/elements/dist/vscode-collapsible/index.js";
import "@vscode-elements/elements/dist/vscode-icon/index.js";
import "@vscode-elements/elements/dist/vscode-progress-ring/index.js";
import "@vscode-elements/elements/dist/vscode-toolbar-button/index.js";
import type { Call, RunResult, TraceAnswer } from "../run-result";
import { byteLength, describeOutcome, group, readWord, succeeded } from "../summary";
import { byId, h } from "./dom";
import { MemoryView } from "./memory-view";
import type { FromPanel, ToPanel } from "./messages";
import { bytesOf, Replay, type State } from "./replay";

interface Api {
  postMessage(message: FromPanel): void;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();
const STACK_SHOWN = 64;

let result: RunResult | null = null;
let replay: Replay | null = null;
let stale = false;
let running = false;
/** The step that the panel stands at; the number of kept steps means after the last one. */
let position = 0;
let walking = false;
let wanted: number | null = null;
let state: State | null = null;

const memory = new MemoryView("guest memory", (word) => void showWriter(word));
const kernel = new MemoryView("kernel area", () => undefined);
byId("memory-host").append(memory.element);
byId("kernel-host").append(kernel.element);

// Talk with the extension ---------------------------------------------------------------------------

const waiting = new Map<number, { resolve(answer: TraceAnswer): void; reject(error: Error): void }>();
let requests = 0;

function send(message: FromPanel): void {
  api.postMessage(message);
}

function ask(chunk: number): Promise<TraceAnswer> {
  const request = ++requests;
  return new Promise((resolve, reject) => {
    waiting.set(request, { resolve, reject });
    send({ type: "chunk", request, chunk });
  });
}

window.addEventListener("message", (event: MessageEvent<ToPanel>) => {
  const message = event.data;
  switch (message.type) {
    case "result":
      void showResult(message);
      break;
    case "stale":
      stale = message.stale;
      showStale();
      break;
    case "running":
      running = message.running;
      document.body.classList.toggle("running", running);
      break;
    case "trace":
      waiting.get(message.request)?.resolve(message.answer);
      waiting.delete(message.request);
      break;
    case "traceFailed":
      waiting.get(message.request)?.reject(new Error(message.message));
      waiting.delete(message.request);
      break;
  }
});

// A result ------------------------------------------------------------------------------------------

async function showResult(message: Extract<ToPanel, { type: "result" }>): Promise<void> {
  result = message.result;
  stale = message.stale;
  replay = null;
  state = null;
  api.setState({ uri: message.uri });
  document.body.classList.add("has-result");
  byId("name").textContent = message.name;
  showHead(result);
  showGas(result);
  showSections(result);
  showStale();
  showEnd(result);
  setSlider(0, 0, true);
  byId("writer").replaceChildren();
  const mine = result;
  try {
    const { header, chunk } = await ask(0);
    if (result !== mine || header === null) return;
    replay = new Replay(header, chunk, async (number) => (await ask(number)).chunk);
    position = replay.header.kept;
    setSlider(replay.header.kept, position, replay.header.kept === 0);
    byId("cut").textContent = header.kept < header.total
      ? `the first ${group(header.kept)} of ${group(header.total)} steps` : "";
    showPosition();
  } catch (error) {
    if (result === mine) byId("cut").textContent = `no steps: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function showHead(run: RunResult): void {
  const good = succeeded(run);
  const icon = byId("outcome-icon");
  icon.setAttribute("name", good ? "pass-filled" : run.outcome === "limit" ? "watch" : "error");
  document.body.classList.toggle("good", good);
  document.body.classList.toggle("bad", !good);
  byId("outcome").textContent = describeOutcome(run);
  byId("detail").textContent = run.decoded.detail ?? "";
  const forms = byLengthForms(run.return_data);
  byId("forms").replaceChildren(
    ...forms.map((form) => h("span", { class: "form", text: form })),
    ...(byteLength(run.return_data)
      ? [h("button", {
          class: "link", text: `copy ${byteLength(run.return_data)} bytes`, title: run.return_data.slice(0, 200),
          on: { click: () => send({ type: "copy", text: run.return_data }) },
        })]
      : []),
  );
  const { fork, profile } = run.build;
  const options = Object.entries(run.build).filter(([, value]) => value === true).map(([key]) => key.replace(/_/g, " "));
  byId("build").replaceChildren(
    badge(run.target === "nvm" ? "NestedVM" : "native"), badge(fork), profile ? badge(`${profile} kernel`) : "",
    ...options.map(badge),
  );
}

function byLengthForms(data: string): string[] {
  if (byteLength(data) < 32) return [];
  return readWord(data.slice(0, 66));
}

function badge(text: string): HTMLElement {
  return h("vscode-badge", { text });
}

function showGas(run: RunResult): void {
  const { used, native, overhead, refund } = run.gas;
  const compared = run.kernel !== null && native !== null && overhead !== null;
  byId("gas").textContent = `${group(used)} gas`;
  byId("steps").textContent = `${group(run.steps)} steps` + (run.kernel ? ` · ${group(run.host_steps)} of the host` : "");
  const bar = byId("gas-bar");
  bar.classList.toggle("hidden", !compared);
  byId("refund").textContent = refund ? `refund ${group(refund)}` : "";
  if (!compared) {
    byId("gas-legend").replaceChildren();
    return;
  }
  const share = used === 0 ? 0 : Math.max(0, Math.min(1, native / used));
  byId("gas-native").style.width = `${(share * 100).toFixed(2)}%`;
  bar.setAttribute("aria-label", `${group(native)} gas native, ${group(overhead)} gas overhead of the NestedVM`);
  byId("gas-legend").replaceChildren(
    h("span", { class: "native", text: `native ${group(native)}` }),
    h("span", { class: "overhead", text: `overhead ${group(overhead)}` }),
    h("span", { class: "dim", text: native ? `× ${(used / native).toFixed(used / native < 10 ? 2 : 1)}` : "" }),
  );
}

function showStale(): void {
  document.body.classList.toggle("stale", stale);
  if (stale) send({ type: "line", line: null });
}

// Sections ------------------------------------------------------------------------------------------

function showSections(run: RunResult): void {
  section("storage", run.storage.length, run.storage.map((change, index) =>
    changeRow(change.address, run.decoded.storage[index]?.name ?? change.slot, change.before, change.after)));
  section("logs", run.logs.length, run.logs.map((entry, index) => logRow(entry, run.decoded.logs[index] ?? null)));
  section("transient", run.transient.length, run.transient.map((change) =>
    changeRow(change.address, change.slot, change.before, change.after)));
  section("balances", run.balances.length, run.balances.map((change) =>
    changeRow(change.address, "balance", change.before, change.after)));
  section("console", run.console.length, run.console.map((line) => h("div", { class: "row mono", text: line })));
  section("calls", run.calls.length, run.calls.map(callRow));
  const area = byId("kernel");
  area.classList.toggle("hidden", run.kernel === null);
  if (run.kernel !== null) {
    const bytes = bytesOf(run.kernel.memory.slice(2));
    area.setAttribute("description", `${group(bytes.length)} bytes below guest memory, at the end of the run`);
    const labels = new Map<number, string>();
    if (run.kernel.pointer !== null) labels.set(0, `pointer 0x${run.kernel.pointer.toString(16)}`);
    const none: ReadonlySet<number> = new Set();
    kernel.show({ bytes, changed: none, written: none, labels }, false);
  }
}

function section(id: string, count: number, rows: HTMLElement[]): void {
  const element = byId(id);
  element.classList.toggle("hidden", count === 0);
  element.setAttribute("description", String(count));
  byId(`${id}-rows`).replaceChildren(...rows.slice(0, 200), ...(rows.length > 200 ? [h("div", { class: "dim", text: `${rows.length - 200} more` })] : []));
}

function changeRow(address: string, what: string, before: string, after: string): HTMLElement {
  return h(
    "div", { class: "row change" },
    h("span", { class: "address", text: shortAddress(address), title: address }),
    h("span", { class: "slot", text: shorten(what), title: what }),
    h("span", { class: "values" },
      h("span", { class: "before", text: shorten(before), title: titleOf(before) }), " → ",
      h("span", { class: "after", text: shorten(after), title: titleOf(after) })),
  );
}

function logRow(entry: { address: string; topics: string[]; data: string }, decoded: string | null): HTMLElement {
  return h(
    "div", { class: "row" },
    h("span", { class: "address", text: shortAddress(entry.address), title: entry.address }),
    h("span", { class: "log" },
      ...(decoded !== null
        ? [h("span", { class: "decoded", text: decoded, title: [...entry.topics, entry.data.slice(0, 400)].join("\n") })]
        : [...entry.topics, ...(byteLength(entry.data) ? [entry.data] : [])].map((word) =>
            h("span", { class: "topic", text: shorten(word), title: word.slice(0, 400) })))),
  );
}

function callRow(call: Call): HTMLElement {
  const to = call.label ?? shortAddress(call.to);
  const what = call.name ?? (byteLength(call.data) ? `${call.data.slice(0, 10)}…` : "plain ether");
  const failure = call.success ? "" : call.reason ?? call.error ?? "failed";
  const row = h(
    "div", { class: call.success ? "row call" : "row call failed" },
    h("span", { class: "kind", text: call.kind }),
    h("span", { class: "decoded", text: `${to}.${what}`, title: `${call.to}\n${call.data.slice(0, 400)}` }),
    h("span", { class: "gas", text: `${group(call.gas_used)} gas` }),
    call.step === null || call.depth > 1 ? h("span")
      : h("button", { class: "link", text: `step ${group(call.step + 1)}`, on: { click: () => goTo(call.step ?? 0) } }),
    call.value === "0x0" ? null : h("span", { class: "more dim", text: `with ${readWord(call.value).join(" · ")}` }),
    failure ? h("span", { class: "more failure", text: failure }) : null,
  );
  row.style.paddingLeft = `${4 + 18 * (call.depth - 1)}px`;
  return row;
}

function shortAddress(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`;
}

function shorten(text: string): string {
  return text.length > 30 ? `${text.slice(0, 18)}…${text.slice(-8)}` : text;
}

function titleOf(word: string): string {
  return /^0x[0-9a-f]{1,64}$/.test(word) ? [word, ...readWord(word)].join("\n") : word;
}

// Steps ---------------------------------------------------------------------------------------------

const slider = byId("slider") as HTMLInputElement;

slider.addEventListener("input", () => goTo(Number(slider.value)));
for (const [id, move] of Object.entries({ first: -Infinity, back: -1, forward: 1, last: Infinity })) {
  byId(id).addEventListener("click", () => goTo(position + move));
}
document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLElement && event.target.closest(".memory, .stack, input, vscode-collapsible")) return;
  const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity, PageUp: -100, PageDown: 100 }[event.key];
  if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  goTo(position + move);
});

function setSlider(max: number, value: number, disabled: boolean): void {
  slider.max = String(max);
  setKnob(value);
  slider.disabled = disabled;
  for (const id of ["first", "back", "forward", "last"]) byId(id).toggleAttribute("disabled", disabled);
}

/** Moves the knob, and the colour of the way behind it. */
function setKnob(value: number): void {
  const max = Number(slider.max);
  slider.value = String(value);
  slider.style.setProperty("--fill", `${max ? (100 * value) / max : 0}%`);
}

/** Moves to a step; of many moves in a row, those in between are passed over. */
function goTo(index: number): void {
  if (replay === null) return;
  wanted = Math.max(0, Math.min(replay.header.kept, index));
  setKnob(wanted);
  if (!walking) void walk();
}

async function walk(): Promise<void> {
  walking = true;
  try {
    while (wanted !== null && replay !== null && result !== null) {
      const target: number = wanted;
      wanted = null;
      const mine = replay;
      const end = target >= mine.header.kept;
      const found = await mine.at(end ? Math.max(target - 1, 0) : target);
      if (mine !== replay) continue;
      position = target;
      if (end) showEnd(result);
      else showState(found);
      showPosition();
      // The page is drawn before the next move.
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  } catch (error) {
    byId("cut").textContent = error instanceof Error ? error.message : String(error);
  } finally {
    walking = false;
  }
}

function showState(found: State): void {
  state = found;
  showStack([...found.stack].reverse(), found.fresh);
  memory.show({ bytes: found.memory, changed: found.changed, written: new Set(found.writers.keys()) }, true);
  byId("memory-size").textContent = `${group(found.memory.length)} bytes`;
}

/** The state after the last step, which the run itself tells. */
function showEnd(run: RunResult): void {
  state = null;
  showStack(run.stack, 0);
  const bytes = bytesOf(run.memory.slice(2));
  memory.show({ bytes, changed: new Set(), written: new Set(run.writers.map(({ offset }) => offset >> 5)) }, false);
  byId("memory-size").textContent = `${group(bytes.length)} bytes`;
}

/** Where the slider stands, in words, and in the editor. */
function showPosition(): void {
  if (replay === null || result === null) return;
  const { kept, total } = replay.header;
  const atEnd = position >= kept;
  for (const id of ["first", "back"]) byId(id).toggleAttribute("disabled", position === 0);
  for (const id of ["forward", "last"]) byId(id).toggleAttribute("disabled", atEnd);
  byId("position").textContent = atEnd ? `the end, after ${group(total)}` : `step ${group(position + 1)} of ${group(total)}`;
  const step = atEnd ? null : state?.step ?? null;
  const instruction = byId("instruction");
  if (step === null) {
    instruction.replaceChildren(h("span", { class: "dim", text: `the program has ended: ${result.outcome}` }));
    slider.setAttribute("aria-valuetext", "the program has ended");
    if (!stale) send({ type: "line", line: atEnd ? result.last?.line ?? null : null });
    return;
  }
  const [pc, opcode, gas] = step;
  const place = replay.place(pc);
  const [line, path, pathLine] = place ?? [null, null, null];
  instruction.replaceChildren(
    h("span", { class: "mnemonic", text: replay.mnemonic(opcode) }),
    h("span", { class: "dim", text: `pc 0x${pc.toString(16).padStart(4, "0")}` }),
    line === null ? "" : link(`line ${line}`, line, null),
    path === null || pathLine === null ? "" : link(`${path.split(/[\\/]/).pop() ?? path}:${pathLine}`, pathLine, path),
    h("span", { class: "dim", text: `${group(gas)} gas left` }),
  );
  slider.setAttribute("aria-valuetext", `step ${position + 1}, ${replay.mnemonic(opcode)}${line === null ? "" : `, line ${line}`}`);
  if (!stale) send({ type: "line", line });
}

function link(text: string, line: number, path: string | null): HTMLElement {
  return h("button", { class: "link", text, on: { click: () => send({ type: "reveal", line, path }) } });
}

function showStack(words: string[], fresh: number): void {
  const rows = words.slice(0, STACK_SHOWN).map((word, index) => {
    const digits = word.slice(2);
    return h(
      "div", { class: index < fresh ? "stack-row fresh" : "stack-row", attributes: { role: "listitem" }, title: titleOf(word) },
      h("span", { class: "depth", text: String(index) }),
      h("span", { class: "word", text: digits.length > 34 ? `0x${digits.slice(0, 16)}…${digits.slice(-14)}` : word }),
      h("span", { class: "reading", text: meaning(word) }),
    );
  });
  if (words.length > STACK_SHOWN) rows.push(h("div", { class: "dim", text: `${words.length - STACK_SHOWN} more below` }));
  byId("stack").replaceChildren(...(rows.length ? rows : [h("div", { class: "dim none", text: "empty" })]));
  byId("stack-depth").textContent = words.length ? `${words.length} deep` : "";
}

/** The most telling of the forms of a word, if it tells more than its digits. */
function meaning(word: string): string {
  const forms = readWord(word);
  return forms.find((form) => /ether|"|signed/.test(form)) ?? (word.length > 3 && word.length < 16 ? forms[0] ?? "" : "");
}

/** Says, and shows in the editor, what wrote a word of memory last. */
async function showWriter(word: number): Promise<void> {
  const host = byId("writer");
  const offset = `0x${(word * 32).toString(16).padStart(4, "0")}`;
  const number = state !== null ? state.writers.get(word) : await writerAtEnd(word);
  if (replay === null || number === undefined) {
    const known = result?.writers.find((entry) => entry.offset >> 5 === word);
    if (known && known.line !== null) {
      host.replaceChildren(`${offset} was written by `, link(`line ${known.line}`, known.line, null));
      if (!stale) send({ type: "reveal", line: known.line, path: null });
    } else {
      host.replaceChildren(h("span", { class: "dim", text: `${offset}: nothing has written it` }));
    }
    return;
  }
  const step = await replay.stepAt(number);
  const place = step === null ? null : replay.place(step[0]);
  host.replaceChildren(
    `${offset} was written by `, h("span", { class: "mnemonic", text: step === null ? "" : replay.mnemonic(step[1]) }),
    place ? link(`line ${place[0]}`, place[0], null) : "",
    h("button", { class: "link", text: `step ${group(number + 1)}`, title: "go to this step", on: { click: () => goTo(number) } }),
  );
  if (place && !stale) send({ type: "reveal", line: place[0], path: null });
}

async function writerAtEnd(word: number): Promise<number | undefined> {
  if (replay === null || replay.header.kept === 0 || replay.header.kept < replay.header.total) return undefined;
  return (await replay.at(replay.header.kept - 1)).writers.get(word);
}

// Buttons -------------------------------------------------------------------------------------------

for (const button of document.querySelectorAll<HTMLElement>("[data-command]")) {
  button.addEventListener("click", () => {
    send({ type: "command", command: button.dataset["command"] as Extract<FromPanel, { type: "command" }>["command"] });
  });
}

send({ type: "ready" });
