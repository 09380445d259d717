/** Tokens over TCP, with the access module that a node has. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type HttpNode, startHttpNode } from "../../tests/http/http-node.ts";
import { access } from "../access/module.ts";

let node: HttpNode;
let aheadMs = 0;
beforeAll(async () => {
  node = await startHttpNode({ access, aheadMs: () => aheadMs });
});
afterAll(() => node.stop());

/** As the owner, over the socket. */
async function owner(path: string, input: Record<string, unknown>): Promise<Record<string, unknown>> {
  const response = await fetch(`http://operone/v1/access/${path}`, {
    unix: node.socket,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(input),
  });
  expect(response.status).toBe(200);
  return response.json() as Promise<Record<string, unknown>>;
}

const tokenFor = async (name: string, more: Record<string, unknown> = {}) =>
  String((await owner("token-create", { name, grant: ["sample.use=*"], ...more })).token);

function call(token: string, path = "/v1/odd/ping"): Promise<Response> {
  return fetch(node.url + path, { headers: { authorization: `Bearer ${token}` } });
}

test("a live token is let in with its grants", async () => {
  const token = await tokenFor("live");
  expect((await call(token)).status).toBe(200);
  expect((await call(token, "/v1/sample/near")).status).toBe(200);
  expect((await call(token, "/v1/access/token-list")).status).toBe(403);
});

test("a revoked token is refused, and what runs on it ends", async () => {
  const token = await tokenFor("revoked");
  const { started } = node.happened;
  const running = call(token, "/v1/odd/wait");
  await node.until(() => node.happened.started > started);
  await owner("token-revoke", { token: "revoked" });
  expect((await running).status).toBe(401);
  expect((await call(token)).status).toBe(401);
});

test("an expired token is refused", async () => {
  const token = await tokenFor("short", { expiresIn: "1h" });
  expect((await call(token)).status).toBe(200);
  aheadMs = 3_600_001;
  expect((await call(token)).status).toBe(401);
});

test("a token of the right form with a wrong secret is refused", async () => {
  const token = await tokenFor("guessed");
  const last = token.at(-1) === "A" ? "B" : "A";
  expect((await call(token.slice(0, -1) + last)).status).toBe(401);
});

test("a token's name in the query is no token", async () => {
  await tokenFor("named");
  const response = await fetch("http://operone/v1/access/token-show?token=named", { unix: node.socket });
  expect(response.status).toBe(200);
});

test("the owner's token is let in as the owner", async () => {
  const text = await Bun.file(`${node.directory}/owner.token`).text();
  expect((await call(text.trim(), "/v1/access/token-list")).status).toBe(200);
});
