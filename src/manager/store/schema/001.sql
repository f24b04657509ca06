create table meta (key text primary key, value text not null) strict;

-- Every collection of the API: one row an object, its body as JSON (its columns are the resource's field table).
create table object (
  id integer not null,
  kind text not null,
  name text not null collate nocase,
  parent integer not null default 0,
  body text not null,
  primary key (kind, id),
  unique (kind, parent, name)
) strict, without rowid;

-- IDs are never used twice, so that an old event cannot point at a new object.
create table sequence (kind text primary key, last integer not null) strict;

create table secret (kind text not null, id integer not null, hash text not null, primary key (kind, id)) strict, without rowid;
create index secret_hash on secret (kind, hash);

create table session (
  sid text primary key, rid text not null, administrator integer not null, created integer not null, seen integer not null
) strict, without rowid;

create table agent (
  computer integer primary key,
  guid text not null unique,
  fingerprint text not null unique,
  activated integer not null,
  seen integer not null,
  online integer not null default 1,
  status text not null default '{}',
  policy_version integer not null default 0,
  policy_sent integer not null default 0,
  policy text,
  signature blob
) strict;

create table nonce (value text primary key, used integer not null) strict, without rowid;
create table received (computer integer primary key, last integer not null) strict;

create table job (
  id integer primary key autoincrement,
  kind text not null,
  state text not null default 'queued',
  computer integer not null,
  created integer not null,
  started integer, finished integer,
  created_by text not null,
  progress text, message text, result text,
  args text not null
) strict;
create index job_open on job (computer, id) where state in ('queued', 'sent', 'running', 'cancelling');

create table identified (
  id integer primary key autoincrement,
  computer integer not null,
  record text not null,
  detected integer not null,
  state text not null,
  body text not null,
  unique (computer, record)
) strict;
