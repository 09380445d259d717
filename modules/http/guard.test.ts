import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Door, judge } from "./guard.ts";
import { Revocations } from "./revocations.ts";

const own = "127.0.0.1:6737";
const tcp: Door = { kind: "tcp", scheme: "http", hosts: new Set([own]), literalPort: undefined };
const unix: Door = { kind: "unix", scheme: "http", hosts: new Set(["operone"]), literalPort: undefined };
const token = "opt_aaaaaaaaaa_0123456789012345678901234567890123456789012";

function judged(door: Door, headers: Record<string, string>, path = "/v1/node/status") {
  const host = door.kind === "tcp" ? own : "operone";
  return judge(door, { url: `http://${host}${path}`, headers: new Headers({ host, ...headers }) });
}

const codeOf = (verdict: ReturnType<typeof judge>) =>
  "refused" in verdict ? verdict.refused.code : "let in";
/** What can stand in a header. */
const text = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
});

test("no host but our own is let in, with whatever token", () => {
  fc.assert(
    fc.property(text, (host) => {
      fc.pre(host.toLowerCase() !== own);
      expect(codeOf(judged(tcp, { host, authorization: `Bearer ${token}` }))).toBe("misdirected");
      expect(codeOf(judged(unix, { host: `${host}x` }))).toBe("misdirected");
    }),
  );
});

test("no origin but our own is let in, and none on the Unix socket", () => {
  fc.assert(
    fc.property(fc.oneof(text, fc.webUrl()), (origin) => {
      fc.pre(origin !== "" && origin !== `http://${own}`);
      expect(codeOf(judged(tcp, { origin, authorization: `Bearer ${token}` }))).toBe("forbidden");
      expect(codeOf(judged(unix, { origin }))).toBe("forbidden");
    }),
  );
  expect(codeOf(judged(tcp, { origin: `http://${own}`, authorization: `Bearer ${token}` }))).toBe("let in");
});

test("one of our tokens in the query is seen under any name and beside anything", () => {
  fc.assert(
    fc.property(text, fc.array(fc.tuple(text, text), { maxLength: 3 }), (name, others) => {
      const query = new URLSearchParams([...others, [name, token]]);
      const verdict = judged(tcp, { authorization: `Bearer ${token}` }, `/v1/a/b?${query}`);
      expect(codeOf(verdict)).toBe("unauthenticated");
    }),
  );
});

test("a token is taken out of the header exactly", () => {
  expect(judged(tcp, { authorization: `Bearer ${token}` })).toEqual({ token });
  expect(judged(tcp, { authorization: `bEARER   ${token}` })).toEqual({ token });
  expect(judged(unix, {})).toEqual({ owner: true });
});

test("what was forgotten is not ended any more, and what comes late is ended at once", () => {
  const revocations = new Revocations();
  const credential = new AbortController();
  const ended: string[] = [];
  const running = (name: string) => ({ abort: (reason: unknown) => ended.push(`${name} ${reason}`) });
  const [first, second] = [running("first"), running("second")];
  revocations.watch(credential.signal, first);
  revocations.watch(credential.signal, second);
  revocations.forget(credential.signal, first);
  credential.abort("revoked");
  revocations.watch(credential.signal, running("late"));
  expect(ended).toEqual(["second revoked", "late revoked"]);
});
