import { expect, test } from "bun:test";
import { constants } from "node:os";
import { parseLocked, parseReport, reportError, systemFault } from "./sandbox-report.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("an empty report means that the command has started", () => {
  expect(parseReport(new Uint8Array())).toBeUndefined();
});

test("a report has a stage, the system's reason by name, and a subject that may be any path", () => {
  const { ENOENT } = constants.errno;
  expect(parseReport(bytes(`exec\n${ENOENT}\n/a\nb`))).toEqual({
    stage: "exec",
    reason: "ENOENT",
    subject: "/a\nb",
  });
  expect(parseReport(bytes("odd"))).toEqual({ stage: "odd", reason: "", subject: "" });
});

test("a launcher that only locks says so first, and then perhaps why the command did not start", () => {
  const { ENOENT } = constants.errno;
  expect(parseLocked(bytes("locked\n"))).toBeUndefined();
  expect(parseLocked(bytes(`locked\nexec\n${ENOENT}\nx`))).toMatchObject({ stage: "exec", subject: "x" });
  expect(parseLocked(bytes(`lock\n${ENOENT}\nlandlock`))).toMatchObject({ stage: "lock" });
});

test("a fault of the machine comes with what helps, and one of the command with its own code", () => {
  const of = (stage: string, reason: string) => ({ stage, reason, subject: "/x" });
  for (const stage of ["namespaces", "identity", "mount", "lock", "network", "bubblewrap"]) {
    expect(systemFault(of(stage, "EPERM"))?.fix).toBeString();
    expect(reportError(of(stage, "EPERM"))).toMatchObject({ code: "unsupported" });
  }
  for (const [stage, reason, code] of [
    ["exec", "ENOENT", "not_found"],
    ["exec", "EACCES", "forbidden"],
    ["exec", "E2BIG", "too_large"],
    ["exec", "ENOEXEC", "invalid_input"],
    ["folder", "ENOENT", "not_found"],
    ["folder", "EACCES", "forbidden"],
    ["workspace", "ELOOP", "invalid_input"],
    ["workspace", "ENOENT", "not_found"],
    ["workspace", "EACCES", "forbidden"],
    ["shield", "ELOOP", "invalid_input"],
    ["share", "ENOENT", "not_found"],
    ["share", "ELOOP", "forbidden"],
    ["idmap", "EINVAL", "unsupported"],
    ["policy", "EINVAL", "internal"],
    ["toString", "EINVAL", "internal"],
  ] as const) {
    const error = reportError(of(stage, reason));
    expect([stage, reason, error.code]).toEqual([stage, reason, code]);
    expect(error.message).toContain('"/x"');
  }
});
