/** Laws that hold for every operation: the same answer and the same code through every door. */
import assert from "node:assert/strict";
import fc from "fast-check";
import * as v from "valibot";
import type { Caller, GrantSet } from "../../src/kernel/authority.ts";
import type { Operation } from "../../src/kernel/operation.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import { bodyBytesMax } from "../../src/surface/mesh-frames.ts";
import { arbitraryOf } from "./arbitrary.ts";
import { type Attempt, type Door, type DoorOptions, directDoor, doorsOf, type Outcome } from "./doors.ts";
import { assertContains, assertSame } from "./stable.ts";

export interface Subject {
  readonly view: KernelView;
  readonly caller: Caller;
  readonly owner: readonly GrantSet[];
  /** Runs of each property, for each operation. */
  readonly numRuns: number;
  /** Doors of another node that lead to this one; absent: this one's own. */
  doors?(sets: readonly GrantSet[]): DoorOptions;
  /** Another input instead, as valid or invalid as that one: what is made up must not reach what is real. */
  harmless?(input: unknown, operation: Operation): unknown;
  /** Operations that fail inside on purpose; for any other, `internal` is a defect that the suite has found. */
  readonly failing: ReadonlySet<string>;
}

const nobody: readonly GrantSet[] = [{ holder: "token none", owner: false, grants: [] }];

function doorsTo(subject: Subject, sets = subject.owner): readonly Door[] {
  const { view, caller } = subject;
  return doorsOf(subject.doors?.(sets) ?? { view, caller, sets });
}

/** A difference is one when it is there each time: what a node says of itself changes while it is asked. */
const comparisonsMax = 5;

/** Every door gives what the dispatcher gives; what is not exposed there is not found. */
export async function assertEqualAnswers(subject: Subject, attempt: Attempt): Promise<void> {
  for (let comparison = 1; ; comparison++) {
    try {
      return await compareDoors(subject, attempt);
    } catch (error) {
      if (comparison === comparisonsMax) throw error;
    }
  }
}

async function compareDoors(subject: Subject, attempt: Attempt): Promise<void> {
  const options = { view: subject.view, caller: subject.caller, sets: subject.owner };
  const operation = subject.view.table.get(attempt.operation);
  const surface = subject.doors === undefined ? operation?.surfaces[0] : "mesh";
  const direct = operation === undefined ? undefined : directDoor(options, surface ?? "http");
  const before = await direct?.call(attempt);
  if (!subject.failing.has(attempt.operation)) {
    assert.notEqual(
      before?.code,
      "internal",
      `${attempt.operation} failed inside for ${JSON.stringify(attempt.input)}`,
    );
  }
  const outcomes: (readonly [Door, Outcome])[] = [];
  for (const door of doorsTo(subject)) {
    if (door.fits(attempt, operation)) outcomes.push([door, await door.call(attempt)]);
  }
  const after = await direct?.call(attempt);
  for (const [door, outcome] of outcomes) {
    const where = `${attempt.operation} through ${door.name}`;
    const exposed = operation?.surfaces.includes(door.surface) === true;
    if (!exposed) assert.equal(outcome.code, "not_found", where);
    else if (before !== undefined && after !== undefined)
      compare(subject, door, outcome, before, after, where);
  }
  await idle(subject.view);
}

function compare(
  subject: Subject,
  door: Door,
  outcome: Outcome,
  before: Outcome,
  after: Outcome,
  where: string,
): void {
  if ((door.surface === "mesh" || subject.doors !== undefined) && isTooBigForMesh(before)) {
    assert.equal(outcome.code, "too_large", where);
    return;
  }
  assert.ok(codesOf(door, before).includes(outcome.code), `${where}: ${outcome.code}, not ${before.code}`);
  assertSame(outcome.given, before.given, after.given, where);
  if (outcome.facts !== undefined)
    assertSame(outcome.facts, before.facts, after.facts, `${where}, about its bytes`);
  const stable =
    before.bytes !== undefined && Buffer.compare(before.bytes, after.bytes ?? new Uint8Array(0)) === 0;
  if (stable) assert.deepEqual(outcome.bytes, before.bytes, `${where}, its bytes`);
  else assert.equal(outcome.bytes === undefined, before.bytes === undefined, where);
}

/** Once bytes flow, HTTP can only break the connection, so that nobody takes half for whole; the code is lost then. */
function codesOf({ surface }: Door, { code, facts }: Outcome): readonly string[] {
  return code !== "ok" && facts !== undefined && surface !== "mesh" ? [code, "unavailable"] : [code];
}

/** One value between nodes has a limit that the other doors have not; bytes and items are for what is bigger. */
function isTooBigForMesh({ given }: Outcome): boolean {
  return given.some((value) => JSON.stringify(value).length > bodyBytesMax - 100);
}

async function idle(view: KernelView): Promise<void> {
  while (view.callsInFlight() > 0) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Every example runs, gives what it says, and gives it through every door. */
export async function proveExamples(subject: Subject, operation: Operation): Promise<void> {
  const { id, takes, surfaces } = operation;
  const direct = directDoor(
    { view: subject.view, caller: subject.caller, sets: subject.owner },
    surfaces[0] ?? "http",
  );
  for (const { input, output } of operation.examples) {
    const stream = { nothing: {}, bytes: { bytes: new Uint8Array(0) }, messages: { messages: [] } }[takes];
    const attempt: Attempt = { operation: id, input, ...stream };
    const { code, given } = await direct.call(attempt);
    assert.deepEqual({ example: input, of: id, code }, { example: input, of: id, code: "ok" });
    if (output !== undefined) assertContains(given.at(-1), output, `the example of ${id}`);
    await assertEqualAnswers(subject, attempt);
  }
}

/** A call that its caller gives up ends at the node too. */
export async function proveCancelled(subject: Subject, operation: string): Promise<void> {
  for (const door of doorsTo(subject)) {
    const attempt = { operation, input: {} };
    if (!door.fits(attempt, subject.view.table.get(operation))) continue;
    const controller = new AbortController();
    const ended = door.call({ ...attempt, signal: controller.signal });
    while (subject.view.callsInFlight() === 0) await turn();
    controller.abort();
    assert.equal((await ended).code, "cancelled", `${operation} through ${door.name}`);
    await idle(subject.view);
  }
}

/** For generated valid inputs. */
export async function proveValid(subject: Subject, operation: Operation): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      attempts(operation, tamed(subject, operation, arbitraryOf(operation.input))),
      (attempt) => assertEqualAnswers(subject, attempt),
    ),
    { numRuns: subject.numRuns },
  );
}

/** For generated invalid inputs: every door refuses them, and nothing runs. */
export async function proveInvalid(subject: Subject, operation: Operation): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      attempts(operation, tamed(subject, operation, invalidInputs(operation))),
      async (attempt) => {
        for (const door of doorsTo(subject)) {
          if (!door.fits(attempt, operation)) continue;
          const { code, given } = await door.call(attempt);
          const expected = operation.surfaces.includes(door.surface) ? "invalid_input" : "not_found";
          assert.deepEqual(
            { code, given },
            { code: expected, given: [] },
            `${operation.id} through ${door.name}`,
          );
        }
      },
    ),
    { numRuns: subject.numRuns },
  );
}

/** Without the permission every door says so, whatever the input is. */
export async function proveForbidden(subject: Subject, operation: Operation): Promise<void> {
  const valid = attempts(operation, tamed(subject, operation, arbitraryOf(operation.input)));
  await fc.assert(
    fc.asyncProperty(valid, async (attempt) => {
      for (const door of doorsTo(subject, nobody)) {
        if (!door.fits(attempt, operation)) continue;
        const expected = operation.surfaces.includes(door.surface) ? "forbidden" : "not_found";
        const { code, given } = await door.call(attempt);
        assert.deepEqual(
          { code, given },
          { code: expected, given: [] },
          `${operation.id} through ${door.name}`,
        );
      }
    }),
    { numRuns: Math.ceil(subject.numRuns / 3) },
  );
}

function tamed(
  { harmless }: Subject,
  operation: Operation,
  inputs: fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  return harmless === undefined ? inputs : inputs.map((input) => harmless(input, operation));
}

function attempts(operation: Operation, inputs: fc.Arbitrary<unknown>): fc.Arbitrary<Attempt> {
  const { id, takes } = operation;
  if (takes === "nothing") return inputs.map((input) => ({ operation: id, input }));
  if (takes === "bytes") {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.nat(300_000).map((size) => new Uint8Array(size).fill(size % 256)),
    );
    return fc
      .tuple(inputs.filter(isObject), bytes)
      .map(([input, content]) => ({ operation: id, input, bytes: content }));
  }
  const messages = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: arbitraryOf(operation.message) },
      { weight: 1, arbitrary: fc.jsonValue() },
    ),
    { maxLength: 5 },
  );
  return fc
    .tuple(inputs.filter(isObject), messages)
    .map(([input, list]) => ({ operation: id, input, messages: list.map(plain) }));
}

/** A valid input with something wrong about it, or anything at all. */
function invalidInputs({ input }: Operation): fc.Arbitrary<unknown> {
  const keys = fc.oneof(
    fc.constantFrom("__proto__", "constructor", "toString", "no", "json", "node2"),
    fc.string(),
  );
  const json = fc.jsonValue({ maxDepth: 2 }).map(plain);
  const changed = fc
    .tuple(arbitraryOf(input), fc.nat(), keys, json, fc.nat(2))
    .map(([valid, at, key, value, how]) => {
      const entries = Object.entries(valid as Record<string, unknown>);
      const [name] = entries[at % Math.max(1, entries.length)] ?? [];
      if (how === 0 || name === undefined) return Object.fromEntries([...entries, [key, value]]);
      if (how === 1) return Object.fromEntries(entries.filter(([other]) => other !== name));
      return Object.fromEntries(entries.map(([other, old]) => [other, other === name ? value : old]));
    });
  return fc
    .oneof({ weight: 9, arbitrary: changed }, { weight: 1, arbitrary: json })
    .filter((value) => value !== null && !v.is(input, value));
}

/** No negative zero and no object without a prototype: as it is after JSON. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
