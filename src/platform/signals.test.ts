import { expect, test } from "bun:test";
import { join } from "node:path";

const signals = JSON.stringify(join(import.meta.dir, "signals.ts"));

async function ran(
  program: string,
  during?: (child: Bun.Subprocess<"ignore", "pipe", "pipe">) => Promise<void>,
) {
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const stdout = new Response(child.stdout).text();
  await during?.(child);
  return { code: await child.exited, stdout: await stdout };
}

test("an exception that nobody catches and a promise that nobody awaits are reported, and the process goes on", async () => {
  const { code, stdout } = await ran(`
    const { onUncaught } = await import(${signals});
    onUncaught((what, error) => console.log(what + ": " + error.message));
    setTimeout(() => { throw new Error("one"); }, 1);
    setTimeout(() => { void Promise.reject(new Error("two")); }, 5);
    setTimeout(() => console.log("alive"), 50);
  `);
  expect(stdout).toBe("uncaught exception: one\nunhandled rejection: two\nalive\n");
  expect(code).toBe(0);
});

test("the first signal asks, the second ends at once with the shell's code for it", async () => {
  const { code, stdout } = await ran(
    `
    const { onStopSignals } = await import(${signals});
    onStopSignals((signal) => { console.log(signal); process.kill(process.pid, "SIGINT"); });
    setInterval(() => {}, 1000);
    process.kill(process.pid, "SIGTERM");
  `,
  );
  expect(stdout).toBe("SIGTERM\n");
  expect(code).toBe(130);
});

test("the first Ctrl-C cancels what runs", async () => {
  const { code, stdout } = await ran(`
    const { onInterrupt } = await import(${signals});
    const signal = onInterrupt();
    const keep = setInterval(() => {}, 1000);
    signal.addEventListener("abort", () => { console.log("cancelled"); clearInterval(keep); process.exit(7); });
    process.kill(process.pid, "SIGINT");
  `);
  expect(stdout).toBe("cancelled\n");
  expect(code).toBe(7);
});

test("what somebody forgot to close does not keep a process that is done", async () => {
  const { code } = await ran(`
    const { endSoon } = await import(${signals});
    setInterval(() => {}, 1000);
    process.exitCode = 5;
    endSoon();
  `);
  expect(code).toBe(5);
});
