// The flow of data as a picture: layers from adapters to sinks, with rates, lag and health, drawn as SVG.

import { s } from "./dom.js";
import { number, rate, words } from "./format.js";

const WIDTH = 164;
const HEIGHT = 46;
const GAP_X = 48;
const GAP_Y = 14;
const SWEEPS = 6;
/** More adapters, or sinks, are drawn as the worst of them and one box for the rest. */
const TALLEST = 14;
const LAGGING = 10000;
/** What is written in a box, beside its edges. */
const ROOM = WIDTH - 20;
const FAMILY = getComputedStyle(document.body).fontFamily;
const ruler = document.createElement("canvas").getContext("2d");

/** Layer of each node: one beyond the furthest of those it takes from. An edge that closes a circle is not counted. */
export function layers(nodes, edges) {
  const into = new Map(nodes.map((node) => [node.id, []]));
  for (const { from, to } of edges) if (into.has(to) && into.has(from)) into.get(to).push(from);
  const depth = new Map();
  const open = new Set();
  const visit = (id) => {
    if (depth.has(id)) return depth.get(id);
    if (open.has(id)) return -1;
    open.add(id);
    const deep = Math.max(-1, ...into.get(id).map(visit)) + 1;
    open.delete(id);
    depth.set(id, deep);
    return deep;
  };
  nodes.forEach((node) => visit(node.id));
  const sinks = nodes.filter((node) => node.kind === "sink");
  const last = Math.max(0, ...depth.values());
  // sinks are the end of everything, however short the way there is
  sinks.forEach((node) => depth.set(node.id, last));
  // and what nothing is known to flow into or out of begins nothing
  const bound = new Set(edges.flatMap(({ from, to }) => [from, to]));
  for (const node of nodes) if (node.kind === "topic" && !bound.has(node.id)) depth.set(node.id, Math.max(0, last - 1));
  return depth;
}

/** Nodes with places {node, x, y}, and the size of all: crossings are made fewer by sorting each layer by its neighbours. */
export function layout(nodes, edges) {
  const depth = layers(nodes, edges);
  const columns = [];
  for (const node of nodes) (columns[depth.get(node.id)] ??= []).push(node.id);
  const filled = columns.filter(Boolean);
  const beside = new Map(nodes.map((node) => [node.id, []]));
  for (const { from, to } of edges) {
    beside.get(from)?.push(to);
    beside.get(to)?.push(from);
  }
  const place = new Map();
  const number = () => filled.forEach((column) => column.forEach((id, index) => place.set(id, index - column.length / 2)));
  number();
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const column of sweep % 2 ? filled.toReversed() : filled) {
      const middle = new Map(column.map((id) => {
        const around = beside.get(id).map((other) => place.get(other) ?? 0);
        return [id, around.length ? around.reduce((a, b) => a + b, 0) / around.length : place.get(id)];
      }));
      column.sort((a, b) => middle.get(a) - middle.get(b) || a.localeCompare(b));
      column.forEach((id, index) => place.set(id, index - column.length / 2));
    }
  }
  const tallest = Math.max(1, ...filled.map((column) => column.length));
  const height = tallest * (HEIGHT + GAP_Y);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const placed = new Map();
  filled.forEach((column, layer) => {
    const top = (height - column.length * (HEIGHT + GAP_Y) + GAP_Y) / 2;
    column.forEach((id, index) => placed.set(id, { node: byId.get(id), x: 2 + layer * (WIDTH + GAP_X), y: top + index * (HEIGHT + GAP_Y) }));
  });
  return { placed, width: filled.length * (WIDTH + GAP_X) - GAP_X + 4, height: height + 4 };
}

/** Fewer nodes: of a kind that is too many the worst stay, the others become one. */
export function gathered(nodes, edges) {
  const rest = new Map();
  const kept = [];
  for (const kind of new Set(nodes.map((node) => node.kind))) {
    const same = nodes.filter((node) => node.kind === kind);
    if (same.length <= TALLEST || !["adapter", "sink"].includes(kind)) {
      kept.push(...same);
      continue;
    }
    const ranked = same.toSorted((a, b) => Number(isBad(b)) - Number(isBad(a)) || (b.rate ?? 0) - (a.rate ?? 0));
    kept.push(...ranked.slice(0, TALLEST - 1));
    const others = ranked.slice(TALLEST - 1);
    const sum = (name) => others.reduce((total, node) => total + (node[name] ?? 0), 0);
    kept.push({ id: `more ${kind}`, kind, name: `${number(others.length)} more`, rate: sum("rate"), lag: sum("lag"), health: others.find(isBad)?.health ?? "ok" });
    others.forEach((node) => rest.set(node.id, `more ${kind}`));
  }
  const joined = new Map();
  for (const edge of edges) {
    const [from, to] = [rest.get(edge.from) ?? edge.from, rest.get(edge.to) ?? edge.to];
    const known = joined.get(`${from}\n${to}`);
    joined.set(`${from}\n${to}`, { from, to, rate: known || edge.rate !== null ? (known?.rate ?? 0) + (edge.rate ?? 0) || null : null });
  }
  return { nodes: kept, edges: [...joined.values()] };
}

/** Nobody knows is no fault. */
const FINE = new Set(["ok", "unknown"]);
const isBad = (node) => !FINE.has(node.health);

export function draw(given, givenEdges) {
  const { nodes, edges } = gathered(given, givenEdges);
  const { placed, width, height } = layout(nodes, edges);
  const most = Math.max(1, ...nodes.map((node) => node.rate ?? 0));
  return s(
    "svg.graph",
    { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `Flow of data: ${nodes.length} stations; the table below says the same` },
    edges.map((edge) => link(placed.get(edge.from), placed.get(edge.to), edge, most)),
    [...placed.values()].map(box),
  );
}

function link(from, to, edge, most) {
  if (!from || !to) return null;
  const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, to.x, to.y + HEIGHT / 2];
  // what a sink takes is told by its lag alone
  const flow = edge.rate ?? Math.min(from.node.rate ?? 0, to.node.rate ?? Infinity);
  const bend = Math.max(30, (x2 - x1) / 2);
  return s("path.edge", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, class: flow ? "flowing" : "idle", "stroke-width": (1 + 3 * Math.sqrt(flow / most)).toFixed(1) });
}

function box({ node, x, y }) {
  const { lag } = node;
  const bad = isBad(node);
  const told = [node.rate === null ? null : `${rate(node.rate)} /s`, lag ? `lag ${number(lag)}` : null, bad ? words(node.health) : null].filter(Boolean).join(" · ");
  return s("g.node", { class: `${node.kind} ${bad ? "bad" : ""} ${lag > LAGGING ? "lagging" : ""}`, transform: `translate(${x} ${y})`, "data-node": node.id },
    s("title", null, `${node.kind} ${node.name}: ${told || "no rate known"}`),
    s("rect", { width: WIDTH, height: HEIGHT, rx: { topic: 2, agent: 12 }[node.kind] ?? 6 }),
    s("text.name", { x: 10, y: 19 }, fitting(node.name, "600 12px")),
    s("text.told", { x: 10, y: 35 }, fitting(told, bad ? "700 11px" : "11px")));
}

/** As much of a text as there is room for; all of it is in the title. */
function fitting(text, font) {
  ruler.font = `${font} ${FAMILY}`;
  const fits = (one) => ruler.measureText(one).width <= ROOM;
  if (fits(text)) return text;
  let kept = text.length - 1;
  while (kept > 0 && !fits(`${text.slice(0, kept)}…`)) kept--;
  return `${text.slice(0, kept)}…`;
}
