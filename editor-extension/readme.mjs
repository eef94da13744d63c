// node readme.mjs [--screenshots]: writes the tables of README.md from package.json; with
// --screenshots, also takes over the pictures that the last browser tests made.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const PICTURES = {
  "panel-writer": "panel", result: "editor", script: "script", "control-flow": "control-flow", testing: "testing",
  coverage: "coverage", fix: "fix", completion: "completion", hover: "hover", stale: "stale", status: "status",
  "install-offer": "install", untrusted: "untrusted", problems: "problems", walkthrough: "walkthrough",
  compare: "compare", "panel-dark": "calls",
};

/** README.md with its tables made anew. */
export function readme() {
  const manifest = JSON.parse(readFileSync(path.join(here, "package.json"), "utf8"));
  let text = readFileSync(path.join(here, "README.md"), "utf8");
  for (const [name, table] of Object.entries({ commands: commands(manifest), settings: settings(manifest) })) {
    const begin = `<!-- ${name} -->`;
    const end = `<!-- end of ${name} -->`;
    const [before, rest] = text.split(begin);
    const after = rest?.split(end)[1];
    if (after === undefined) throw new Error(`README.md has no ${begin} … ${end}`);
    text = `${before}${begin}\n${table}\n${end}${after}`;
  }
  return text;
}

function commands({ contributes }) {
  const keys = Object.fromEntries(contributes.keybindings.map(({ command, key, mac }) => [command, `\`${key}\`, on a Mac \`${mac}\``]));
  const rows = contributes.commands.map(({ command, category, title }) => {
    const what = DESCRIPTIONS[command.replace("nvm-lsp.", "")];
    if (what === undefined) throw new Error(`readme.mjs says nothing of ${command}`);
    return `| **${category}: ${title}** | ${what} | ${keys[command] ?? ""} |`;
  });
  return ["| command | what it does | keys |", "|---|---|---|", ...rows].join("\n");
}

const DESCRIPTIONS = {
  run: "Runs the program of the editor on the NestedVM; the outcome appears at its line.",
  runNatively: "Runs the same bytes natively, without the NestedVM.",
  compare: "Runs both ways and shows where they part and what each line costs.",
  cancelRun: "Ends runs that are under way; their processes are killed.",
  showPanel: "Opens the NestedVM panel beside the editor.",
  exportTrace: "Writes every step as JSON lines (EIP-3155).",
  exportFlameGraph: "Writes a flame graph of gas and steps for speedscope.",
  assemble: "Shows the bytecode and, beside each line, its bytes.",
  copyBytecode: "Puts the bytecode, as hexadecimal digits, on the clipboard.",
  disassemble: "Turns selected or copied bytecode into a program.",
  controlFlow: "Draws the blocks and jumps of the program, with gas and stack heights; a click shows the line.",
  explain: "Shows the page of the opcode or finding at the cursor.",
  lint: "Checks all programs of the workspace; findings appear in the Problems view.",
  installServer: "Installs the language server into a private environment of this extension.",
  restartServer: "Starts the language server anew.",
  showLog: "Shows what server and extension have noted.",
  showStatus: "State of the server, versions, restart, log, settings.",
  openSample: "Opens a copy of one of two sample programs.",
  openWalkthrough: "Opens the walkthrough.",
};

function settings({ contributes }) {
  return contributes.configuration.map(({ title, properties }) => [
    `### ${title}\n`, "| setting | default | what it does |", "|---|---|---|",
    ...Object.entries(properties).map(([name, { default: value, markdownDescription, description, enum: choices }]) => {
      const among = choices ? ` One of ${choices.map((choice) => (choice === "" ? "*empty*" : `\`${choice}\``)).join(", ")}.` : "";
      const shown = value === "" ? "*empty*" : `\`${JSON.stringify(value)}\``;
      return `| \`${name}\` | ${shown} | ${(markdownDescription ?? description).replace(/\|/g, "\\|")}${among} |`;
    }),
  ].join("\n")).join("\n\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(path.join(here, "README.md"), readme());
  if (process.argv.includes("--screenshots")) {
    for (const [from, to] of Object.entries(PICTURES)) {
      copyFileSync(path.join(here, "test-artifacts", `${from}.png`), path.join(here, "media", `${to}.png`));
    }
  }
}
