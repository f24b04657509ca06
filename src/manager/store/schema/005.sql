-- Integrity baselines of computers: the roots that their agents told, in order. proven: made from the one before, or asked for.
create table integrity_baseline (id integer primary key autoincrement, computer integer not null, root text not null, previous text not null,
  made integer not null, cause text not null, entities integer not null, changes integer not null, proven integer not null) strict;
create index integrity_baseline_computer on integrity_baseline (computer, id);

-- Changes by their cause, until somebody approves them or makes an incident of them. One is open for a computer and a cause.
create table integrity_change (id integer primary key autoincrement, computer integer not null, cause text not null, cause_id text not null,
  words text not null, first integer not null, last integer not null, changes integer not null, rank integer not null,
  state text not null, decided integer, decided_by text, note text) strict;
create unique index integrity_change_open on integrity_change (computer, cause_id) where state = 'pending';
create index integrity_change_state on integrity_change (state, last);
create table integrity_member (change integer not null, event integer not null, primary key (change, event)) strict, without rowid;

-- What changes in between was announced.
create table integrity_window (id integer primary key autoincrement, computer integer not null, began integer not null, ends integer not null,
  reason text not null, who text not null) strict;
create index integrity_window_computer on integrity_window (computer, ends);
