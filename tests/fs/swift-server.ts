/**
 * OpenStack Swift with its S3 door: one node of every kind of its servers, each a process, in a folder of its own. It checks
 * signatures, keeps objects on the disk, and puts parts together.
 */
import { createHash, createHmac } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const kinds = ["account", "container", "object"] as const;
type Kind = (typeof kinds)[number];

export interface SwiftServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
  readonly region: string;
}

const startMsMax = 140_000;

/** Debian's python, whatever others are on the path: its packages are there alone. */
const python = "/usr/bin/python3";

/** All at once, so that no two are one. */
function freePorts(count: number): readonly number[] {
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }),
  );
  for (const listener of listeners) listener.stop(true);
  return listeners.map(({ port }) => port);
}

const common = (port: number, folder: string) => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
bind_timeout = 3
workers = 0
user = root
swift_dir = ${folder}
devices = ${folder}/devices
mount_check = false
log_level = ERROR
conn_timeout = 20
node_timeout = 30
`;

function storageConf(kind: Kind, port: number, folder: string): string {
  return `${common(port, folder)}
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
conn_timeout = 20
node_timeout = 30
`;
}

function proxyConf(port: number, cachePort: number, folder: string): string {
  return `${common(port, folder)}
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats cache s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 20
node_timeout = 30
recoverable_node_timeout = 30
# A machine that is busy is no broken disk.
error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${cachePort}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = secret-of-storage .admin
[filter:slo]
use = egg:swift#slo
`;
}

async function ran(command: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...command], { cwd, stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${out}${err}`);
}

async function ring(kind: Kind, port: number, folder: string): Promise<void> {
  const builder = [python, "/usr/bin/swift-ring-builder", `${kind}.builder`];
  await ran([...builder, "create", "2", "1", "1"], folder);
  await ran([...builder, "add", `r1z1-127.0.0.1:${port}/one`, "1"], folder);
  await ran([...builder, "rebalance"], folder);
}

/** A port that was free can be somebody's before a server has it: then all of it begins anew. */
export async function startSwift(): Promise<SwiftServer> {
  for (let tries = 2; ; tries -= 1) {
    try {
      return await started();
    } catch (error) {
      if (tries === 1) throw error;
    }
  }
}

async function started(): Promise<SwiftServer> {
  const folder = mkdtempSync(join(tmpdir(), "operone-swift-"));
  mkdirSync(join(folder, "devices", "one"), { recursive: true });
  const [proxyPort = 0, cachePort = 0, ...storagePorts] = freePorts(2 + kinds.length);
  const ports = new Map(kinds.map((kind, at) => [kind, storagePorts[at] ?? 0]));
  await Promise.all(kinds.map((kind) => ring(kind, ports.get(kind) ?? 0, folder)));
  const start = (name: string, conf: string) => {
    const path = join(folder, `${name}.conf`);
    writeFileSync(path, conf);
    return Bun.spawn([python, `/usr/bin/swift-${name}-server`, path], {
      cwd: folder,
      stdout: "ignore",
      stderr: "ignore",
    });
  };
  const children = [
    Bun.spawn(["memcached", "-u", "nobody", "-U", "0", "-l", "127.0.0.1", "-p", String(cachePort)], {
      cwd: folder,
      stdout: "ignore",
      stderr: "ignore",
    }),
    ...kinds.map((kind) => start(kind, storageConf(kind, ports.get(kind) ?? 0, folder))),
    start("proxy", proxyConf(proxyPort, cachePort, folder)),
  ];
  const endpoint = `http://127.0.0.1:${proxyPort}`;
  const access = {
    endpoint,
    accessKeyId: "test:tester",
    secretAccessKey: "secret-of-storage",
    bucket: "files",
    region: "us-east-1",
  };
  const stop = async () => {
    for (const child of children) child.kill();
    await Promise.all(children.map((child) => child.exited));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => {
      if (children.some(({ exitCode }) => exitCode !== null)) throw new Error("A server of Swift ended");
      return (await bucketMade(access)) && (await isStored(access));
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...access, [Symbol.asyncDispose]: stop };
}

/** Each try is an answer of the server, or none: its processes take a while. */
async function until(work: () => Promise<boolean>): Promise<void> {
  const begin = performance.now();
  while (!(await work())) {
    if (performance.now() - begin > startMsMax) throw new Error(`Swift did not start in ${startMsMax} ms`);
    await Bun.sleep(50);
  }
}

/** Each of the servers has answered once. */
async function isStored(access: Omit<SwiftServer, typeof Symbol.asyncDispose>): Promise<boolean> {
  const file = new Bun.S3Client(access).file("ready");
  try {
    await file.write("yes");
    return (await file.text()) === "yes";
  } catch {
    return false;
  }
}

/** Bun's client makes no buckets, so this one request is signed by hand (AWS Signature Version 4). */
async function bucketMade(access: Omit<SwiftServer, typeof Symbol.asyncDispose>): Promise<boolean> {
  const { endpoint, bucket, region } = access;
  const now = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = [now.slice(0, 8), region, "s3", "aws4_request"];
  const sha = (text: string) => createHash("sha256").update(text).digest("hex");
  const names = "host;x-amz-content-sha256;x-amz-date";
  const headers = `host:${new URL(endpoint).host}\nx-amz-content-sha256:${sha("")}\nx-amz-date:${now}\n`;
  const request = `PUT\n/${bucket}\n\n${headers}\n${names}\n${sha("")}`;
  const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const key = scope.reduce(hmac, Buffer.from(`AWS4${access.secretAccessKey}`));
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${now}\n${scope.join("/")}\n${sha(request)}`).toString(
    "hex",
  );
  const credential = `Credential=${access.accessKeyId}/${scope.join("/")}`;
  const response = await fetch(`${endpoint}/${bucket}`, {
    method: "PUT",
    headers: {
      ...{ "x-amz-date": now, "x-amz-content-sha256": sha("") },
      authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${signature}`,
    },
  }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true;
}
