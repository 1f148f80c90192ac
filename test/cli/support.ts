/** Executions and tasks, and a command line without a process, for tests. */

import type { App, PolicyOutcome, PolicyPlan, RunOptions } from '../../src/app/app.ts'
import { execute } from '../../src/cli/main.ts'
import type { Parts } from '../../src/cli/parts.ts'
import type { Output, Surroundings } from '../../src/cli/session.ts'
import { UNKNOWN } from '../../src/config/document/definition.ts'
import type { Configuration } from '../../src/config/load.ts'
import { defaultServe } from '../../src/config/serve.ts'
import type { PingStep } from '../../src/core/adapter.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/events.ts'
import type { Execution, Task } from '../../src/core/execution.ts'
import type { Policy } from '../../src/core/policy.ts'
import type { Registry, RegistryStatus } from '../../src/core/registry.ts'
import type { History, ScheduleRun } from '../../src/history/history.ts'

export const execution: Execution = {
  id: 42,
  policy_id: 1,
  policy: 'base-images',
  status: 'succeeded',
  trigger: 'manual',
  total: 3,
  succeed: 3,
  failed: 0,
  in_progress: 0,
  stopped: 0,
  skipped: 0,
  unchanged: 58,
  left_behind: {},
  bytes_copied: 49_387_930,
  bytes_mounted: 0,
  bytes_present: 0,
  start_time: '2026-05-01T12:00:00Z',
  end_time: '2026-05-01T12:00:02.400Z',
  duration_ms: 2400,
  logs: '/api/replication/executions/42/logs',
  error: null,
}

const extended_info = { digest: null, media_type: null, size: 10, platforms: [] }
const source = {
  resource_type: 'image',
  uri: 'hub/library/redis:7',
  registry: 'hub',
  metadata: { namespace: 'library', name: 'redis', v_tag: '7', labels: [] },
  deleted: false,
  extended_info,
} as const

export const task: Task = {
  id: 1,
  execution_id: 42,
  resource_type: 'image',
  action: 'copy',
  src_resource: 'hub/library/redis:7',
  dest_resource: 'harbor/mirror/redis:7',
  source,
  destination: { ...source, uri: 'harbor/mirror/redis:7', registry: 'harbor' },
  digest: null,
  dest_digest: null,
  reason: null,
  named_by: null,
  status: 'succeeded',
  attempts: 1,
  bytes_copied: 10,
  bytes_mounted: 0,
  bytes_present: 0,
  start_time: '2026-05-01T12:00:00Z',
  end_time: '2026-05-01T12:00:01.500Z',
  log_data_path: '/api/replication/executions/42/logs/1',
  error: null,
}

export const policy: Policy = {
  name: 'base-images',
  enabled: true,
  scope: 'system',
  source: { registry: 'hub' },
  destination: { registry: 'harbor', namespace: 'mirror', flatten: 1, create: true, public: false },
  also: [],
  filters: { resource: 'all', untagged: false, platforms_index: 'sparse' },
  order: 'oldest',
  on_overlap: 'skip',
  allow_empty: false,
  foreign_layers: false,
  verify: 'digest',
  referrers: true,
  override: true,
  deletion: 'never',
  triggers: [],
  retry: { attempts: 3, delay: 120_000 },
}

/** What the program behind the command line does; all of it may be left out. */
export interface Behaviour {
  readonly policies?: readonly Policy[]
  readonly registries?: readonly Registry[]
  /** What happens while a policy runs, before it ends. */
  readonly events?: readonly Event[]
  readonly outcome?: Omit<PolicyOutcome, 'policy'>
  readonly plan?: PolicyPlan
  readonly ping?: readonly PingStep[]
  readonly statuses?: ReadonlyMap<string, RegistryStatus>
  readonly executions?: readonly Execution[]
  readonly tasks?: readonly Task[]
  readonly scheduleRuns?: readonly ScheduleRun[]
  /** What runs is paused. */
  readonly paused?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly terminal?: boolean
}

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The options of each `run`. */
  readonly ran: readonly RunOptions[]
  /** The names of the policies that ran. */
  readonly names: readonly string[]
}

/** Runs a command line against a program that does what it is told. */
export async function command(args: readonly string[], behaviour: Behaviour = {}): Promise<Result> {
  let stdout = ''
  let stderr = ''
  const ran: RunOptions[] = []
  const names: string[] = []
  const terminal = behaviour.terminal ?? false
  const columns = terminal ? 100 : Number.POSITIVE_INFINITY
  const output = (write: (text: string) => void): Output => ({ write, isTerminal: terminal, columns })
  const surroundings: Surroundings = {
    stdout: output((text) => {
      stdout += text
    }),
    stderr: output((text) => {
      stderr += text
    }),
    env: behaviour.env ?? {},
    cwd: behaviour.cwd ?? '/nowhere',
    stdin: () => Promise.resolve(''),
    signal: new AbortController().signal,
    onHangup: () => () => undefined,
    timer: { now: () => Date.parse('2026-05-01T12:05:00Z'), every: () => () => undefined },
    program: ['/usr/bin/node', '/usr/bin/replicate'],
    parts: partsOf(behaviour, ran, names),
  }
  const code = await execute(args, surroundings)
  return { code, stdout, stderr, ran, names }
}

function partsOf(behaviour: Behaviour, ran: RunOptions[], names: string[]): Parts {
  const unused = (): never => {
    throw new Error('not part of this test')
  }
  const registries = new Map((behaviour.registries ?? []).map((registry) => [registry.name, registry]))
  const configuration: Configuration = {
    registries,
    policies: behaviour.policies ?? [policy],
    serve: defaultServe(),
    files: [],
    secrets: [],
    cwd: '/nowhere',
    types: [],
    registryOf: (name) => registries.get(name) ?? { name, type: 'docker-registry' },
    policyFile: () => undefined,
    registryFile: () => undefined,
  }
  const app: App = {
    configuration: () => Promise.resolve(configuration),
    offline: () => Promise.resolve(configuration),
    editable: () => Promise.resolve(configuration),
    edit: unused,
    metrics: unused,
    async *run(policies, _configuration, options, started, ctx) {
      ran.push(options)
      for (const one of policies) {
        names.push(one.name)
        started(one, execution)
        for (const event of behaviour.events ?? []) ctx.emit(event)
        yield { policy: one.name, ...(behaviour.outcome ?? { execution, exitCode: 0 }) }
      }
    },
    async *again({ how, execution: id }, options, started) {
      ran.push(options)
      names.push(`${how} ${id}`)
      started(policy, { ...execution, id })
      yield { policy: policy.name, ...(behaviour.outcome ?? { execution, exitCode: 0 }) }
    },
    plan: () => Promise.resolve(behaviour.plan ?? unused()),
    matches: unused,
    namespaces: unused,
    repositories: unused,
    artifacts: unused,
    verifyAlone: unused,
    verify: unused,
    peer: unused,
    ping: async (_name, _configuration, _ctx, ended) => {
      for (const step of behaviour.ping ?? []) ended?.(step)
      return behaviour.ping ?? []
    },
    tryOut: unused,
    definitions: () => Promise.resolve(() => UNKNOWN),
    statuses: () => Promise.resolve(behaviour.statuses ?? new Map()),
    credential: unused,
    signIn: unused,
    keychain: { entries: unused, store: unused, remove: unused },
    serve: unused,
    work: unused,
    workers: unused,
    examine: unused,
    history: () => Promise.resolve(historyOf(behaviour)),
    records: () => Promise.resolve(historyOf(behaviour)),
    record: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  return {
    app: () => Promise.resolve(app),
    foreignAdapter: async () => undefined,
    adapters: () =>
      Promise.resolve([
        {
          identity: 'docker-registry',
          name: 'Docker Registry',
          description: 'Any registry of the OCI distribution specification',
          resources: ['image', 'chart'],
          filters: ['name', 'tag', 'resource'],
          listing: 'one HEAD a tag',
          credentials: ['basic'],
          quirks: [],
          open: unused,
        },
      ]),
    schema: () => Promise.resolve({ type: 'object' }),
    starterFile: () => Promise.resolve('policies: {}\n'),
    paths: () => Promise.resolve({ configuration: '/home/me/.config/replicate/config.yaml', home: '/state' }),
    known: unused,
    look: unused,
    copyPolicy: (request) =>
      Promise.resolve({
        ...policy,
        name: 'copy',
        override: request.override ?? true,
        referrers: request.referrers ?? true,
      }),
  }
}

function historyOf(behaviour: Behaviour): History {
  const executions = behaviour.executions ?? [execution]
  const unused = (): never => {
    throw new Error('not part of this test')
  }
  const find = (id: number): Execution => {
    const found = executions.find((one) => one.id === id)
    if (!found) throw new ConfigurationError(`there is no execution ${id} in the history`)
    return found
  }
  return {
    file: '/state/history.db',
    executions: {
      list: ({ status } = {}) => executions.filter((one) => status === undefined || one.status === status),
      resolveId: (text) => (text === 'last' ? (executions[0]?.id ?? 0) : Number(text)),
      get: find,
      find: unused,
      page: unused,
      days: unused,
      lastOf: (name) => executions.find((one) => one.policy === name),
      lastEnded: unused,
      policyNumbered: unused,
      begin: unused,
      beginning: unused,
      resume: unused,
      retry: unused,
      move: unused,
      finish: unused,
      fail: unused,
      addUnchanged: unused,
      setLeftBehind: unused,
      recordExit: unused,
      exitCodeOf: unused,
    },
    control: {
      requestStop: () => true,
      requestPause: () => true,
      requestUnpause: () => behaviour.paused ?? false,
      stopRequested: unused,
      pauseRequested: unused,
    },
    tasks: {
      *list(_id, { status } = {}) {
        for (const one of behaviour.tasks ?? []) if (status === undefined || one.status === status) yield one
      },
      page: unused,
      get: unused,
      endedSince: unused,
      add: unused,
      takePending: unused,
      takeOne: unused,
      nextAttemptAt: unused,
      finish: unused,
      addMoved: unused,
      putBack: unused,
      stopPending: unused,
      stopRest: unused,
      takeBack: unused,
      skipDeletes: unused,
    },
    logs: {
      beforeLast: unused,
      *list(id) {
        yield {
          id: 1,
          execution_id: id,
          task_id: 3,
          level: 'warning',
          text: 'slow\u001b[2J',
          time: '2026-05-01T12:00:00Z',
          event: undefined,
        }
      },
      add: unused,
      flush: unused,
    },
    locks: { markInterrupted: unused, heartbeat: unused, release: unused },
    progress: { tell: unused, of: unused },
    samples: { note: unused, end: unused, of: unused },
    uploads: { checkpoint: unused, takeAbandoned: unused, mayHaveLeft: unused },
    polls: {
      open: unused,
      keepOnly: unused,
      repositories: unused,
      snapshot: unused,
      change: unused,
      isWhole: unused,
      isOwed: unused,
      owed: unused,
    },
    schedules: {
      follow: unused,
      followOnly: unused,
      see: unused,
      isNoted: unused,
      waiting: unused,
      began: unused,
      left: unused,
      past: () => behaviour.scheduleRuns ?? [],
      page: unused,
    },
    notifications: { owe: unused, owed: unused, settle: unused },
    brought: { find: unused, tags: unused, removed: unused, count: unused },
    blobHomes: { find: unused, remember: unused },
    firstSeen: { times: unused },
    narrowed: { find: unused, keep: unused },
    names: { find: unused, keep: unused },
    chartImages: { find: unused, keep: unused },
    audit: { add: unused, page: unused },
    definitions: { get: unused, note: unused, seen: unused },
    registries: { status: unused, keepStatus: unused, owed: unused, settle: unused, changes: unused },
    events: {
      add: unused,
      settled: unused,
      nextSettled: unused,
      close: unused,
      pushedSince: unused,
      list: unused,
      waiting: unused,
      forget: unused,
    },
    reactions: {
      add: unused,
      policies: unused,
      due: unused,
      done: unused,
      putOff: unused,
      hasten: unused,
      drop: unused,
    },
    daemon: { take: unused, heartbeat: unused, release: unused, ended: unused, left: unused },
    prune: { candidates: unused, delete: unused, giveSpaceBack: unused },
    version: unused,
    identity: unused,
    close: unused,
  }
}
