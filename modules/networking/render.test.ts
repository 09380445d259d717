import { expect, test } from "bun:test";
import {
  renderEvent,
  renderInvite,
  renderInvites,
  renderJoinStep,
  renderMesh,
  renderNodes,
  renderPending,
  renderPings,
} from "./render.ts";

const phrase = Array.from({ length: 24 }, (_, at) => `word${at}`).join(" ");
const invite = {
  id: "abcd",
  role: "operator" as const,
  state: "open" as const,
  confirm: false,
  createdAtMs: 0,
  expiresAtMs: 600_000,
  failedAttempts: 0,
};
const redText = "\u001b[31mred";

test("only the code of an invite goes to stdout, so that a script can take it", () => {
  const { stdout, stderr } = renderInvite({ code: "op1-x", invite, cap: "observer" });
  expect(stdout).toBe("op1-x\n");
  expect(stderr).toContain("operone join op1-x");
  expect(stderr).toContain("at most observer");
  expect(stderr).not.toContain("phrase");
  const first = renderInvite({
    code: "op1-x",
    invite: { ...invite, confirm: true },
    cap: "admin",
    recoveryPhrase: phrase,
    qr: ["##"],
  });
  expect(first.stdout).toBe("op1-x\n");
  for (const part of ["  1 word0\n", "  24 word23\n", "operone confirm", "##\n"])
    expect(first.stderr).toContain(part);
});

test("lists of invites and of waiting machines say what they are, also when empty", () => {
  expect(renderInvites({ invites: [] }).stdout).toContain("operone invite");
  const listed = renderInvites({ invites: [{ ...invite, usedBy: "12D3pi" }] });
  expect(listed.stdout).toContain("12D3pi");
  const seen = renderInvites({
    invites: [{ ...invite, usedBy: "12D3pi", usedByName: "pi", words: ["owl", "sun"] }],
  });
  expect(seen.stdout).toMatch(/pi \(12D3pi\) +owl sun/);
  expect(renderPending({ pending: [] }).stdout).toBe("No enrolment waits.\n");
  const pending = {
    id: "p1",
    peerId: "12D3pi",
    role: "operator" as const,
    ageMs: 61_000,
    reasonAgeMs: 0,
    reason: "Waits for a person",
    active: true,
    words: ["owl", "sun"],
  };
  const inward = renderPending({
    pending: [{ ...pending, direction: "in", name: "pi", address: "/ip4/10.0.0.2" }],
  });
  expect(inward.stdout).toContain("pi wants in as operator");
  expect(inward.stdout).toContain("words: owl sun");
  const outward = renderPending({ pending: [{ ...pending, direction: "out", words: [], active: false }] });
  expect(outward.stdout).toContain("this node asks 12D3pi");
  expect(outward.stdout).toContain("failed");
});

test("each step of a join is a line, and only the end goes to stdout", () => {
  const steps = [
    { step: "connecting", address: "/ip4/10.0.0.1/tcp/1" },
    { step: "connected", address: "/ip4/10.0.0.1/tcp/1", encryption: "tls" },
    { step: "words", words: ["owl", "sun"] },
    { step: "waiting", reason: "a person must say yes" },
    { step: "retrying", reason: "no answer", delayMs: 2_000 },
  ] as const;
  const shown = steps.map((step) =>
    renderJoinStep("words" in step ? { ...step, words: [...step.words] } : step),
  );
  for (const { stdout, stderr } of shown)
    expect([stdout, String(stderr).endsWith("\n")]).toEqual([undefined, true]);
  expect(shown[2]?.stderr).toContain("owl sun");
  expect(renderJoinStep({ step: "words", words: ["owl"], changed: true }).stderr).toContain(
    "words are new: owl",
  );
  const joined = renderJoinStep({ step: "joined", meshId: "12D3mesh", role: "operator", inviter: "12D3a" });
  expect(joined.stdout).toContain("12D3mesh as operator");
});

const node = {
  peerId: "12D3pi",
  self: false,
  role: "operator" as const,
  state: "away" as const,
  labels: {},
  addresses: [],
};

test("the nodes are a table with the reason for each that is away", () => {
  expect(renderNodes({ nodes: [] }).stdout).toContain("in no mesh");
  const { stdout } = renderNodes({
    nodes: [
      { ...node, self: true, state: "self", name: "attic", peerId: "12D3a" },
      {
        ...node,
        state: "connected",
        name: "pi",
        cap: "observer",
        address: "/ip4/10.0.0.2/tcp/6738",
        direct: true,
        roundTripMs: 1.234,
        version: "1.0.0",
        lastSeenAtMs: 0,
      },
      { ...node, peerId: "12D3nas", reason: `refused ${redText}` },
    ],
  });
  const text = String(stdout);
  for (const part of ["ROUND TRIP", "1.23 ms", "direct", "now", "12D3nas: refused"])
    expect(text).toContain(part);
  expect(text).not.toContain("\u001b");
});

test("pings, events and the mesh are lines, and what others wrote cannot move the cursor", () => {
  expect(renderPings({ peerId: "12D3pi", name: "pi", roundTripMs: 1 }).stdout).toBe(
    "pi (12D3pi)  1.000 ms\n",
  );
  expect(renderPings({ peerId: "12D3pi", error: redText }).stderr).toMatch(/^12D3pi: .*red\n$/);
  const event = renderEvent({ atMs: 0, event: "role", peerId: "12D3pi", name: "pi", role: "admin" });
  expect(event.stdout).toContain("role  pi (12D3pi) as admin");
  expect(renderEvent({ atMs: 0, event: "joined", peerId: "12D3pi", words: ["owl", "sun"] }).stdout).toContain(
    "joined  12D3pi, safety words: owl sun",
  );
  expect(renderMesh({ state: "none", name: "pi", addresses: [], members: 0, connected: 0 }).stdout).toContain(
    "pi is in no mesh",
  );
  const mesh = {
    name: "pi",
    peerId: "12D3pi",
    meshId: "12D3m",
    cap: "observer",
    addresses: ["/a"],
    members: 2,
    connected: 1,
  };
  expect(renderMesh({ ...mesh, state: "member", role: "admin" }).stdout).toContain(
    "is admin in the mesh 12D3m",
  );
  expect(renderMesh({ ...mesh, state: "removed" }).stdout).toContain("An admin removed this node");
  for (const { stdout, stderr } of [
    renderPings({ peerId: "x", error: redText }),
    renderEvent({ atMs: 0, event: "joined", peerId: "x", name: redText }),
  ])
    expect(`${stdout ?? ""}${stderr ?? ""}`).not.toContain("\u001b");
});
