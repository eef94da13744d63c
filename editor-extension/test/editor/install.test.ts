/** The first minute of somebody who has the extension and nothing else. */

import { test } from "node:test";
import { execFileSync } from "node:child_process";
import { inWorkbench } from "./workbench";

test("the server is installed from the extension's wheel, and runs a program", async () => {
  // Programs of the system only, so that no server is found; and no way to any package index.
  const environment = { PATH: "/usr/bin:/bin", PIP_NO_INDEX: "1", PIP_FIND_LINKS: process.env["NVM_WHEELS"] ?? "" };
  const settings = { "nvm-lsp.server.pythonPath": "/no/such/python" };
  await inWorkbench("install", { examples: ["three-plus-four.easm"], environment, settings }, async (it) => {
    await it.open("three-plus-four.easm");
    // Coloured at once, without any server.
    await it.page.locator(".view-line span[class*='mtk']", { hasText: "MSTORE" }).first().waitFor();
    const offer = it.notification("Install it into a private environment");
    await offer.waitFor();
    await it.screenshot("install-offer");
    await offer.locator("a.monaco-button", { hasText: "Install" }).click();
    const trouble = it.notification("needs Python 3.11, 3.12 or 3.13");
    await trouble.waitFor();
    await it.screenshot("install-no-python");
    it.configure({ "nvm-lsp.server.pythonPath": python() });
    // The file of settings is watched; another attempt may come before the editor has seen it.
    const done = it.notification("is installed and running");
    for (let attempt = 0; attempt < 20 && !(await done.isVisible()); attempt++) {
      if (await trouble.isVisible()) await trouble.locator("a.monaco-button", { hasText: "Try Again" }).click();
      // Once the message has gone of itself, the command remains; nothing is installed meanwhile.
      else if (await it.isServerMissing()) await it.command("Install or Update the Language Server");
      await done.waitFor({ timeout: 5_000 }).catch(() => undefined);
    }
    await done.waitFor();
    await it.screenshot("installed");
    await it.lens("Run on NestedVM").click();
    await it.outcome("✓ 8 steps");
  });
});

/** The interpreter itself, not a shim that asks the environment which one to be. */
function python(): string {
  return execFileSync(process.env["NVM_PYTHON"] ?? "python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
}
