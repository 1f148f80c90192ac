/** `run --metrics`: what the textfile collector of Prometheus' node exporter finds, and `/metrics` of the program as a whole. */

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { policyBetween } from '../../e2e/harness.ts'
import { program, until } from '../../e2e/program.ts'
import { parseExposition, valueIn } from '../../support/exposition.ts'
import { image } from '../../support/images.ts'
import { registry } from '../../support/registries.ts'

test('a run by cron leaves the metrics of its policies, and replaces those of the run before', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image({ seed: 1 }), 'v1')
  const user = program()
  user.write('policy.yaml', policyBetween(source.url, destination.url))
  const run = async () => {
    const ended = await user.run(['run', 'policy.yaml', '--metrics', 'replicate.prom'])
    return { ended, metrics: parseExposition(readFileSync(join(user.directory, 'replicate.prom'), 'utf8')) }
  }
  const first = await run()
  expect(first.ended.code).toBe(0)
  const policy = { policy: 'copy' }
  expect(valueIn(first.metrics, 'replicate_last_run_exit_code', policy)).toBe(0)
  expect(valueIn(first.metrics, 'replicate_last_execution_tasks', { ...policy, status: 'succeeded' })).toBe(1)
  expect(valueIn(first.metrics, 'replicate_last_execution_bytes', { ...policy, how: 'copied' })).toBeGreaterThan(0)
  expect(valueIn(first.metrics, 'replicate_registry_healthy', { registry: 'from' })).toBe(1)
  const success = valueIn(first.metrics, 'replicate_last_success_time_seconds', policy)
  expect(success).toBeGreaterThan(Date.UTC(2026, 0, 1) / 1000)
  expect(statSync(join(user.directory, 'replicate.prom')).mode & 0o777).toBe(0o644)

  await source.close()
  const second = await run()
  expect(second.ended.code).toBe(3)
  expect(valueIn(second.metrics, 'replicate_last_run_exit_code', policy)).toBe(3)
  expect(valueIn(second.metrics, 'replicate_last_execution_status', { ...policy, status: 'failed' })).toBe(1)
  expect(valueIn(second.metrics, 'replicate_last_success_time_seconds', policy)).toBe(success)
  expect(valueIn(second.metrics, 'replicate_registry_healthy', { registry: 'from' })).toBe(0)
  expect(readdirSync(user.directory).filter((name) => name.startsWith('replicate.prom'))).toEqual(['replicate.prom'])
})

test('a file that cannot be written, or that the collector would not read, is refused before anything runs', async () => {
  const user = program()
  user.write('policy.yaml', policyBetween('http://127.0.0.1:1', 'http://127.0.0.1:1'))
  const nowhere = await user.run(['run', 'policy.yaml', '--metrics', 'nowhere/replicate.prom'])
  expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('is not a directory')])
  const other = await user.run(['run', 'policy.yaml', '--metrics', 'replicate.txt'])
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('must end in .prom')])
  const dry = await user.run(['run', 'policy.yaml', '--metrics', 'replicate.prom', '--dry-run'])
  expect([dry.code, dry.stderr]).toEqual([2, expect.stringContaining('--dry-run runs nothing')])
})

test('the daemon answers /metrics with what it ran and how its registries are', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image({ seed: 1 }), 'v1')
  const user = program()
  const yaml = policyBetween(source.url, destination.url, '    triggers: [{ schedule: "* * * * * *" }]\n')
  user.write('policy.yaml', `${yaml}serve: { listen: '127.0.0.1:0', health_interval: 1s }\n`)
  const daemon = user.start(['serve', 'policy.yaml'])
  const url = (): string | undefined => /listening on (\S+)/.exec(daemon.said())?.[1]
  await until('the daemon listens', () => url() !== undefined)
  const metrics = async () => parseExposition(await (await fetch(`${url()}/metrics`)).text())
  const labels = { policy: 'copy', trigger: 'schedule', status: 'succeeded' }
  await until(
    'an execution is counted',
    async () => (valueIn(await metrics(), 'replicate_executions_total', labels) ?? 0) > 0,
  )
  await until(
    'the registries are checked',
    async () => valueIn(await metrics(), 'replicate_registry_healthy', { registry: 'to' }) === 1,
  )
  const after = await metrics()
  expect(valueIn(after, 'replicate_bytes_total', { policy: 'copy', how: 'copied' })).toBeGreaterThan(0)
  expect(valueIn(after, 'replicate_sent_bytes_total', { policy: 'copy' })).toBeGreaterThan(0)
  expect(valueIn(after, 'replicate_last_success_time_seconds', { policy: 'copy' })).toBeGreaterThan(0)
  if (process.env.KEEP_METRICS) writeFileSync(process.env.KEEP_METRICS, await (await fetch(`${url()}/metrics`)).text())
  daemon.process.kill('SIGTERM')
  expect(await daemon.ended).toMatchObject({ code: 0 })
})
