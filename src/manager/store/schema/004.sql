-- Runs that wait for others, and those that others work for.
create index run_waits on run (id) where state in ('queued', 'running');
-- A page of a collection, and one by name, come from an index in their order.
create index object_name on object (kind, name, id);
