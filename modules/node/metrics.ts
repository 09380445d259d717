/**
 * Metrics in the Prometheus text exposition format, version 0.0.4, under the names that OpenTelemetry's semantic
 * conventions get when they are translated to Prometheus: dots become underscores, the unit is the suffix.
 */
import type { CallStatistics } from "../../src/kernel/view.ts";
import type { ProcessFacts } from "./process-facts.ts";
import type { NodeState } from "./state.ts";

export const metricsMediaType = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;
type Source = Pick<NodeState, "kernel" | "clock" | "host" | "names">;

export function metricsText({ kernel, clock, host, names }: Source, facts: ProcessFacts): string {
  const memory = process.memoryUsage();
  const cpu = process.cpuUsage();
  return [
    family("target_info", "gauge", "What this node is.", [
      [
        {
          service_name: "operone",
          service_version: host.version,
          service_instance_id: names.name(),
          os_type: host.os === "win32" ? "windows" : host.os,
          host_arch: host.cpu === "x64" ? "amd64" : host.cpu,
        },
        1,
      ],
    ]),
    family("process_uptime_seconds", "gauge", "Time since the process started.", [
      [{}, Math.max(0, clock.nowMs() - host.startedAtMs) / 1_000],
    ]),
    family("process_cpu_time_seconds_total", "counter", "CPU time that the process has used.", [
      [{ cpu_mode: "user" }, cpu.user / 1e6],
      [{ cpu_mode: "system" }, cpu.system / 1e6],
    ]),
    family("process_memory_usage_bytes", "gauge", "Resident memory.", [[{}, memory.rss]]),
    optional("process_memory_virtual_bytes", "Virtual memory.", facts.virtualBytes),
    optional("process_thread_count", "Threads of the process.", facts.threads),
    optional("process_unix_file_descriptor_count", "Open file descriptors.", facts.descriptors),
    family("operone_module_up", "gauge", "1 when the module is ready or degraded, else 0.", [
      ...kernel
        .modules()
        .map(
          ({ id, state }): Sample => [
            { module: id, state },
            state === "ready" || state === "degraded" ? 1 : 0,
          ],
        ),
    ]),
    family("operone_calls_active", "gauge", "Calls that are running now.", [[{}, kernel.callsInFlight()]]),
    callDurations(kernel.statistics(), kernel.durationMsBounds),
  ].join("");
}

type Sample = readonly [Labels, number];

function family(name: string, type: "gauge" | "counter", help: string, samples: readonly Sample[]): string {
  return `${head(name, type, help)}${samples.map(([labels, value]) => line(name, labels, value)).join("")}`;
}

function optional(name: string, help: string, value: number | undefined): string {
  return value === undefined ? "" : family(name, "gauge", help, [[{}, value]]);
}

/** `rpc.server.call.duration`, in seconds, one series for each operation, surface and code. */
function callDurations(statistics: readonly CallStatistics[], boundsMs: readonly number[]): string {
  const name = "rpc_server_call_duration_seconds";
  const series = statistics.map(({ operation, surface, code, count, durationMsSum, buckets }) => {
    const labels = {
      rpc_system_name: "operone",
      rpc_method: operation,
      operone_surface: surface,
      rpc_response_status_code: code,
      ...(code === "ok" ? {} : { error_type: code }),
    };
    const bounded = boundsMs.map((boundMs, index) =>
      line(`${name}_bucket`, { ...labels, le: String(boundMs / 1_000) }, buckets[index] ?? 0),
    );
    return [
      ...bounded,
      line(`${name}_bucket`, { ...labels, le: "+Inf" }, count),
      line(`${name}_sum`, labels, durationMsSum / 1_000),
      line(`${name}_count`, labels, count),
    ].join("");
  });
  return `${head(name, "histogram", "Time from a call's arrival to its end.")}${series.join("")}`;
}

/** UNIT is OpenMetrics; readers of the older format take it for a comment. */
function head(name: string, type: string, help: string): string {
  const unit = /_(seconds|bytes)(?:_total)?$/.exec(name)?.[1];
  const lines = [
    `HELP ${name} ${help}`,
    `TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`UNIT ${name} ${unit}`]),
  ];
  return lines.map((text) => `# ${text}\n`).join("");
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
