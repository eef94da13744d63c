/** Figures of the extension, printed; nothing depends on them. `node test/run.mjs bench` */

import { test } from "node:test";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { EXTENSION, inWorkbench } from "../editor/workbench";

const LONG = `    PUSH 10000
again:
    DUP1
    PUSH 0
    MSTORE
    PUSH1 1
    SWAP1
    SUB
    DUP1
    PUSH again
    JUMPI
    STOP
`;

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const figure = (name: string, value: string): void => console.log(`${name.padEnd(58)} ${value}`);

test("figures", async () => {
  for (const file of readdirSync(EXTENSION).filter((name) => name.endsWith(".vsix"))) {
    figure(file, `${(statSync(path.join(EXTENSION, file)).size / 1e6).toFixed(2)} MB`);
  }
  await inWorkbench("figures", { examples: ["three-plus-four.easm"], files: { "long.easm": LONG } }, async (it) => {
    await it.open("three-plus-four.easm");
    await it.lens("Run on NestedVM").waitFor();
    await it.lens("Run on NestedVM").click();
    await it.panel().locator("#position", { hasText: "the end" }).waitFor();
    figure("activation, without the server", `${/activated in ([\d.]+) ms/.exec(it.log())?.[1] ?? "?"} ms`);

    const times: number[] = [];
    for (let attempt = 0; attempt < 11; attempt++) {
      // The result goes with the edit's undo history of the same length each time.
      await it.goTo(1, 1);
      await it.page.keyboard.type("#");
      await it.outcome("changed since");
      await it.page.evaluate(() => {
        const times = window as unknown as { clicked: number; shown: number };
        times.clicked = times.shown = 0;
        document.addEventListener("mousedown", () => (times.clicked ||= performance.now()), { capture: true, once: true });
        const look = (): void => {
          const there = [...document.querySelectorAll(".view-line span[class*='ced-']")]
            .some((span) => getComputedStyle(span, "::after").content.includes("✓"));
          if (there && times.clicked) times.shown = performance.now();
          else requestAnimationFrame(look);
        };
        look();
      });
      await it.lens("Run on NestedVM").click();
      await it.outcome("✓");
      times.push(await it.page.evaluate(() => {
        const { clicked, shown } = window as unknown as { clicked: number; shown: number };
        return shown - clicked;
      }));
    }
    figure("lens click to outcome at the line, 3 + 4, warm (median of 11)", `${median(times).toFixed(0)} ms`);

    await it.open("long.easm");
    await it.lens("Run on NestedVM").click();
    const panel = it.panel();
    let begin = performance.now();
    await panel.locator("#name", { hasText: "long.easm" }).waitFor();
    figure("run of 100,002 steps", `${(performance.now() - begin).toFixed(0)} ms`);
    begin = performance.now();
    await panel.locator("#position", { hasText: "the end, after 100,002" }).waitFor();
    figure("its steps, ready for the slider", `${(performance.now() - begin).toFixed(0)} ms`);
    const jumps: number[] = [];
    for (const step of [50_000, 3, 99_000, 20_000, 70_001, 70_002, 10, 60_000, 42_000]) {
      begin = performance.now();
      await panel.locator("#slider").fill(String(step));
      await panel.locator("#position", { hasText: `step ${(step + 1).toLocaleString("en")} of` }).waitFor();
      jumps.push(performance.now() - begin);
    }
    figure("a jump of the slider within 100,000 steps (median of 9)", `${median(jumps).toFixed(0)} ms`);
  });
});
