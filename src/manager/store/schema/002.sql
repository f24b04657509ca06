-- Work over many computers: a batch has a job for each.
alter table job add column batch integer not null default 0;
alter table job add column deadline integer;
create index job_batch on job (batch, state) where batch > 0;
create index job_deadline on job (deadline) where deadline is not null and state in ('queued', 'sent', 'running', 'cancelling');

create table batch (
  id integer primary key autoincrement,
  kind text not null,
  created integer not null,
  finished integer,
  created_by text not null,
  args text not null
) strict;
create index batch_open on batch (id) where finished is null;

-- Runs of scheduled tasks. The row is made in the transaction that moves the task's next run on: a task that was due
-- has run once, whatever dies when.
create table run (
  id integer primary key autoincrement,
  task integer not null,
  due integer not null,
  started integer not null,
  finished integer,
  state text not null,
  message text not null default '',
  batch integer not null default 0
) strict;
create index run_task on run (task, id);
create index run_open on run (batch) where finished is null;

create table alert (
  id integer primary key autoincrement,
  type text not null,
  computer integer not null,
  target text not null,
  raised integer not null,
  last integer not null,
  count integer not null,
  message text not null,
  state text not null default 'active',
  ended integer,
  ended_by text not null default '',
  reason text not null default ''
) strict;
create unique index alert_active on alert (type, computer, target) where state = 'active';
create index alert_computer on alert (computer);

-- Mail and web hooks that are on their way; one that cannot be sent waits longer each time.
create table outbox (
  id integer primary key autoincrement,
  kind text not null,
  created integer not null,
  next integer not null,
  tries integer not null default 0,
  body text not null
) strict;
create index outbox_next on outbox (next);

-- Up to which event a receiver has a class of events. Moved on after it has taken them.
create table forwarded (
  configuration integer not null,
  class text not null,
  last integer not null,
  primary key (configuration, class)
) strict, without rowid;
