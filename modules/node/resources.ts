/** What agents see of a node itself. */
import type { Prompt, Resource } from "../../src/kernel/resource.ts";

export const resources: readonly Resource[] = [
  {
    uri: "/status",
    name: "node-status",
    title: "Status of a node",
    description: "Its version, its load, and how its modules are",
    mediaType: "application/json",
    read: { operation: "node.status", input: () => ({}) },
  },
];

export const prompts: readonly Prompt[] = [
  {
    name: "check-machines",
    title: "Check the machines",
    description: "Look at every machine, and say what needs attention",
    arguments: [],
    uses: ["node.status"],
    messages: () => [
      {
        role: "user",
        content: {
          text: 'Call node_status with node "all". Say in a few lines how each machine is, and then what needs attention, the most urgent first: modules that failed, nodes that are away, versions that differ. Change nothing.',
        },
      },
    ],
  },
];
