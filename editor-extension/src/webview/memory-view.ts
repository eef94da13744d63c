/**
 * Memory in words of 32 bytes: offset, hexadecimal in four groups, ASCII. Only the rows in view exist
 * as elements, so a megabyte costs no more than a page.
 */

import { h } from "./dom";

export interface MemoryContent {
  bytes: Uint8Array;
  /** Words that the last step wrote, and their bytes before, as far as they are known. */
  changed: ReadonlyMap<number, Uint8Array>;
  /** Words that anything wrote. */
  written: ReadonlySet<number>;
  /** A name for a word, shown in place of its ASCII. */
  labels?: ReadonlyMap<number, string>;
}

const LINE_HEIGHT = 20;
const MARGIN_ROWS = 8;
/** Below these widths, in pixels, a word takes two lines of 16 bytes, or four of 8. */
const NARROW = 800;
const TINY = 440;
/** Height that memory grows to before it scrolls, in pixels. */
const MOST_HEIGHT = 320;

export class MemoryView {
  readonly element: HTMLElement;
  private readonly space: HTMLElement;
  private content: MemoryContent = { bytes: new Uint8Array(), changed: new Map(), written: new Set() };
  private selected = -1;
  /** Lines that a word takes. */
  private lines = 1;

  /** `choose` is called with a word that was clicked, or chosen by Enter. */
  constructor(label: string, private readonly choose: (word: number) => void) {
    this.space = h("div", { class: "memory-space", attributes: { role: "presentation" } });
    this.element = h(
      "div",
      {
        class: "memory", attributes: { role: "grid", tabindex: 0, "aria-label": label },
        on: {
          scroll: () => this.render(),
          keydown: (event) => this.key(event as KeyboardEvent),
          click: (event) => this.click(event),
        },
      },
      this.space,
    );
    new ResizeObserver(() => this.resized()).observe(this.element);
  }

  show(content: MemoryContent, follow: boolean): void {
    this.content = content;
    this.element.classList.toggle("empty", this.rows === 0);
    // A grid has rows; where there are none, it is a name and the word "empty".
    this.element.setAttribute("role", this.rows ? "grid" : "group");
    if (this.rows) this.element.setAttribute("aria-rowcount", String(this.rows));
    else this.element.removeAttribute("aria-rowcount");
    this.layOut();
    if (this.selected >= this.rows) this.selected = -1;
    const first = follow ? content.changed.keys().next().value ?? Infinity : Infinity;
    if (Number.isFinite(first)) this.scrollTo(first);
    this.render();
  }

  scrollToTop(): void {
    this.selected = -1;
    this.element.scrollTop = 0;
  }

  private get rowHeight(): number {
    return this.lines === 1 ? LINE_HEIGHT : this.lines * (LINE_HEIGHT - 1);
  }

  private layOut(): void {
    const height = this.rows * this.rowHeight;
    this.space.style.height = `${height}px`;
    this.element.style.height = `${Math.min(Math.max(height, LINE_HEIGHT), MOST_HEIGHT)}px`;
  }

  private resized(): void {
    const width = this.element.clientWidth;
    const lines = width < TINY ? 4 : width < NARROW ? 2 : 1;
    if (lines !== this.lines) {
      this.lines = lines;
      this.element.classList.toggle("narrow", lines > 1);
      this.element.classList.toggle("tiny", lines > 2);
      this.layOut();
    }
    this.render();
  }

  private get rows(): number {
    return Math.ceil(this.content.bytes.length / 32);
  }

  private scrollTo(word: number): void {
    const top = word * this.rowHeight;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight) this.element.scrollTop = top + this.rowHeight - clientHeight;
  }

  private render(): void {
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.rowHeight) - MARGIN_ROWS);
    const shown = Math.ceil((this.element.clientHeight || 400) / this.rowHeight) + 2 * MARGIN_ROWS;
    const rows: HTMLElement[] = [];
    for (let word = first; word < Math.min(this.rows, first + shown); word++) rows.push(this.row(word));
    this.space.replaceChildren(...rows);
    const active = this.space.querySelector(".selected");
    if (active) this.element.setAttribute("aria-activedescendant", active.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  private row(word: number): HTMLElement {
    const { bytes, changed, written, labels } = this.content;
    const data = bytes.subarray(word * 32, word * 32 + 32);
    const before = changed.get(word);
    const classes = ["memory-row"];
    if (changed.has(word)) classes.push("changed");
    if (written.has(word)) classes.push("written");
    if (word === this.selected) classes.push("selected");
    const hex = h("span", { class: "hex", attributes: { role: "gridcell" } });
    for (let half = 0; half < data.length; half += 16) {
      hex.append(h("span", { class: "half" }, ...[half, half + 8].map((at) => groupOf(data.subarray(at, at + 8), before?.subarray(at, at + 8)))));
    }
    const label = labels?.get(word);
    const row = h(
      "div",
      {
        class: classes.join(" "),
        attributes: {
          role: "row", id: `${this.element.getAttribute("aria-label")}-${word}`.replace(/\W+/g, "-"),
          "aria-rowindex": word + 1, "aria-selected": word === this.selected, "data-word": word,
        },
      },
      h("span", { class: "offset", text: `0x${(word * 32).toString(16).padStart(4, "0")}`, attributes: { role: "rowheader" } }),
      hex,
      h("span", { class: label ? "ascii label" : "ascii", attributes: { role: "gridcell" } },
        ...(label ? [label] : [0, 16].map((half) => h(
          "span", { class: "half" },
          ...(this.lines > 2 ? [half, half + 8] : [half]).map((at) => h("span", { text: asciiOf(data.subarray(at, at + 32 / Math.max(this.lines, 2))) })),
        )))),
    );
    row.style.transform = `translateY(${word * this.rowHeight}px)`;
    return row;
  }

  private click(event: Event): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>(".memory-row");
    if (row?.dataset["word"] !== undefined) this.select(Number(row.dataset["word"]), true);
  }

  private key(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight) - 1);
    const moves: Record<string, number> = {
      ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.rows, End: this.rows,
    };
    const move = moves[event.key];
    if (move !== undefined && this.rows) {
      event.preventDefault();
      this.select(Math.min(this.rows - 1, Math.max(0, this.selected + move)), false);
    } else if ((event.key === "Enter" || event.key === " ") && this.selected >= 0) {
      event.preventDefault();
      this.choose(this.selected);
    }
  }

  private select(word: number, choose: boolean): void {
    this.selected = word;
    this.scrollTo(word);
    this.render();
    if (choose) this.choose(word);
  }
}

/** Eight bytes, dim if they are zero; those that differ from before are marked. */
function groupOf(data: Uint8Array, before: Uint8Array | undefined): HTMLElement {
  const zero = data.every((byte) => byte === 0);
  const digits = Array.from(data, (byte) => byte.toString(16).padStart(2, "0"));
  const parts: (string | HTMLElement)[] = [];
  const isNew = (at: number): boolean => before !== undefined && data[at] !== (before[at] ?? 0);
  for (let at = 0; at < data.length;) {
    const begin = at;
    while (at < data.length && isNew(at) === isNew(begin)) at += 1;
    const text = digits.slice(begin, at).join("");
    parts.push(isNew(begin) ? h("mark", { text }) : text);
  }
  return h("span", { class: zero && !data.some((_, at) => isNew(at)) ? "group zero" : "group" }, ...parts);
}

function asciiOf(data: Uint8Array): string {
  return Array.from(data, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
}
