import { afterEach, expect, spyOn, test } from "bun:test";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { systemKeyring } from "./keyring.ts";

const spies: { mockRestore(): void }[] = [];
afterEach(() => {
  for (const spy of spies.splice(0)) spy.mockRestore();
});

test("a keyring that never answers is given up after ten seconds", async () => {
  spies.push(spyOn(Bun.secrets, "get").mockReturnValue(new Promise(() => {})));
  const clock = simulatedClock();
  const asked = systemKeyring(clock).get("a");
  const outcome = asked.catch((error: unknown) => error);
  await clock.advance(10_000);
  expect(await outcome).toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(/no answer within 10000 ms.*access.keyring = "file"/),
  });
  expect(clock.timers).toBe(0);
});

test("a keyring that is not there is one clear error", async () => {
  spies.push(spyOn(Bun.secrets, "get").mockRejectedValue(new Error("libsecret is not installed")));
  const clock = simulatedClock();
  await expect(systemKeyring(clock).get("a")).rejects.toThrow(/libsecret is not installed.*unlock it/);
});

test("entries are found under the name they were stored with", async () => {
  const held = new Map<string, string>();
  spies.push(
    spyOn(Bun.secrets, "set").mockImplementation(
      async ({ service, name, value }) => void held.set(`${service} ${name}`, value),
    ),
    spyOn(Bun.secrets, "get").mockImplementation(
      async ({ service, name }) => held.get(`${service} ${name}`) ?? null,
    ),
    spyOn(Bun.secrets, "delete").mockImplementation(async ({ service, name }) =>
      held.delete(`${service} ${name}`),
    ),
  );
  const keyring = systemKeyring(simulatedClock());
  expect(await keyring.get("a")).toBeUndefined();
  await keyring.set("a", "key");
  expect(await keyring.get("a")).toBe("key");
  await keyring.remove("a");
  expect(await keyring.get("a")).toBeUndefined();
});
