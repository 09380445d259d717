/** What other nodes answer must have the shape that this version knows, before anything here shows or reads it. */
import * as v from "valibot";
import type { Answer } from "../../src/kernel/call.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Operation } from "../../src/kernel/operation.ts";

type Issue = v.BaseIssue<unknown>;

/**
 * The answer, checked where it is a value or, one by one, items. Fields that this version does not know pass: a newer
 * node has them.
 *
 * @param name of the node, for messages
 * @throws OperoneError `internal`, also from the items
 */
export function checkedAnswer(answer: Answer, operation: Operation, name: string): Answer {
  if (answer.gives !== operation.gives) throw wrong(operation, name, `it gives ${answer.gives}`);
  if (answer.gives === "value") return { ...answer, value: checked(operation, name, answer.value) };
  if (answer.gives === "items") return { ...answer, items: checkedItems(operation, name, answer.items) };
  return answer;
}

async function* checkedItems(
  operation: Operation,
  name: string,
  items: AsyncIterable<unknown>,
): AsyncGenerator<unknown, void> {
  for await (const item of items) yield checked(operation, name, item);
}

function checked(operation: Operation, name: string, value: unknown): unknown {
  const parsed = v.safeParse(operation.output, value);
  if (parsed.success || parsed.issues.every(isUnknownField)) return value;
  throw wrong(operation, name, v.summarize(parsed.issues).slice(0, 300));
}

/** Of a union, where it is all that keeps one of the shapes from fitting. */
function isUnknownField({ type, expected, issues }: Issue): boolean {
  if (issues !== undefined) return issues.some(isUnknownField);
  return type === "strict_object" && expected === "never";
}

function wrong({ id }: Operation, name: string, why: string): OperoneError {
  return new OperoneError(
    "internal",
    `The node ${name} answered "${id}" with what this version cannot read: ${why}. Bring the older of both nodes up to date`,
  );
}
