/** Draws a control-flow graph: blocks laid out in layers, one curve a jump. */

import dagre from "@dagrejs/dagre";
import type { Block, ControlFlow } from "../tools";
import { group } from "../summary";
import { byId } from "./dom";

interface Api {
  postMessage(message: unknown): void;
}
declare function acquireVsCodeApi(): Api;

const api = acquireVsCodeApi();
const SVG = "http://www.w3.org/2000/svg";
const LINE = 17;
const CHARACTER = 7.3;
const PADDING = 10;
const INSTRUCTIONS_SHOWN = 24;

window.addEventListener("message", (event: MessageEvent<ControlFlow>) => draw(event.data));

function draw(flow: ControlFlow): void {
  const { least, most, dynamic } = flow.gas;
  const range = least === null ? "unknown" : most === null ? `at least ${group(least)}` : least === most ? group(least) : `${group(least)} to ${group(most)}`;
  byId("summary").textContent =
    `${flow.blocks.length} blocks · gas of a run that succeeds: ${range}` + (dynamic.length ? `, and ${dynamic.join(", ")}` : "") +
    (flow.complete ? "" : " · some jumps could not be resolved");

  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 36, ranksep: 46, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const block of flow.blocks) {
    const rows = rowsOf(block);
    const width = Math.max(...rows.map((row) => row.length)) * CHARACTER + 2 * PADDING;
    graph.setNode(String(block.start), { width, height: rows.length * LINE + 2 * PADDING - 4 });
  }
  for (const block of flow.blocks) {
    for (const { start, kind } of block.successors) {
      if (graph.hasNode(String(start))) graph.setEdge(String(block.start), String(start), { kind }, kind);
    }
  }
  dagre.layout(graph);

  const { width = 0, height = 0 } = graph.graph();
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "control-flow graph" });
  const arrow = svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" });
  arrow.append(svg("path", { d: "M0 0 8 4 0 8z", class: "arrow" }));
  const definitions = svg("defs", {});
  definitions.append(arrow);
  picture.append(definitions);
  for (const edge of graph.edges()) {
    const { points, kind } = graph.edge(edge) as { points: { x: number; y: number }[]; kind: string };
    picture.append(svg("path", { d: curve(points), class: `edge ${kind.replace(/\W+/g, "-")}`, "marker-end": "url(#arrow)" }, kind));
  }
  for (const block of flow.blocks) picture.append(boxOf(block, graph.node(String(block.start))));
  byId("graph").replaceChildren(picture);
}

/** A block in lines of text: its name and figures, then its instructions. */
function rowsOf(block: Block): string[] {
  const gas = block.gas.most === null ? `${block.gas.least}+` : block.gas.least === block.gas.most ? `${block.gas.least}` : `${block.gas.least}–${block.gas.most}`;
  const height = block.heights.length === 1 ? ` · stack ${block.heights[0]}` : "";
  const rows = [block.name, `0x${block.start.toString(16).padStart(4, "0")} · gas ${gas}${block.gas.dynamic.length ? "*" : ""}${height}`];
  const instructions = (block.instructions ?? []).map(({ text }) => text);
  rows.push(...instructions.slice(0, INSTRUCTIONS_SHOWN));
  if (instructions.length > INSTRUCTIONS_SHOWN) rows.push(`… ${instructions.length - INSTRUCTIONS_SHOWN} more`);
  return rows;
}

function boxOf(block: Block, place: { x: number; y: number; width: number; height: number }): SVGElement {
  const classes = ["block", block.reachable ? "" : "unreachable", block.unresolved ? "unresolved" : ""].join(" ");
  const where = block.line === null ? "" : `, line ${block.line}`;
  const box = svg("g", {
    class: classes, transform: `translate(${place.x - place.width / 2} ${place.y - place.height / 2})`,
    tabindex: 0, role: "button", "aria-label": `block ${block.name}${where}`,
  });
  box.append(svg("rect", { width: place.width, height: place.height, rx: 6 }));
  rowsOf(block).forEach((row, index) => {
    box.append(svg("text", { x: PADDING, y: PADDING + 11 + index * LINE, class: index === 0 ? "name" : index === 1 ? "figures" : "code" }, row));
  });
  const reveal = (): void => {
    if (block.line !== null) api.postMessage({ type: "reveal", line: block.line, path: block.path });
  };
  box.addEventListener("click", reveal);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") reveal();
  });
  return box;
}

/** A smooth curve through points. */
function curve(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  let path = `M${first.x} ${first.y}`;
  let before = first;
  rest.forEach((point, index) => {
    const last = index === rest.length - 1;
    const end = last ? point : { x: (point.x + (rest[index + 1]?.x ?? point.x)) / 2, y: (point.y + (rest[index + 1]?.y ?? point.y)) / 2 };
    path += last && index === 0 ? ` L${end.x} ${end.y}` : ` Q${point.x} ${point.y} ${end.x} ${end.y}`;
    before = point;
  });
  return before === first ? "" : path;
}

function svg(tag: string, attributes: Record<string, string | number>, text?: string): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== undefined) {
    if (tag === "path") {
      const title = document.createElementNS(SVG, "title");
      title.textContent = text;
      element.append(title);
    } else {
      element.textContent = text;
    }
  }
  return element;
}

api.postMessage({ type: "ready" });
