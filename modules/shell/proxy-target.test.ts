import { expect, test } from "bun:test";
import { onwardHeaders, plainTarget, tunnelTarget } from "./proxy-target.ts";

test("a tunnel is for one host and one port", () => {
  expect(tunnelTarget("A.test:443")).toEqual({ host: "a.test", port: 443 });
  for (const none of [
    "a.test",
    "a.test:",
    "a.test:0",
    "a.test:70000",
    "a.test:443/x",
    "u@a.test:443",
    "a:b:1",
    "1.2.3.4:80",
  ])
    expect([none, tunnelTarget(none)]).toEqual([none, undefined]);
});

test("a plain request names its host in its address", () => {
  expect(plainTarget("http://a.test/x?y")).toEqual({ host: "a.test", port: 80, path: "/x?y" });
  expect(plainTarget("HTTP://a.test:8080")).toEqual({ host: "a.test", port: 8_080, path: "/" });
  for (const none of [
    "/x",
    "https://a.test/",
    "http://u:p@a.test/",
    "http://127.1/",
    "http://[::1]/",
    "http://",
    "file:///x",
  ])
    expect([none, plainTarget(none)]).toEqual([none, undefined]);
});

test("headers that are for one connection stay there, and those that come twice stay two", () => {
  const raw = [
    "Host",
    "a",
    "Connection",
    "close, X-One",
    "X-One",
    "1",
    "Cookie",
    "a",
    "Cookie",
    "b",
    "TE",
    "x",
  ];
  expect(onwardHeaders(raw)).toEqual({ host: "a", cookie: ["a", "b"] });
});

test("a header may have any name, those of an object's own included", () => {
  const raw = ["constructor", "a", "toString", "b", "toString", "c", "__proto__", "d"];
  expect(Object.entries(onwardHeaders(raw))).toEqual([
    ["constructor", "a"],
    ["tostring", ["b", "c"]],
    ["__proto__", "d"],
  ]);
});
