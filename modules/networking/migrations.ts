/** Every step that the schema in store.ts ever took, oldest first. A released step never changes. */

export const migrations: readonly { readonly name: string; readonly sql: string }[] = [
  {
    name: "0001 roster",
    sql: `
create table roster_entries (
  position integer primary key not null,
  hash text not null,
  mesh text not null,
  issuer text not null,
  sequence integer not null,
  envelope blob not null
) strict;
create unique index roster_entries_hash on roster_entries (hash);

create table node_facts (
  peer text primary key not null,
  mesh text not null,
  sequence integer not null,
  envelope blob not null
) strict;
`,
  },
  {
    name: "0002 invites",
    sql: `
create table invites (
  id text primary key not null,
  key blob not null,
  role text not null,
  confirm integer not null,
  created_at_ms integer not null,
  expires_at_ms integer not null,
  failed_attempts integer not null,
  used_by text,
  used_at_ms integer,
  confirmed_at_ms integer,
  revoked_at_ms integer
) strict;
create index invites_created on invites (created_at_ms);
`,
  },
  {
    name: "0003 membership",
    sql: `
create table membership (
  one integer primary key not null check (one = 1),
  mesh text not null,
  joined_at_ms integer not null,
  cap text not null
) strict;

create table caps (
  peer text primary key not null,
  role text not null
) strict;
`,
  },
  {
    name: "0004 names and phrase",
    sql: `
create table name_pins (
  name text primary key not null,
  peer text not null
) strict;

alter table membership add column phrase_unconfirmed integer default false not null;
`,
  },
];
