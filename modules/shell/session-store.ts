/** Sessions on disk. */
import { asc, eq } from "drizzle-orm";
import type { Caller, ScopeRequest } from "../../src/kernel/authority.ts";
import type { OpenDatabase } from "../../src/platform/sqlite.ts";
import type { SessionExit } from "./session-shapes.ts";
import { openSessions, sessions } from "./store.ts";

export interface SessionFacts {
  readonly id: string;
  readonly name: string | undefined;
  readonly creator: Caller;
  readonly argv: readonly string[];
  /** What its start asked for, so that it can be judged again. */
  readonly requests: readonly ScopeRequest[];
  readonly profile: string;
  readonly terminal: boolean;
  readonly outputBytesMax: number;
  readonly startedAtMs: number;
}

export interface SessionOutcome {
  readonly endedAtMs: number;
  readonly exit: SessionExit;
  readonly outputEnd: number;
  readonly outputBytes: number;
}

export interface StoredSession {
  readonly facts: SessionFacts;
  /** Undefined: it ran when the node was killed. */
  readonly outcome: SessionOutcome | undefined;
}

export class SessionStore {
  readonly #database: OpenDatabase;

  constructor(database: OpenDatabase) {
    this.#database = database;
  }

  static open(path: string): SessionStore {
    return new SessionStore(openSessions(path));
  }

  /** In the order of their starts. */
  all(): readonly StoredSession[] {
    const query = this.#database.drizzle.select().from(sessions).orderBy(asc(sessions.startedAtMs));
    return this.#database.query(() => query.all()).map(storedFrom);
  }

  insert({ creator, argv, requests, name, ...facts }: SessionFacts): void {
    const row = {
      ...facts,
      name: name ?? null,
      creatorKind: creator.kind,
      creatorId: creator.id,
      creatorName: creator.name,
      argv: JSON.stringify(argv),
      requests: JSON.stringify(requests),
    };
    this.#database.transaction(() => this.#database.drizzle.insert(sessions).values(row).run());
  }

  end(id: string, { exit, ...outcome }: SessionOutcome): void {
    const query = this.#database.drizzle
      .update(sessions)
      .set({ ...outcome, exit: JSON.stringify(exit) })
      .where(eq(sessions.id, id));
    this.#database.transaction(() => query.run());
  }

  remove(id: string): void {
    const query = this.#database.drizzle.delete(sessions).where(eq(sessions.id, id));
    this.#database.transaction(() => query.run());
  }

  close(): void {
    this.#database.close();
  }
}

function storedFrom(row: typeof sessions.$inferSelect): StoredSession {
  const { id, profile, terminal, outputBytesMax, startedAtMs, endedAtMs, exit } = row;
  return {
    facts: {
      id,
      name: row.name ?? undefined,
      creator: { kind: row.creatorKind, id: row.creatorId, name: row.creatorName },
      argv: JSON.parse(row.argv),
      requests: JSON.parse(row.requests),
      profile,
      terminal,
      outputBytesMax,
      startedAtMs,
    },
    outcome:
      endedAtMs === null || exit === null
        ? undefined
        : {
            endedAtMs,
            exit: JSON.parse(exit),
            outputEnd: row.outputEnd ?? 0,
            outputBytes: row.outputBytes ?? 0,
          },
  };
}
