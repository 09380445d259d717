import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { sampleKernel } from "../../tests/surface/sample-node.ts";
import { operationsOf } from "../kernel/operation.ts";
import { apiPage } from "./apipage.ts";
import { pageStyle } from "./apipage-style.ts";

const { view } = await sampleKernel();
const page = apiPage(view.table, { version: "1.2.3" });

test("every operation on HTTP has its place, with summary, rights and a line to paste", () => {
  for (const { id, summary, surfaces, needs } of view.table.values()) {
    const [, article = ""] = page.split(`<h3 id="${id}">`);
    assert.equal(article !== "", surfaces.includes("http"), id);
    if (!surfaces.includes("http")) continue;
    const text = article.split("</article>", 1)[0] ?? "";
    assert.ok(text.includes(summary));
    for (const right of needs) assert.ok(text.includes(`<code>${right}</code>`));
    assert.match(text, /<code>(curl|websocat) /);
  }
});

test("the page needs nothing from elsewhere and runs nothing", () => {
  assert.doesNotMatch(page, /<script|<link|<img|<iframe|\son[a-z]+=|javascript:|@import|url\(/i);
  for (const [, target = ""] of page.matchAll(/(?:href|src)="([^"]*)"/g))
    assert.match(target, /^(#|\/openapi\.json$)/);
});

test("every link within the page leads somewhere, and no name is used twice", () => {
  const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id = ""]) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const [, target = ""] of page.matchAll(/href="#([^"]*)"/g)) assert.ok(ids.includes(target), target);
  for (const [, label = ""] of page.matchAll(/aria-labelledby="([^"]*)"/g))
    assert.ok(ids.includes(label), label);
});

test("tables, scrolling parts and the way to the content are there for who cannot see or point", () => {
  assert.match(page, /<html lang="en">/);
  assert.match(page, /class="skip" href="#content"/);
  assert.equal(page.match(/<table>/g)?.length, page.match(/<caption>/g)?.length);
  for (const [pre] of page.matchAll(/<pre[^>]*>/g))
    assert.match(pre, /tabindex="0" role="group" aria-label="/);
});

test("text of operations is text, whatever it holds", () => {
  const nasty: string = `<script>alert("1")</script> & 'x'`;
  const op = operationsOf<unknown>("a");
  const one = op({
    name: "b",
    summary: nasty,
    description: nasty,
    effect: "read",
    needs: [nasty],
    input: v.strictObject({ path: v.optional(v.pipe(v.string(), v.description(nasty)), nasty) }),
    output: v.pipe(v.string(), v.description(nasty)),
    examples: [{ input: { path: nasty }, output: nasty, note: nasty }],
    run: () => nasty,
  });
  const made = apiPage(new Map([[one.id, one]]), { version: nasty });
  assert.doesNotMatch(made, /<script|alert\("/);
  assert.ok(made.includes("&#60;script&#62;"));
});

test("text can be read in light and in dark", () => {
  const schemes = [...pageStyle.matchAll(/:root \{([^}]*)\}/g)].map(([, body = ""]) => coloursIn(body));
  assert.equal(schemes.length, 2);
  for (const colours of schemes) {
    for (const name of ["text", "quiet", "link", "read", "write", "destroy"]) {
      for (const back of ["back", "panel"]) {
        const ratio = contrast(colours.get(name) ?? "", colours.get(back) ?? "");
        assert.ok(ratio >= 4.5, `${name} on ${back}: ${ratio.toFixed(2)}`);
      }
    }
  }
});

function coloursIn(body: string): Map<string, string> {
  return new Map([...body.matchAll(/--(\w+): #(\w+)/g)].map(([, name = "", value = ""]) => [name, value]));
}

/** WCAG 2.2, "contrast ratio" and "relative luminance". */
function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour: string): number {
  const full = colour.length === 3 ? [...colour].map((digit) => digit + digit).join("") : colour;
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((start) => {
    const part = Number.parseInt(full.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
