/** What the daemon counts, as Prometheus reads it. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Execution, RecordedError } from '../../../src/core/execution.ts'
import { startMetrics } from '../../../src/serve/metrics/metrics.ts'
import type { Part, ServeNews } from '../../../src/serve/parts.ts'
import { begin } from '../../history/setup.ts'
import { parseExposition, valueIn } from '../../support/exposition.ts'
import { type DaemonDouble, daemonDouble } from '../daemon-double.ts'

const YAML = `registries:
  hub: { type: docker-registry, url: 'https://hub.example.com' }
  mirror: { type: docker-registry, url: 'https://mirror.example.com' }
policies:
  base: { source: hub/library/alpine, destination: mirror/m }
  team: { source: hub/team/app, destination: mirror/m, enabled: false }
`

interface Scene {
  readonly daemon: DaemonDouble
  readonly part: Part
  readonly text: () => Promise<string>
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number | undefined>
}

async function scene(): Promise<Scene> {
  const pulls = new Map([['hub', 97]])
  const daemon = await daemonDouble(YAML, {
    open: async (registry) => ({ registry, adapter: { pullsLeft: () => pulls.get(registry.name) } }) as never,
  })
  const part = startMetrics(daemon)
  const text = async (): Promise<string> => {
    const answer = await daemon.http.inject('/metrics')
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    return answer.body
  }
  return { daemon, part, text, value: async (name, labels) => valueIn(parseExposition(await text()), name, labels) }
}

function execution(fields: Partial<Execution>): Execution {
  return { id: 1, policy: 'base', status: 'succeeded', trigger: 'event', duration_ms: 2500, ...fields } as Execution
}

const ended = (fields: Partial<Execution> = {}): ServeNews => ({
  type: 'execution_ended',
  policy: fields.policy ?? 'base',
  trigger: 'event',
  outcome: { policy: fields.policy ?? 'base', execution: execution(fields), exitCode: 0 },
})

const event = (one: Extract<ServeNews, { type: 'execution_event' }>['event'], policy = 'base'): ServeNews => ({
  type: 'execution_event',
  execution: 1,
  policy,
  event: one,
})

test('executions are counted by policy, trigger and result, and their duration', async () => {
  const { daemon, value } = await scene()
  daemon.tell(ended())
  daemon.tell(ended())
  daemon.tell(ended({ status: 'failed' }))
  daemon.tell({
    type: 'execution_ended',
    policy: 'base',
    trigger: 'schedule',
    outcome: { policy: 'base', exitCode: 3 },
  })
  daemon.tell({ type: 'wish_left', policy: 'base', trigger: 'schedule', reason: 'the policy is still running' })
  const total = (trigger: string, status: string) =>
    value('replicate_executions_total', { policy: 'base', trigger, status })
  expect(await total('event', 'succeeded')).toBe(2)
  expect(await total('event', 'failed')).toBe(1)
  expect(await total('schedule', 'not_begun')).toBe(1)
  expect(await value('replicate_executions_left_out_total', { policy: 'base', trigger: 'schedule' })).toBe(1)
  expect(await value('replicate_execution_duration_seconds_bucket', { policy: 'base', le: '1' })).toBe(0)
  expect(await value('replicate_execution_duration_seconds_bucket', { policy: 'base', le: '5' })).toBe(3)
  expect(await value('replicate_execution_duration_seconds_sum', { policy: 'base' })).toBe(7.5)
})

test('tasks and bytes are counted when a task ends, and what is sent while it is sent', async () => {
  const { daemon, value } = await scene()
  const moved = { bytes_copied: 10, bytes_mounted: 20, bytes_present: 30 }
  daemon.tell(event({ type: 'task', task: { action: 'copy', status: 'succeeded', ...moved } as never }))
  daemon.tell(event({ type: 'task', task: { action: 'copy', status: 'failed', ...moved } as never }))
  expect(await value('replicate_tasks_total', { policy: 'base', action: 'copy', status: 'failed' })).toBe(1)
  expect(await value('replicate_bytes_total', { policy: 'base', how: 'copied' })).toBe(20)
  expect(await value('replicate_bytes_total', { policy: 'base', how: 'present' })).toBe(60)

  daemon.tell(event({ type: 'blob-offset', id: 'b', bytes: 100 }))
  daemon.tell(event({ type: 'blob-progress', id: 'b', bytes: 150 }))
  daemon.tell(event({ type: 'blob-progress', id: 'b', bytes: 180 }))
  // It broke, and begins again where the destination has it.
  daemon.tell(event({ type: 'blob-offset', id: 'b', bytes: 120 }))
  daemon.tell(event({ type: 'blob-progress', id: 'b', bytes: 200 }))
  expect(await value('replicate_sent_bytes_total', { policy: 'base' })).toBe(160)
  daemon.tell(event({ type: 'retry', what: 'a blob', attempt: 2, delay: 1, reason: 'reset' }))
  expect(await value('replicate_retries_total', { policy: 'base' })).toBe(1)
})

test('hooks of registries that do not exist share one series', async () => {
  const { daemon, text, value } = await scene()
  daemon.tell({ type: 'delivery', registry: 'hub', status: 202, events: 3 })
  for (let index = 0; index < 50; index += 1) {
    daemon.tell({ type: 'delivery', registry: `made-up-${index}`, status: 404, events: 0 })
  }
  expect(await value('replicate_hooks_total', { registry: 'hub', code: '202' })).toBe(1)
  expect(await value('replicate_hook_events_total', { registry: 'hub' })).toBe(3)
  expect(await value('replicate_hooks_total', { registry: 'unknown', code: '404' })).toBe(50)
  expect(await text()).not.toContain('made-up')
})

test('polls, reloads and the gateway are counted', async () => {
  const { daemon, value } = await scene()
  daemon.tell({ type: 'polled', policy: 'base', events: 2 })
  daemon.tell({ type: 'polled', policy: 'base', events: 0, error: 'down' })
  daemon.tell({ type: 'reloaded', policies: 2 })
  daemon.tell({ type: 'reload_failed', message: 'broken' })
  daemon.tell({ type: 'gateway', policy: 'base', hit: false, bytes: 7, saved: false })
  daemon.tell({ type: 'gateway', policy: 'base', hit: true, bytes: 5, saved: true })
  expect(await value('replicate_polls_total', { policy: 'base', result: 'failed' })).toBe(1)
  expect(await value('replicate_poll_events_total', { policy: 'base' })).toBe(2)
  expect(await value('replicate_config_reloads_total', { result: 'failed' })).toBe(1)
  expect(await value('replicate_gateway_requests_total', { policy: 'base', result: 'miss' })).toBe(1)
  expect(await value('replicate_gateway_bytes_total', { policy: 'base' })).toBe(12)
  expect(await value('replicate_gateway_saved_bytes_total', { policy: 'base' })).toBe(5)
  expect(await value('replicate_gateway_pulls_saved_total', { policy: 'base' })).toBe(1)
})

test('gauges tell how things are: policies, queue, registries, allowances, the configuration', async () => {
  const { daemon, value } = await scene()
  daemon.history.registries.keepStatus('hub', 'https://hub.example.com', 'down')
  await daemon.clock.advance(5000)
  daemon.history.registries.keepStatus('mirror', 'https://mirror.example.com')
  const origin = {
    registry: 'hub',
    address: 'https://hub.example.com',
    via: 'event',
    received: daemon.clock.now(),
  } as const
  daemon.history.events.add([{ action: 'push', repository: 'team/app', tag: 'v1' }], origin)
  expect(await value('replicate_policy_enabled', { policy: 'team' })).toBe(0)
  expect(await value('replicate_executions_waiting')).toBe(0)
  expect(await value('replicate_events_waiting')).toBe(1)
  expect(await value('replicate_executions_running', { policy: 'base' })).toBe(0)
  expect(await value('replicate_registry_healthy', { registry: 'hub' })).toBe(0)
  expect(await value('replicate_registry_healthy', { registry: 'mirror' })).toBe(1)
  const start = Date.UTC(2026, 0, 1) / 1000
  expect(await value('replicate_registry_status_since_time_seconds', { registry: 'hub' })).toBe(start)
  expect(await value('replicate_registry_checked_time_seconds', { registry: 'mirror' })).toBe(start + 5)
  expect(await value('replicate_registry_pulls_left', { registry: 'hub' })).toBe(97)
  expect(await value('replicate_registry_pulls_left', { registry: 'mirror' })).toBeUndefined()
  expect(await value('replicate_config_last_reload_successful')).toBe(1)
  expect(await value('replicate_draining')).toBe(0)
  expect(await value('process_resident_memory_bytes')).toBeGreaterThan(1e6)
})

test('the last execution of each policy comes from the history, as after a restart', async () => {
  const { daemon, value } = await scene()
  const { executions } = daemon.history
  const run = async (error?: RecordedError): Promise<void> => {
    const id = begin(daemon.history)
    await daemon.clock.advance(2000)
    if (error) executions.fail(id, error)
    else {
      executions.move(id, 'in_progress')
      executions.finish(id)
    }
    daemon.history.locks.release(id)
  }
  const at = Date.UTC(2026, 0, 1) / 1000
  await run()
  expect(await value('replicate_last_success_time_seconds', { policy: 'base' })).toBe(at + 2)
  await run({ code: 'network', message: 'no' })
  expect(await value('replicate_last_success_time_seconds', { policy: 'base' })).toBe(at + 2)
  expect(await value('replicate_last_execution_end_time_seconds', { policy: 'base' })).toBe(at + 4)
  expect(await value('replicate_last_execution_duration_seconds', { policy: 'base' })).toBe(2)
  expect(await value('replicate_last_execution_status', { policy: 'base', status: 'failed' })).toBe(1)
  expect(await value('replicate_last_execution_status', { policy: 'base', status: 'succeeded' })).toBe(0)
  expect(await value('replicate_last_execution_tasks', { policy: 'base', status: 'succeeded' })).toBe(0)
  expect(await value('replicate_last_success_time_seconds', { policy: 'team' })).toBeUndefined()
})

test('policies and registries that a reload removes lose their series, and get no new ones', async () => {
  const { daemon, part, text, value } = await scene()
  daemon.tell(ended())
  daemon.tell(ended({ policy: 'team' }))
  daemon.tell({ type: 'delivery', registry: 'mirror', status: 202, events: 1 })
  daemon.tell({ type: 'delivery', registry: 'nowhere', status: 404, events: 0 })
  await daemon.reload(YAML.replace(/^ {2}team.*\n/m, '').replaceAll('mirror', 'store'), part)
  const after = await text()
  expect(after).not.toContain('policy="team"')
  expect(after).not.toContain('registry="mirror"')
  daemon.tell(ended({ policy: 'team' }))
  expect(await text()).not.toContain('policy="team"')
  const kept = { policy: 'base', trigger: 'event', status: 'succeeded' }
  expect(await value('replicate_executions_total', kept)).toBe(1)
  expect(await value('replicate_hooks_total', { registry: 'unknown', code: '404' })).toBe(1)
})

test('the reference names every metric, and its alerts ask for no other', async () => {
  const reference = readFileSync(join(import.meta.dirname, '../../../examples/reference.md'), 'utf8')
  const section = /^### Metrics\n([\s\S]*?)^## /m.exec(reference)?.[1] ?? ''
  const { text } = await scene()
  const names = [...parseExposition(await text()).keys()].filter((name) => name.startsWith('replicate_'))
  const told = [...section.matchAll(/^\| (`.*?) \| /gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => `replicate_${name}`),
  )
  expect(told.toSorted()).toEqual([...names, 'replicate_last_run_exit_code'].toSorted())
  const asked = section.match(/(?<=expr:.*)\breplicate_\w+/g) ?? []
  expect(asked).toHaveLength(3)
  expect(asked.filter((name) => !names.includes(name))).toEqual([])
})

test('names follow the conventions of Prometheus, and no label is open-ended', async () => {
  const { daemon, text } = await scene()
  daemon.tell(ended())
  const ours = [...parseExposition(await text())].filter(([name]) => name.startsWith('replicate_'))
  expect(ours.length).toBeGreaterThan(25)
  for (const [name, { type, samples }] of ours) {
    expect(name.endsWith('_total'), name).toBe(type === 'counter')
    for (const { labels } of samples)
      for (const label of Object.keys(labels))
        expect([
          'policy',
          'registry',
          'trigger',
          'status',
          'action',
          'how',
          'code',
          'result',
          'version',
          'le',
        ]).toContain(label)
  }
})
