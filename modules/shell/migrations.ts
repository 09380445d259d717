/** Every step that the schema in store.ts ever took, oldest first. A released step never changes. */

export const migrations: readonly { readonly name: string; readonly sql: string }[] = [
  {
    name: "0001 sessions",
    sql: `
create table sessions (
  id text primary key not null,
  name text,
  creator_kind text not null,
  creator_id text not null,
  creator_name text not null,
  argv text not null,
  requests text not null,
  profile text not null,
  terminal integer not null,
  output_bytes_max integer not null,
  started_at_ms integer not null,
  ended_at_ms integer,
  exit text,
  output_end integer,
  output_bytes integer
) strict;
`,
  },
];
