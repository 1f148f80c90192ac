/** The tables of the history, as the steps that led to them. */

import { DOINGS, EVENTS } from '../events/schema.ts'
import { FIRST_STEPS } from './first-steps.ts'

/** Entry N brings a file from version N to N + 1. Entries are never changed, only added. */
export const MIGRATIONS: readonly string[] = [
  ...FIRST_STEPS,
  `
  -- Since when a registry is as it is, and when it changed. reason: NULL where it is healthy.
  ALTER TABLE registry_status ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
  UPDATE registry_status SET since = time;
  CREATE TABLE registry_changes (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    reason TEXT,
    time INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX registry_changes_by_name ON registry_changes (name, id);
  `,
  EVENTS,
  `
  -- Digests of what stands beside the content, such as a chart's provenance; null: not noted.
  ALTER TABLE content_names ADD COLUMN beside TEXT;
  `,
  `
  -- Up to which time each schedule of a policy has been seen to. timezone: '' is the machine's.
  CREATE TABLE schedules (
    policy TEXT NOT NULL,
    schedule TEXT NOT NULL,
    timezone TEXT NOT NULL,
    handled INTEGER NOT NULL,
    PRIMARY KEY (policy, schedule, timezone)
  ) STRICT, WITHOUT ROWID;

  -- What became of times of schedules: as many as \`times\` from due to last. late: begun later, as nothing could start it when it was due.
  CREATE TABLE schedule_runs (
    id INTEGER PRIMARY KEY,
    policy TEXT NOT NULL,
    due INTEGER NOT NULL,
    last INTEGER NOT NULL,
    times INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    late INTEGER NOT NULL,
    execution_id INTEGER,
    reason TEXT,
    time INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX schedule_runs_by_policy ON schedule_runs (policy, id);
  CREATE INDEX schedule_runs_waiting ON schedule_runs (policy) WHERE outcome = 'waiting';
  `,
  `
  -- The images that a chart names, as JSON; NULL for what is not a chart. how: what found them.
  CREATE TABLE chart_images (
    chart TEXT NOT NULL,
    how TEXT NOT NULL,
    images TEXT,
    used INTEGER NOT NULL,
    PRIMARY KEY (chart, how)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Policies that are polled. selection: what their snapshots are of. whole: the first one has been taken. owed: a run of all has yet to be made.
  CREATE TABLE polls (
    id INTEGER PRIMARY KEY,
    policy TEXT NOT NULL UNIQUE,
    selection TEXT NOT NULL,
    whole INTEGER NOT NULL DEFAULT 0,
    owed INTEGER NOT NULL DEFAULT 1
  ) STRICT;

  -- What the last look at a source saw. name: a tag, or the digest of an artifact without one.
  CREATE TABLE polled (
    poll_id INTEGER NOT NULL REFERENCES polls ON DELETE CASCADE,
    repository TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (poll_id, repository, name)
  ) STRICT, WITHOUT ROWID;
  `,
  DOINGS,
  `
  -- One row while a daemon works with this history: its process.
  CREATE TABLE daemon (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    host TEXT NOT NULL,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_start TEXT,
    expires_at INTEGER NOT NULL
  ) STRICT;
  -- Executions that a daemon has begun and not ended: its next start resumes them.
  CREATE TABLE daemon_executions (
    execution_id INTEGER PRIMARY KEY REFERENCES executions ON DELETE CASCADE
  ) STRICT;
  CREATE TRIGGER execution_locked AFTER INSERT ON locks
  BEGIN
    DELETE FROM daemon_executions WHERE execution_id = new.execution_id;
    INSERT INTO daemon_executions SELECT new.execution_id FROM daemon
    WHERE machine = new.machine AND pid = new.pid AND process_start IS new.process_start;
  END;
  `,
  `
  -- Who made the registries and policies of a configuration file. creator: NULL for what was written by hand.
  CREATE TABLE definitions (
    file TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    creator TEXT,
    creation_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    PRIMARY KEY (file, kind, name)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE INDEX executions_by_start ON executions (start_time);
  `,
  `
  -- When the change happened that has yet to be notified. NULL: none has.
  ALTER TABLE registry_status ADD COLUMN owed INTEGER;
  `,
  `
  -- Who changed and started what. role: NULL on the command line. origin: the address of the request, or 'cli'.
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    who TEXT NOT NULL,
    role TEXT,
    origin TEXT NOT NULL,
    verb TEXT NOT NULL,
    noun TEXT NOT NULL,
    name TEXT NOT NULL,
    detail TEXT
  ) STRICT;
  `,
  `
  -- A task is looked up, and a list is read, by the number within the execution; a log of a task by the task.
  CREATE INDEX tasks_by_number ON tasks (execution_id, number);
  DROP INDEX tasks_by_execution;
  DROP INDEX tasks_by_status;
  CREATE INDEX tasks_by_status ON tasks (execution_id, status, number);
  CREATE INDEX logs_by_task ON logs (execution_id, task_id, id) WHERE task_id IS NOT NULL;
  `,
  `
  -- What an execution had copied at some times; sample_step: milliseconds from one to the next, which double as there are too many.
  CREATE TABLE samples (
    execution_id INTEGER NOT NULL REFERENCES executions ON DELETE CASCADE,
    time INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (execution_id, time)
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE executions ADD COLUMN sample_step INTEGER NOT NULL DEFAULT 1000;
  `,
]
