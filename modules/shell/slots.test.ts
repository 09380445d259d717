import { expect, test } from "bun:test";
import { Slots } from "./slots.ts";

const caller = (id: string, name: string) => ({ kind: "token", id, name }) as const;

test("there is room for so many of one caller, and for so many in all, until some end", () => {
  const slots = new Slots("commands", 3, 2);
  const [first] = [slots.take(caller("a", "Ann")), slots.take(caller("a", "Ann"))];
  expect(() => slots.take(caller("a", "Ann"))).toThrow("2 commands of Ann");
  slots.take(caller("b", "Bob"));
  expect(() => slots.take(caller("c", "Cy"))).toThrow("3 in all");
  first?.();
  slots.take(caller("c", "Cy"));
});
