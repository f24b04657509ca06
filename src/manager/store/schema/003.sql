-- Which policy a computer obeys, and whether it overrides anything itself (a member that is an object); kept by the
-- database, so that no way to write a computer can forget it.
create table computer_policy (computer integer primary key, policy integer not null, own integer not null) strict;
create index computer_policy_policy on computer_policy (policy);
create table policy_tree (policy integer primary key, parent integer not null) strict;
create index policy_tree_parent on policy_tree (parent);

insert into computer_policy select id, coalesce(json_extract(body, '$.policyID'), 0),
  exists (select 1 from json_each(body) where type = 'object') from object where kind = 'computers';
insert into policy_tree select id, coalesce(json_extract(body, '$.parentID'), 0) from object where kind = 'policies';

-- Equal effective policies are stored once; an agent that is marked may need another one.
create table compiled (id integer primary key autoincrement, hash text not null unique, body text not null) strict;
alter table agent add column compiled integer;
alter table agent add column due integer not null default 1;
alter table agent drop column policy;
alter table agent drop column signature;
create index agent_due on agent (computer) where due = 1;
create index agent_compiled on agent (compiled);

-- json_each() may be used where the schema is not trusted; json_extract() may not.
create trigger computer_added after insert on object when new.kind = 'computers' begin
  insert or replace into computer_policy values (new.id, coalesce((select value from json_each(new.body) where key = 'policyID'), 0),
    exists (select 1 from json_each(new.body) where type = 'object'));
end;
create trigger computer_changed after update of body on object when new.kind = 'computers' begin
  update agent set due = 1 where computer = new.id and due = 0
    and (select value from json_each(new.body) where key = 'policyID') is not (select value from json_each(old.body) where key = 'policyID');
  insert or replace into computer_policy values (new.id, coalesce((select value from json_each(new.body) where key = 'policyID'), 0),
    exists (select 1 from json_each(new.body) where type = 'object'));
end;
create trigger computer_deleted after delete on object when old.kind = 'computers' begin
  delete from computer_policy where computer = old.id;
end;
create trigger policy_added after insert on object when new.kind = 'policies' begin
  insert or replace into policy_tree values (new.id, coalesce((select value from json_each(new.body) where key = 'parentID'), 0));
end;
create trigger policy_changed after update of body on object when new.kind = 'policies' begin
  insert or replace into policy_tree values (new.id, coalesce((select value from json_each(new.body) where key = 'parentID'), 0));
end;
create trigger policy_deleted after delete on object when old.kind = 'policies' begin
  delete from policy_tree where policy = old.id;
end;

create index agent_silent on agent (seen) where online = 1;
