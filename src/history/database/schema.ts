/** The tables of the history, as the steps that led to them. */

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
  `
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
  `,
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
]
