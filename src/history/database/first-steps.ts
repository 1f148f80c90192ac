/** The steps that made the tables of the history for runs by hand: the first ones, which are never changed. */

/** From version 0 on. */
export const FIRST_STEPS: readonly string[] = [
  `
  CREATE TABLE policies (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

  -- AUTOINCREMENT: a number is never given twice. Times are milliseconds since 1970.
  CREATE TABLE executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy_id INTEGER NOT NULL REFERENCES policies,
    snapshot TEXT NOT NULL,
    trigger_kind TEXT NOT NULL,
    status TEXT NOT NULL,
    pending INTEGER NOT NULL DEFAULT 0,
    running INTEGER NOT NULL DEFAULT 0,
    succeed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    stopped INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    bytes_copied INTEGER NOT NULL DEFAULT 0,
    bytes_mounted INTEGER NOT NULL DEFAULT 0,
    bytes_present INTEGER NOT NULL DEFAULT 0,
    start_time INTEGER NOT NULL,
    end_time INTEGER,
    error TEXT,
    stop_requested INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX executions_by_policy ON executions (policy_id);
  CREATE INDEX executions_active ON executions (id) WHERE status IN ('preparing', 'in_progress', 'paused');

  CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id INTEGER NOT NULL REFERENCES executions ON DELETE CASCADE,
    spec TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER,
    bytes_copied INTEGER NOT NULL DEFAULT 0,
    bytes_mounted INTEGER NOT NULL DEFAULT 0,
    bytes_present INTEGER NOT NULL DEFAULT 0,
    start_time INTEGER,
    end_time INTEGER,
    error TEXT
  ) STRICT;
  CREATE INDEX tasks_by_execution ON tasks (execution_id, id);
  CREATE INDEX tasks_by_status ON tasks (execution_id, status, id);
  CREATE INDEX tasks_put_back ON tasks (execution_id, next_attempt_at)
    WHERE status = 'pending' AND next_attempt_at IS NOT NULL;

  -- The counts of an execution are kept with it, so that a list never counts tasks.
  CREATE TRIGGER task_added AFTER INSERT ON tasks BEGIN
    UPDATE executions SET
      pending = pending + (new.status = 'pending'),
      running = running + (new.status = 'in_progress'),
      succeed = succeed + (new.status = 'succeeded'),
      failed = failed + (new.status = 'failed'),
      stopped = stopped + (new.status = 'stopped'),
      skipped = skipped + (new.status = 'skipped')
    WHERE id = new.execution_id;
  END;
  CREATE TRIGGER task_moved AFTER UPDATE OF status, bytes_copied, bytes_mounted, bytes_present ON tasks BEGIN
    UPDATE executions SET
      pending = pending + (new.status = 'pending') - (old.status = 'pending'),
      running = running + (new.status = 'in_progress') - (old.status = 'in_progress'),
      succeed = succeed + (new.status = 'succeeded') - (old.status = 'succeeded'),
      failed = failed + (new.status = 'failed') - (old.status = 'failed'),
      stopped = stopped + (new.status = 'stopped') - (old.status = 'stopped'),
      skipped = skipped + (new.status = 'skipped') - (old.status = 'skipped'),
      bytes_copied = bytes_copied + new.bytes_copied - old.bytes_copied,
      bytes_mounted = bytes_mounted + new.bytes_mounted - old.bytes_mounted,
      bytes_present = bytes_present + new.bytes_present - old.bytes_present
    WHERE id = new.execution_id;
  END;

  CREATE TABLE logs (
    id INTEGER PRIMARY KEY,
    execution_id INTEGER NOT NULL REFERENCES executions ON DELETE CASCADE,
    task_id INTEGER,
    level TEXT NOT NULL,
    text TEXT NOT NULL,
    time INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX logs_by_execution ON logs (execution_id, id);

  -- Who runs what. machine tells whether pid can be looked up here; process_start tells a pid from its next owner.
  CREATE TABLE locks (
    key TEXT PRIMARY KEY,
    execution_id INTEGER NOT NULL REFERENCES executions ON DELETE CASCADE,
    host TEXT NOT NULL,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_start TEXT,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX locks_by_execution ON locks (execution_id);
  `,
  `
  -- When content was first seen in a source's repository; source is the registry's address.
  CREATE TABLE first_seen (
    source TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (source, repository, digest)
  ) STRICT, WITHOUT ROWID;

  -- What an index becomes with these platforms only; NULL where nothing of it is left.
  CREATE TABLE narrowed_indexes (
    digest TEXT NOT NULL,
    platforms TEXT NOT NULL,
    narrowed TEXT,
    PRIMARY KEY (digest, platforms)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What a later process needs to resume an execution: origin is JSON that only the program reads. prepared: its plan is whole.
  ALTER TABLE executions ADD COLUMN lock_key TEXT;
  ALTER TABLE executions ADD COLUMN origin TEXT;
  ALTER TABLE executions ADD COLUMN prepared INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE executions ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE executions ADD COLUMN pause_requested INTEGER NOT NULL DEFAULT 0;

  CREATE TRIGGER task_removed AFTER DELETE ON tasks BEGIN
    UPDATE executions SET
      pending = pending - (old.status = 'pending'),
      running = running - (old.status = 'in_progress'),
      succeed = succeed - (old.status = 'succeeded'),
      failed = failed - (old.status = 'failed'),
      stopped = stopped - (old.status = 'stopped'),
      skipped = skipped - (old.status = 'skipped'),
      bytes_copied = bytes_copied - old.bytes_copied,
      bytes_mounted = bytes_mounted - old.bytes_mounted,
      bytes_present = bytes_present - old.bytes_present
    WHERE id = old.execution_id;
  END;
  `,
  `
  -- Uploads that have begun and not ended. The location may be signed: it is a secret.
  CREATE TABLE uploads (
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    location TEXT NOT NULL,
    confirmed INTEGER NOT NULL,
    execution_id INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (registry, repository, digest)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- A repository of a registry (its URL) that a blob was put into.
  CREATE TABLE blob_homes (
    registry TEXT NOT NULL,
    digest TEXT NOT NULL,
    repository TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (registry, digest)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- How far a running execution is, for other processes: state is JSON. exit_code: what its process ended with.
  CREATE TABLE progress (
    execution_id INTEGER PRIMARY KEY REFERENCES executions ON DELETE CASCADE,
    state TEXT NOT NULL
  ) STRICT;
  ALTER TABLE executions ADD COLUMN exit_code INTEGER;
  -- What a line was before it was a line: an event, as JSON.
  ALTER TABLE logs ADD COLUMN event TEXT;
  `,
  `
  -- How a registry was when it was last checked; reason: why it is unhealthy. address: its URL or path then.
  CREATE TABLE registry_status (
    name TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    reason TEXT,
    time INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Ends of executions that somebody is to be told of; settled_at: told, or given up.
  CREATE TABLE notifications (
    execution_id INTEGER PRIMARY KEY REFERENCES executions ON DELETE CASCADE,
    settled_at INTEGER
  ) STRICT;
  CREATE INDEX notifications_owed ON notifications (execution_id) WHERE settled_at IS NULL;

  -- One row: what tells this history from every other one.
  CREATE TABLE identity (id TEXT NOT NULL) STRICT;
  INSERT INTO identity (id) VALUES (lower(hex(randomblob(8))));
  `,
  `
  -- When a row was last used: what is unused for long is deleted.
  ALTER TABLE first_seen ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE narrowed_indexes ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
  UPDATE first_seen SET used = unixepoch() * 1000;
  UPDATE narrowed_indexes SET used = unixepoch() * 1000;

  -- Tags that a policy has put at a destination. registry: its name in the configuration.
  CREATE TABLE brought (
    policy_id INTEGER NOT NULL REFERENCES policies,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT,
    PRIMARY KEY (policy_id, registry, repository, tag)
  ) STRICT, WITHOUT ROWID;

  INSERT OR REPLACE INTO brought
  SELECT policy_id, spec ->> '$.destination.registry', spec ->> '$.destination.repository', spec ->> '$.destination.tag',
    spec ->> '$.digest'
  FROM tasks JOIN executions ON executions.id = execution_id
  WHERE tasks.status = 'succeeded' AND spec ->> '$.action' IN ('copy', 'update') AND spec ->> '$.referrers_only' IS NOT 1
    AND spec ->> '$.destination.tag' IS NOT NULL
  ORDER BY tasks.id;

  CREATE TRIGGER tag_brought AFTER UPDATE OF status ON tasks
  WHEN new.status = 'succeeded' AND new.spec ->> '$.action' IN ('copy', 'update')
    AND new.spec ->> '$.referrers_only' IS NOT 1 AND new.spec ->> '$.destination.tag' IS NOT NULL
  BEGIN
    INSERT INTO brought (policy_id, registry, repository, tag, digest)
    SELECT policy_id, new.spec ->> '$.destination.registry', new.spec ->> '$.destination.repository',
      new.spec ->> '$.destination.tag', new.spec ->> '$.digest'
    FROM executions WHERE id = new.execution_id
    ON CONFLICT DO UPDATE SET digest = excluded.digest;
  END;

  CREATE TRIGGER tag_deleted AFTER UPDATE OF status ON tasks
  WHEN new.status = 'succeeded' AND new.spec ->> '$.action' = 'delete'
  BEGIN
    DELETE FROM brought WHERE policy_id = (SELECT policy_id FROM executions WHERE id = new.execution_id)
      AND registry = new.spec ->> '$.destination.registry' AND repository = new.spec ->> '$.destination.repository'
      AND tag = new.spec ->> '$.destination.tag';
  END;
  `,
  `
  -- JSON: what was seen at the source and not copied, by what left it out.
  ALTER TABLE executions ADD COLUMN left_behind TEXT NOT NULL DEFAULT '{}';
  `,
  `
  -- A task's number within its execution, from 1: what people see and type, also in logs.task_id.
  ALTER TABLE tasks ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
  UPDATE tasks SET number = counted.number
  FROM (SELECT id, row_number() OVER (PARTITION BY execution_id ORDER BY id) AS number FROM tasks) AS counted
  WHERE counted.id = tasks.id;
  UPDATE logs SET task_id = (SELECT number FROM tasks WHERE tasks.id = task_id) WHERE task_id IS NOT NULL;
  `,
  `
  -- What a store that makes its manifests of something else knows the same content by.
  CREATE TABLE content_names (
    manifest TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    used INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
]
