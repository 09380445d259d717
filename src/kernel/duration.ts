/** Spans and moments as people write them: `90s`, `30d`, `2026-11-20T12:00:00Z`. */
import { OperoneError } from "./error.ts";

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const spanText = /^([1-9][0-9]{0,8})([smhd])$/;
/** For schemas: a span, or the word that says there is no end. */
export const spanOrNever = /^(never|[1-9][0-9]{0,8}[smhd])$/;
export const dayMs = unitMs.d;
const spanMsMax = 3_650 * unitMs.d;

/** Milliseconds in `90s`, `15m`, `12h` or `30d`. @throws OperoneError `invalid_input`; ten years are the most. */
export function spanMs(text: string): number {
  const [, count, unit] = spanText.exec(text) ?? [];
  if (count === undefined || !isUnit(unit)) {
    throw new OperoneError("invalid_input", `"${text}" is no span of time; write it as 90s, 15m, 12h or 30d`);
  }
  const ms = Number(count) * unitMs[unit];
  if (ms > spanMsMax) throw new OperoneError("invalid_input", `"${text}" is too long; 3650d are the most`);
  return ms;
}

/** Unix time in ms of an ISO 8601 moment, or of a span before now. @throws OperoneError `invalid_input` */
export function momentMs(text: string, nowMs: number): number {
  if (spanText.test(text)) return nowMs - spanMs(text);
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  throw new OperoneError(
    "invalid_input",
    `"${text}" is no moment; write it as 2026-11-20T12:00:00Z, or as a span before now such as 2h`,
  );
}

/** The largest unit that divides it without loss of sense: `5m`, `36s`. For messages. */
export function spanOf(ms: number): string {
  if (ms >= 2 * unitMs.d) return `${Math.round(ms / unitMs.d)}d`;
  if (ms >= 2 * unitMs.h) return `${Math.round(ms / unitMs.h)}h`;
  return ms >= 2 * unitMs.m ? `${Math.round(ms / unitMs.m)}m` : `${Math.max(1, Math.round(ms / 1_000))}s`;
}

function isUnit(text: string | undefined): text is keyof typeof unitMs {
  return text !== undefined && Object.hasOwn(unitMs, text);
}
