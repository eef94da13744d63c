/** The NestedVM panel: what a run did, and every step of it, forwards and back. */

import "@vscode-elements/elements/dist/vscode-badge/index.js";
import "@vscode-elements/elements/dist/vscode-button/index.js";
import "@vscode-elements/elements/dist/vscode-icon/index.js";
import "@vscode-elements/elements/dist/vscode-progress-ring/index.js";
import type { RunResult, TraceAnswer } from "../run-result";
import { byteLength, describeOutcome, group, readWord, succeeded } from "../summary";
import { byId, h } from "./dom";
import { Effects } from "./effects";
import { MemoryView } from "./memory-view";
import type { FromPanel, ToPanel } from "./messages";
import { bytesOf, Replay, type State } from "./replay";
import { nameOf, Sections, shortAddress, titleOf } from "./sections";

interface Api {
  postMessage(message: FromPanel): void;
  setState(state: unknown): void;
}
declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();
const STACK_SHOWN = 64;
/** Width of a character of the stack, in pixels, roughly. */
const CHARACTER = 7.3;

let result: RunResult | null = null;
let replay: Replay | null = null;
let effects: Effects | null = null;
let sections: Sections | null = null;
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
  effects = null;
  state = null;
  sections = new Sections(result, {
    goTo, reveal: (line) => send({ type: "reveal", line, path: null }), copy: (text) => send({ type: "copy", text }),
  });
  api.setState({ uri: message.uri });
  document.body.classList.add("has-result");
  byId("name").textContent = message.name;
  showHead(result);
  showGas(result);
  showKernel(result);
  memory.scrollToTop();
  byId("content").scrollTop = 0;
  showStale();
  showEnd(result);
  setSlider(0, 0, true);
  byId("writer").replaceChildren();
  const mine = result;
  try {
    const { header, chunk } = await ask(0);
    if (result !== mine || header === null) return;
    replay = new Replay(header, chunk, async (number) => (await ask(number)).chunk);
    effects = new Effects(header.effects, header.untold);
    position = replay.header.kept;
    document.body.classList.toggle("has-calls", header.frames.length > 1);
    sections.showEnd(effects);
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
  // What a revert tells is an error, whose first word is none.
  const size = byteLength(run.return_data);
  const forms = size === 32 || (good && size > 32) ? readWord(run.return_data.slice(0, 66)) : [];
  byId("forms").replaceChildren(
    ...forms.map((form) => h("span", { class: "form", text: form })),
    ...(byteLength(run.return_data)
      ? [h("button", {
          class: "link", text: `copy ${group(byteLength(run.return_data))} bytes`, title: run.return_data.slice(0, 200),
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

function badge(text: string): HTMLElement {
  return h("vscode-badge", { text });
}

function showGas(run: RunResult): void {
  const { used, native, overhead, refund } = run.gas;
  // A halt takes all gas there is, here as there, which says nothing of what the kernel costs.
  const compared = run.kernel !== null && native !== null && overhead !== null && run.outcome !== "halt" && run.outcome !== "limit";
  byId("gas").textContent = `${group(used)} gas`;
  byId("steps").textContent = `${group(run.steps)} step${run.steps === 1 ? "" : "s"}` + (run.kernel ? ` · ${group(run.host_steps)} of the host` : "");
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

function showKernel(run: RunResult): void {
  const area = byId("kernel");
  area.classList.toggle("hidden", run.kernel === null);
  if (run.kernel === null) return;
  const bytes = bytesOf(run.kernel.memory.slice(2));
  byId("kernel-count").textContent = `${group(bytes.length)} bytes below guest memory, at the end of the run`;
  const labels = new Map<number, string>();
  if (run.kernel.pointer !== null) labels.set(0, `pointer 0x${run.kernel.pointer.toString(16)}`);
  kernel.show({ bytes, changed: new Map(), written: new Set(), labels }, false);
}

// Steps ---------------------------------------------------------------------------------------------

const slider = byId("slider") as HTMLInputElement;

const MOVES: Record<string, () => number> = {
  first: () => 0,
  back: () => position - 1,
  backOver: () => (replay === null || position <= 0 ? 0 : replay.backOver(position)),
  forward: () => position + 1,
  over: () => (replay === null || position >= replay.header.kept ? position : replay.over(position)),
  out: () => (replay === null || position >= replay.header.kept ? position : replay.out(position)),
  last: () => Infinity,
};
const KEYS: Record<string, string> = {
  ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last",
  "Shift+ArrowLeft": "backOver", "Shift+ArrowRight": "over", "Shift+ArrowUp": "out",
};
const PAGE = 100;

slider.addEventListener("input", () => goTo(Number(slider.value)));
for (const [id, move] of Object.entries(MOVES)) byId(id).addEventListener("click", () => goTo(move()));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof HTMLElement)) return;
  if (event.target.closest(".memory, .stack")) return;
  const page = { PageUp: -PAGE, PageDown: PAGE }[event.key];
  const move = MOVES[KEYS[(event.shiftKey ? "Shift+" : "") + event.key] ?? ""];
  if (page === undefined && move === undefined) return;
  event.preventDefault();
  if (page !== undefined) goTo(position + page);
  else if (move !== undefined) goTo(move());
});

function setSlider(max: number, value: number, disabled: boolean): void {
  slider.max = String(max);
  setKnob(value);
  slider.disabled = disabled;
  for (const id of Object.keys(MOVES)) byId(id).setAttribute("aria-disabled", String(disabled));
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
      const found = end ? null : await mine.at(target);
      if (mine !== replay) continue;
      // Of a move over a call, all that has happened meanwhile is marked.
      const since = position < target && mine.over(position) === target ? position : target - 1;
      position = target;
      if (found === null) showEnd(result);
      else showState(found, since);
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

function showState(found: State, since: number): void {
  state = found;
  if (effects !== null) sections?.showStep(effects, found.index, since);
  showStack([...found.stack].reverse(), found.fresh);
  memory.show({ bytes: found.memory, changed: found.changed, written: new Set(found.writers.keys()) }, true);
  byId("memory-size").textContent = `${group(found.memory.length)} bytes`;
}

/** The state after the last step, which the run itself tells. */
function showEnd(run: RunResult): void {
  state = null;
  sections?.showEnd(effects);
  showStack(run.stack, 0);
  const bytes = bytesOf(run.memory.slice(2));
  memory.show({ bytes, changed: new Map(), written: new Set(run.writers.map(({ offset }) => offset >> 5)) }, false);
  byId("memory-size").textContent = `${group(bytes.length)} bytes`;
}

/** Where the slider stands, in words, and in the editor. */
function showPosition(): void {
  if (replay === null || result === null) return;
  const { kept, total } = replay.header;
  const atEnd = position >= kept;
  for (const id of ["first", "back", "backOver"]) byId(id).setAttribute("aria-disabled", String(position === 0));
  for (const id of ["forward", "last", "over", "out"]) byId(id).setAttribute("aria-disabled", String(atEnd));
  byId("position").textContent = atEnd ? `the end, after ${group(total)}` : `step ${group(position + 1)} of ${group(total)}`;
  const step = atEnd ? null : state?.step ?? null;
  const path = step === null ? [] : state?.path ?? [];
  showFrames(path);
  const instruction = byId("instruction");
  if (step === null) {
    instruction.replaceChildren(h("span", { class: "dim", text: `the program has ended: ${result.outcome}` }));
    slider.setAttribute("aria-valuetext", "the program has ended");
    if (!stale) send({ type: "line", line: atEnd ? result.last?.line ?? null : null });
    return;
  }
  const [pc, opcode, gas] = step;
  const [line, file, fileLine] = replay.place(pc, path.at(-1)) ?? [null, null, null];
  instruction.replaceChildren(
    h("span", { class: "mnemonic", text: replay.mnemonic(opcode) }),
    h("span", { class: "dim", text: `pc 0x${pc.toString(16).padStart(4, "0")}` }),
    line === null ? "" : link(`line ${line}`, line, null),
    file === null || fileLine === null ? "" : link(`${file.split(/[\\/]/).pop() ?? file}:${fileLine}`, fileLine, file),
    h("span", { class: "dim", text: `${group(gas)} gas left` }),
  );
  const inside = path.length > 1 ? `, call depth ${path.length - 1}` : "";
  slider.setAttribute("aria-valuetext", `step ${position + 1}, ${replay.mnemonic(opcode)}${line === null ? "" : `, line ${line}`}${inside}`);
  if (!stale) void highlight(path, line, file, fileLine);
}

/** The calls that the step is in, outermost first; each leads to the step that made it. */
function showFrames(path: number[]): void {
  const host = byId("frames");
  host.classList.toggle("hidden", path.length < 2);
  const crumbs = path.map((frame, depth) => {
    const row = replay?.header.frames[frame];
    const call = row?.[4] == null ? undefined : result?.calls[row[4]];
    const code = replay?.codeOf(frame) ?? null;
    const guest = code?.guest ? "guest on " : "";
    const name = depth === 0 ? "program" : guest + (call ? nameOf(call) : shortAddress(code?.address ?? "0x"));
    const text = name.replace(/\(.*/, "");
    return depth === path.length - 1
      ? h("span", { class: "crumb", text, title: name, attributes: { "aria-current": "step" } })
      : h("button", {
          class: "link crumb", text, title: `${name}\ngo to the step that makes the call below`,
          on: { click: () => goTo((replay?.header.frames[path[depth + 1]!]?.[0] ?? 1) - 1) },
        });
  });
  host.replaceChildren(...crumbs);
}

/** Colours the step's line; of a step in other code, the line of the program that called it. */
async function highlight(path: number[], line: number | null, file: string | null, fileLine: number | null): Promise<void> {
  const at = position;
  const mine = replay;
  let shown = line;
  if (shown === null && path.length > 1 && mine !== null) {
    const calling = mine.header.frames[path[1]!]![0] - 1;
    const step = await mine.stepAt(calling);
    shown = step === null ? null : mine.place(step[0])?.[0] ?? null;
  }
  if (mine === replay && at === position) send({ type: "line", line: shown, path: file, pathLine: fileLine });
}

function link(text: string, line: number, path: string | null): HTMLElement {
  return h("button", { class: "link", text, on: { click: () => send({ type: "reveal", line, path }) } });
}

function showStack(words: string[], fresh: number): void {
  const room = Math.floor((byId("stack").clientWidth - 60) / CHARACTER);
  const digitsShown = Math.max(12, Math.min(64, room - 3));
  const rows = words.slice(0, STACK_SHOWN).map((word, index) => {
    const digits = word.slice(2);
    const reading = meaning(word);
    return h(
      "div", { class: index < fresh ? "stack-row fresh" : "stack-row", attributes: { role: "listitem" }, title: titleOf(word) },
      h("span", { class: "depth", text: String(index) }),
      h("span", { class: "word", text: digits.length > digitsShown ? `0x${digits.slice(0, digitsShown >> 1)}…${digits.slice(-(digitsShown >> 1))}` : word }),
      h("span", { class: "reading", text: reading.length + word.length < room ? reading : "" }),
    );
  });
  if (words.length > STACK_SHOWN) rows.push(h("div", { class: "dim", text: `${words.length - STACK_SHOWN} more below`, attributes: { role: "listitem" } }));
  byId("stack").replaceChildren(...(rows.length ? rows : [h("div", { class: "dim none", text: "empty", attributes: { role: "listitem" } })]));
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
  const place = step === null ? null : replay.place(step[0], replay.frameAt(number));
  const line = place?.[0] ?? null;
  host.replaceChildren(
    `${offset} was written by `, h("span", { class: "mnemonic", text: step === null ? "" : replay.mnemonic(step[1]) }),
    line === null ? "" : link(`line ${line}`, line, null),
    h("button", { class: "link", text: `step ${group(number + 1)}`, title: "go to this step", on: { click: () => goTo(number) } }),
  );
  if (line !== null && !stale) send({ type: "reveal", line, path: null });
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
