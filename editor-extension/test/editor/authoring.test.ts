/** Writing a program: completion, a fix, renaming, formatting, snippets, what colours it. */

import { test } from "node:test";
import { inWorkbench } from "./workbench";

const PROGRAM = `%def AMOUNT = 5

start:
  push1   AMOUNT
    PUSH1 AMOUNT
    ADDD
    PUSH start
    POP
    POP
    STOP
`;

test("a program is completed, fixed, renamed and formatted", async () => {
  await inWorkbench("authoring", { files: { "program.easm": PROGRAM } }, async (it) => {
    const { page } = it;
    await it.open("program.easm");
    await page.locator(".squiggly-error").first().waitFor();

    await it.goTo(6, 7);
    await page.keyboard.press("Control+.");
    const fix = page.locator(".action-widget .monaco-list-row", { hasText: /Replace with ADD\b/ }).first();
    await fix.waitFor();
    await it.screenshot("fix");
    await page.keyboard.press("Enter");
    await it.line(/^\s*ADD(?!D)/).waitFor();

    await it.goTo(1, 7);
    await page.keyboard.press("F2");
    const box = page.locator(".rename-box input");
    await box.waitFor();
    await box.fill("WORTH");
    await box.press("Enter");
    await it.line(/PUSH1\s+WORTH/).waitFor();

    await it.command("Format Document");
    await it.line(/^\s{4}PUSH1\sWORTH/).waitFor();

    await it.goTo(10, 1);
    await page.keyboard.type("    PUSH1 1\nKECC");
    await page.locator(".suggest-widget .monaco-list-row", { hasText: "KECCAK256" }).waitFor();
    await it.screenshot("completion");
    await page.keyboard.press("Escape");
    await it.command("Snippets: Insert Snippet");
    await page.locator(".quick-input-list .monaco-list-row", { hasText: "approve" }).first().waitFor();
    await page.keyboard.press("Escape");

    // What is extracted is named at once.
    await it.goTo(1, 15);
    await page.keyboard.type(" + 2 * 3");
    await it.line("2 * 3").waitFor();
    for (let left = 0; left < 5; left++) await page.keyboard.press("Shift+ArrowLeft");
    await page.keyboard.press("Control+.");
    await page.locator(".action-widget .monaco-list-row.focused", { hasText: "Extract to constant" }).waitFor();
    await page.keyboard.press("Enter");
    await box.waitFor();
    await box.fill("TIP");
    await box.press("Enter");
    await it.line(/%def\sTIP\s=\s2\s\*\s3/).waitFor();
    await it.line(/%def\sWORTH\s=\s5\s\+\sTIP/).waitFor();

    // A lens knows its place once the editor has asked for the lenses of the new text.
    const peek = page.locator(".peekview-widget");
    for (let left = 20; left > 0 && !(await peek.isVisible()); left--) {
      await it.lens("1 reference").first().click();
      await peek.waitFor({ timeout: 3_000 }).catch(() => undefined);
    }
    await peek.waitFor();
  });
});

test("a program without extension is known by its first line; macros fold", async () => {
  const files = { program: "#@ target evm\n%macro twice() takes(1) returns(1)\n    DUP1\n    ADD\n%end\n    PUSH1 2\n    %twice()\n    STOP\n" };
  await inWorkbench("first-line", { files }, async (it) => {
    await it.open("program");
    await it.page.locator(".statusbar-item", { hasText: /^easm$/ }).first().waitFor();
    await it.lens("Run on NestedVM").waitFor();
    await it.command("Fold All");
    await it.line("DUP1").waitFor({ state: "hidden" });
  });
});
