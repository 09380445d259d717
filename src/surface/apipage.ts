/** A readable page about the operations on HTTP, made from the table. It needs no script and nothing from elsewhere. */
import { errorCodes } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";
import type { OperationTable } from "../kernel/view.ts";
import { pageStyle } from "./apipage-style.ts";
import { mediaType, operationPath } from "./http-wire.ts";
import { documentedErrors } from "./openapi-errors.ts";
import { optionsOf } from "./options.ts";
import { jsonSchemaOf, stringsFromInput } from "./schema.ts";

export interface PageFacts {
  readonly version: string;
}

/** Text that is HTML already. */
class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Content = string | number | Markup | readonly Content[];

/** Escapes everything that is put in, unless it is markup. */
function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(parts.reduce((text, part, at) => text + rendered(contents[at - 1] ?? "") + part));
}

function rendered(content: Content): string {
  if (content instanceof Markup) return content.text;
  if (typeof content === "object") return content.map(rendered).join("");
  return String(content).replaceAll(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}

/** A whole document in UTF-8. */
export function apiPage(table: OperationTable, { version }: PageFacts): string {
  const operations = [...table.values()].filter(({ surfaces }) => surfaces.includes("http"));
  const modules = [...new Set(operations.map(({ module }) => module))];
  const inModule = (name: string) => operations.filter(({ module }) => module === name);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Operone ${version}: operations over HTTP</title>
<style>${new Markup(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#content">To the content</a>
<header><h1>Operone <small>${version}</small></h1></header>
<div class="columns">
<nav aria-label="Operations">${modules.map((name) => navigation(name, inModule(name)))}</nav>
<main id="content">
${introduction()}
${modules.map((name) => html`<section aria-labelledby="module-${name}"><h2 id="module-${name}">${name}</h2>${inModule(name).map(article)}</section>`)}
${errorSection()}
</main>
</div>
</body>
</html>
`.text;
}

function navigation(module: string, operations: readonly Operation[]): Markup {
  const links = operations.map(({ id, name }) => html`<li><a href="#${id}">${name}</a></li>`);
  return html`<h2>${module}</h2><ul>${links}</ul>`;
}

function introduction(): Markup {
  return html`<section aria-labelledby="start"><h2 id="start">How to call</h2>
<p>Every operation is <code>POST /v1/MODULE/OPERATION</code> with JSON; those that only read also answer GET. On the Unix socket <code>operone.sock</code> in the data directory you are the owner; everywhere else send <code>authorization: Bearer TOKEN</code>. A token never goes into the query.</p>
<p>Items come as server-sent events; <code>accept: ${mediaType.ndjson}</code> gives a line of JSON each, <code>accept: ${mediaType.json}</code> one array. The same as data: <a href="/openapi.json">/openapi.json</a>.</p>
</section>`;
}

function article(operation: Operation): Markup {
  const { id, summary, description, effect, needs, takes, gives } = operation;
  const facts = [
    html`<span class="effect ${effect}">${effect}</span>`,
    ...(takes === "nothing" ? [] : [html`<span>takes ${takes}</span>`]),
    html`<span>gives ${gives === "value" ? "a value" : gives}</span>`,
  ];
  const rights =
    needs.length === 0
      ? "no permission"
      : needs.map((name, at) => [at === 0 ? "" : ", ", html`<code>${name}</code>`]);
  return html`<article aria-labelledby="${id}">
<h3 id="${id}"><a href="#${id}">${id}</a></h3>
<p>${summary}.${description === undefined ? "" : ` ${description}`}</p>
<p class="facts">${facts} <span>needs ${rights}</span></p>
${code("sh", curl(operation))}
${parameterTable(operation)}
${outputPart(operation)}
${examplePart(operation)}
<p class="errors">Errors: ${documentedErrors(operation).map((name) => html`<a href="#error-${name}">${name}</a> `)}</p>
</article>
`;
}

/** Scrolls by keyboard too, so it can be focused and has a name. */
function code(language: string, text: string): Markup {
  return html`<pre tabindex="0" role="group" aria-label="${language === "sh" ? "Command" : "JSON"}"><code>${text}</code></pre>`;
}

/** A line that works when pasted where the data directory is the usual one. */
function curl(operation: Operation): string {
  const start = "curl -sS --unix-socket ~/.operone/operone.sock";
  const input = operation.examples[0]?.input ?? {};
  const path = operationPath(operation.id);
  const query = new URLSearchParams(stringsFromInput(operation, input)).toString();
  const url = `http://operone${path}${query === "" ? "" : `?${query}`}`;
  if (operation.takes === "messages") {
    return `websocat --ws-c-uri=ws://operone${path}${query === "" ? "" : `?${query}`} - ws-c:unix:$HOME/.operone/operone.sock`;
  }
  if (operation.takes === "bytes") {
    return `${start} ${quoted(url)} -H 'content-type: ${mediaType.bytes}' --data-binary @file`;
  }
  if (operation.effect === "read") return `${start} ${quoted(url)}`;
  return `${start} http://operone${path} -H 'content-type: ${mediaType.json}' -d ${quoted(JSON.stringify(input))}`;
}

function quoted(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function parameterTable(operation: Operation): Markup {
  const options = optionsOf(operation);
  if (options.length === 0) return html`<p>No input.</p>`;
  const rows = options.map(({ key, value, repeated, required, defaultValue, description }) => {
    const preset =
      defaultValue === undefined ? "" : html` Default: <code>${JSON.stringify(defaultValue)}</code>`;
    return html`<tr><th scope="row"><code>${key}</code></th><td>${value}${repeated ? ", any number" : ""}</td><td>${required ? "required" : "optional"}</td><td>${description ?? ""}${preset}</td></tr>`;
  });
  return html`<div class="scroll"><table><caption>Input</caption><thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Needed</th><th scope="col">Meaning</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

function outputPart(operation: Operation): Markup {
  if (operation.gives === "bytes")
    return html`<p>Gives raw bytes${operation.effect === "read" ? ", in parts too (Range)" : ""}.</p>`;
  const schema = JSON.stringify(jsonSchemaOf(operation.output, "output"), null, 2);
  const title = operation.gives === "items" ? "JSON Schema of an item" : "JSON Schema of the value";
  return html`<details><summary>${title}</summary>${code("json", schema)}</details>`;
}

function examplePart({ examples }: Operation): Markup {
  const [first] = examples;
  if (first === undefined) return html``;
  const { input, output, note } = first;
  const shown = { input, ...(output === undefined ? {} : { output }) };
  return html`<details><summary>Example${note === undefined ? "" : `: ${note}`}</summary>${code("json", JSON.stringify(shown, null, 2))}</details>`;
}

function errorSection(): Markup {
  const rows = Object.entries(errorCodes).map(
    ([name, { title, http, exit }]) =>
      html`<tr id="error-${name}"><th scope="row"><code>${name}</code></th><td>${title}</td><td>${http}</td><td>${exit}</td></tr>`,
  );
  return html`<section aria-labelledby="errors"><h2 id="errors">Errors</h2>
<p>A failure is a problem document (RFC 9457, <code>${mediaType.problem}</code>) with one of these codes.</p>
<div class="scroll"><table><caption>Codes</caption><thead><tr><th scope="col">Code</th><th scope="col">Meaning</th><th scope="col">HTTP</th><th scope="col">Exit code</th></tr></thead><tbody>${rows}</tbody></table></div>
</section>`;
}
