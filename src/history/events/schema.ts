/** The tables of events, as steps of the history's own. Entries are never changed. */

export const EVENTS = `
  -- What registries tell of their artifacts. artifact: repository and tag, or digest, or neither. registry: its name; address: its URL then.
  -- delivery: the registry's own name of the event, which comes again where it did not hear the answer. policy: the only one it is for, or ''.
  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    registry TEXT NOT NULL,
    address TEXT NOT NULL,
    via TEXT NOT NULL,
    policy TEXT NOT NULL,
    delivery TEXT,
    action TEXT NOT NULL,
    artifact TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT,
    digest TEXT,
    time INTEGER,
    received INTEGER NOT NULL,
    state TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX events_by_delivery ON events (registry, delivery, artifact, action) WHERE delivery IS NOT NULL;
  CREATE INDEX events_by_artifact ON events (registry, artifact, id);
  CREATE INDEX events_received ON events (registry, policy, artifact, id) WHERE state = 'received';

  -- What a policy has yet to do for an event; due: not before. mark: changes with every event of the artifact.
  CREATE TABLE reactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy TEXT NOT NULL,
    artifact TEXT NOT NULL,
    via TEXT NOT NULL,
    action TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT,
    digest TEXT,
    due INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    UNIQUE (policy, artifact)
  ) STRICT;
  CREATE INDEX reactions_due ON reactions (policy, due, id);
  `

/** What policies did at their destinations, and when: an event from there may be about just that. */
export const DOINGS = `
  -- When the policy last put it there; 0: by an earlier version.
  ALTER TABLE brought ADD COLUMN time INTEGER NOT NULL DEFAULT 0;

  -- Tags that a policy has deleted at a destination within a day. registry: its name in the configuration.
  CREATE TABLE removed_tags (
    policy_id INTEGER NOT NULL REFERENCES policies,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (policy_id, registry, repository, tag)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX removed_tags_by_time ON removed_tags (time);

  DROP TRIGGER tag_brought;
  CREATE TRIGGER tag_brought AFTER UPDATE OF status ON tasks
  WHEN new.status = 'succeeded' AND new.spec ->> '$.action' IN ('copy', 'update')
    AND new.spec ->> '$.referrers_only' IS NOT 1 AND new.spec ->> '$.destination.tag' IS NOT NULL
  BEGIN
    INSERT INTO brought (policy_id, registry, repository, tag, digest, time)
    SELECT policy_id, new.spec ->> '$.destination.registry', new.spec ->> '$.destination.repository',
      new.spec ->> '$.destination.tag', new.spec ->> '$.digest', coalesce(new.end_time, 0)
    FROM executions WHERE id = new.execution_id
    ON CONFLICT DO UPDATE SET digest = excluded.digest, time = excluded.time;
  END;

  CREATE TRIGGER tag_removed AFTER UPDATE OF status ON tasks
  WHEN new.status = 'succeeded' AND new.spec ->> '$.action' = 'delete' AND new.spec ->> '$.written' IS NULL
    AND new.spec ->> '$.destination.tag' IS NOT NULL
  BEGIN
    DELETE FROM removed_tags WHERE time < new.end_time - 86400000;
    INSERT INTO removed_tags (policy_id, registry, repository, tag, time)
    SELECT policy_id, new.spec ->> '$.destination.registry', new.spec ->> '$.destination.repository',
      new.spec ->> '$.destination.tag', new.end_time
    FROM executions WHERE id = new.execution_id
    ON CONFLICT DO UPDATE SET time = excluded.time;
  END;
`
