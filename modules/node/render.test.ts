import { expect, test } from "bun:test";
import { renderChecks, renderLog, renderModules, renderStatus, span } from "./render.ts";

const text = (output: { readonly stdout?: unknown }) => String(output.stdout);

test("a span is told in its two greatest units", () => {
  expect([0, 999, 5_000, 65_000, 3_600_000, 100_000_000].map(span)).toEqual([
    "0 s",
    "0 s",
    "5 s",
    "1 min 5 s",
    "1 h 0 min",
    "1 d 3 h",
  ]);
});

test("a status fits on a screen and names what is not ready", () => {
  const status = {
    name: "pi",
    state: "degraded",
    version: "1.0.0",
    pid: 7,
    uptimeMs: 61_000,
    dataDirectory: "/d",
    addresses: ["/d/operone.sock"],
    memoryBytes: 30_000_000,
    callsInFlight: 1,
    modules: { access: "ready", shell: "failed" },
  };
  expect(text(renderStatus(status))).toMatchInlineSnapshot(`
    "pi is degraded: operone 1.0.0, process 7, up 1 min 1 s
      data      /d
      listens   /d/operone.sock
      memory    30 MB, 1 call running
      modules   access shell (failed)
    "
  `);
});

test("control characters of a log line cannot move the cursor", () => {
  const line = text(
    renderLog({ atMs: 0, level: "warn", message: "a\u001b[2Jb", fields: { name: "c\rd", count: 1 } }),
  );
  expect(line).toBe("1970-01-01T00:00:00.000Z warn  a\\u001b[2Jb name=c\\rd count=1\n");
});

test("modules and checks are lined up, with reasons and fixes", () => {
  const modules = [
    { id: "a", state: "ready", summary: "First" },
    { id: "long", state: "failed", reason: "no disk", summary: "Second" },
  ];
  expect(text(renderModules({ modules }))).toBe("a     ready     First\nlong  failed    no disk\n");
  const checks = [
    { name: "disk", verdict: "ok", found: "much" },
    { name: "clock", verdict: "failure", found: "1970", fix: "set it" },
  ];
  expect(text(renderChecks({ checks }))).toBe(
    "ok       disk  much\nfailure  clock 1970\n               fix: set it\n",
  );
});
