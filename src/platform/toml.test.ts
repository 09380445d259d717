import { expect, test } from "bun:test";
import { parseToml } from "./toml.ts";

const text = `version = 1
[http]
# port = 9
port = 7000
limits.bodyBytesMax = 5
"quoted" = 1

[shell.profiles.build]
network = "none"
`;

test("a broken file names the line and the column", () => {
  expect(() => parseToml('a = 1\nb = "open\n', "config.toml")).toThrow(
    /config\.toml line 2, column \d+ is no TOML/,
  );
});

test("keys and tables know their lines", () => {
  const { values, lineOf } = parseToml(text, "config.toml");
  expect(values.version).toBe(1);
  expect(lineOf(["version"])).toBe(1);
  expect(lineOf(["http"])).toBe(2);
  expect(lineOf(["http", "port"])).toBe(4);
  expect(lineOf(["http", "limits"])).toBe(5);
  expect(lineOf(["http", "limits", "bodyBytesMax"])).toBe(5);
  expect(lineOf(["http", "quoted"])).toBe(6);
  expect(lineOf(["shell", "profiles"])).toBe(8);
  expect(lineOf(["shell", "profiles", "build", "network"])).toBe(9);
  expect(lineOf(["nope"])).toBeUndefined();
});
