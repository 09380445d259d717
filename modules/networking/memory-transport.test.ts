import { simulatedClock, simulatedLog } from "../../src/kernel/simulated.ts";
import { transportSuite } from "../../tests/networking/transport-suite.ts";
import { MemoryNetwork } from "./memory-transport.ts";

const clock = simulatedClock();
const network = new MemoryNetwork({ clock, log: simulatedLog() });

transportSuite("the transport in memory", {
  clock,
  make: async (key, options) => network.transport(key, options),
});
