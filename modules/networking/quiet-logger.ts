import type { ComponentLogger, Logger } from "@libp2p/interface";

/** libp2p's own log obeys the DEBUG variable and writes to stderr; a node says what matters in its own words. */
export function quietLogger(): ComponentLogger {
  return { forComponent: () => silent };
}

const nothing = () => undefined;
const silent: Logger = Object.assign(() => undefined, {
  error: nothing,
  trace: nothing,
  enabled: false,
  newScope: () => silent,
});
