/** Reading of documents by contained children, beside programs and libraries that read them with no walls around. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Papa from "papaparse";
import { child } from "../../modules/fs/parse/parse.child.ts";
import { pdfOf, streamObject } from "../../tests/fs/documents.ts";
import { compare, type Row } from "./rounds.ts";
import { newFolder, removeFolder, type Server, startNode, systemPaths } from "./subjects.ts";

const pages = 1_200;
const tableMb = 40;
const rounds = 5;

/** Debian: apt-get install poppler-utils. */
const pdftotext = "pdftotext";

export async function documents({ binary }: { readonly binary: string }): Promise<readonly Row[]> {
  const folder = newFolder();
  const server = await startNode(binary);
  const pdf = join(folder, "a.pdf");
  const csv = join(folder, "a.csv");
  writeFileSync(pdf, textPdf());
  writeFileSync(csv, tableText());
  const rows = [
    await pdfRow(server, pdf),
    await startRow(server, folder),
    ...(await tableRows(server, csv)),
    await memoryRow(server, csv),
  ];
  await server.stop();
  removeFolder(folder);
  return rows;
}

/** Pages as books have them: 45 lines of 80 signs. */
function textPdf(): Buffer {
  const first = 4;
  const kids = Array.from({ length: pages }, (_, at) => `${first + 2 * at} 0 R`).join(" ");
  const page = (at: number) => {
    const line = (row: number) => `(${words(at * 45 + row)}) Tj T*`;
    const lines = Array.from({ length: 45 }, (_, row) => line(row)).join("\n");
    const content = `${first + 2 * at + 1} 0 R`;
    return [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${content} /Resources << /Font << /F1 3 0 R >> >> >>`,
      streamObject(Buffer.from(`BT /F1 10 Tf 14 TL 60 780 Td\n${lines}\nET`)),
    ];
  };
  return pdfOf([
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${kids}] /Count ${pages} >>`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ...Array.from({ length: pages }, (_, at) => page(at)).flat(),
  ]);
}

function words(seed: number): string {
  const parts = Array.from({ length: 14 }, (_, at) => ((seed * 31 + at * 17 + 7) % 9_973).toString(36));
  return parts.join(" word ").slice(0, 80);
}

function tableText(): string {
  const lines: string[] = ["id,name,price,day,note\n"];
  for (let bytes = 0, at = 0; bytes < tableMb * 1e6; at++) {
    const line = `${at},name of ${at % 977},${(at % 9_999) / 100},2026-01-${10 + (at % 20)},${words(at).slice(0, 30)}\n`;
    lines.push(line);
    bytes += line.length;
  }
  return lines.join("");
}

async function perSecond(amount: number, work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return amount / ((performance.now() - beganMs) / 1_000);
}

/** @returns the bytes of its answer */
async function parse(server: Server, path: string, more: object = {}): Promise<number> {
  const response = await fetch("http://operone/v1/fs/parse", {
    unix: server.socket,
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    body: JSON.stringify({ path, textLengthMax: 1_000_000_000, rowsMax: 1_000_000_000, ...more }),
  });
  let bytes = 0;
  let end = "";
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    end = Buffer.from(chunk.subarray(-200)).toString();
  }
  if (!response.ok || !/"summary":.*"truncated":false/.test(end)) throw new Error(`it ended with ${end}`);
  return bytes;
}

function pdfRow(server: Server, pdf: string): Promise<Row> {
  const program = async () => {
    const argv = [pdftotext, pdf, "/dev/null"];
    const run = Bun.spawn(argv, { env: systemPaths(), stdio: ["ignore", "ignore", "inherit"] });
    if ((await run.exited) !== 0) throw new Error(`${pdftotext} ended with ${run.exitCode}`);
  };
  return compare({
    ...{ what: `text of a PDF of ${pages} pages`, unit: "pages/s", goal: "> 300", rounds },
    subject: { name: "fs.parse over HTTP", run: () => perSecond(pages, () => parse(server, pdf)) },
    yardstick: { name: pdftotext, run: () => perSecond(pages, program) },
  });
}

/** What one file costs, whatever is in it: a process, its walls and its start. */
function startRow(server: Server, folder: string): Promise<Row> {
  const path = join(folder, "small.txt");
  writeFileSync(path, "hello\n");
  const files = 20;
  const all = async () => {
    for (let at = 0; at < files; at++) await parse(server, path);
  };
  const subject = {
    name: "fs.parse over HTTP",
    run: async () => 1_000 / (await perSecond(files, all)),
  };
  return compare({ what: "a file of one line", unit: "ms", goal: "-", rounds, subject });
}

async function tableRows(server: Server, csv: string): Promise<readonly Row[]> {
  const amount = readFileSync(csv).length / 1e6;
  const request = { name: "a.csv", rowsMax: 1_000_000_000, textLengthMax: 1_000_000_000 };
  const reader = async () => {
    for await (const item of child({ request, bytes: Bun.file(csv).stream() })) void item;
  };
  const library = async () => void Papa.parse(await Bun.file(csv).text(), { delimiter: ",", newline: "\n" });
  const yardstick = { name: "papaparse", run: () => perSecond(amount, library) };
  const row = (name: string, goal: string, work: () => Promise<unknown>) =>
    compare({
      ...{ what: `a CSV of ${tableMb} MB`, unit: "MB/s", goal, rounds, yardstick },
      subject: { name, run: () => perSecond(amount, work) },
    });
  return [
    await row("the reader alone", "> 0.9x", reader),
    await row("fs.parse over HTTP", "-", () => parse(server, csv)),
  ];
}

/** What the node itself holds at most while it passes a table on. */
function memoryRow(server: Server, csv: string): Promise<Row> {
  const run = async () => {
    let most = 0;
    const look = setInterval(() => {
      const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
      most = Math.max(most, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_000);
    }, 20);
    await parse(server, csv);
    clearInterval(look);
    return most;
  };
  const subject = { name: "the node", run };
  return compare({
    what: `memory while a CSV of ${tableMb} MB is read`,
    unit: "MB",
    goal: "-",
    rounds: 3,
    subject,
  });
}
