/** What could not be compared while the plan was made is no final failure where it may pass. */

import { expect, test } from 'vitest'
import { policyBetween, workplace } from '../../e2e/harness.ts'
import { program } from '../../e2e/program.ts'
import { fast } from '../../faults/setup.ts'
import { image, index } from '../../support/images.ts'
import type { Fault, LoggedRequest } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'

/** A source of ten tags that answers 503 to the first `times` requests which `to` chooses. */
async function scene(
  to: (request: LoggedRequest) => boolean,
  times: number,
  side: 'source' | 'destination' = 'source',
) {
  let left = times
  const fault = (request: LoggedRequest): Fault | undefined => {
    if (!to(request) || left === 0) return undefined
    left -= 1
    return { status: 503 }
  }
  const source = await registry(side === 'source' ? { fault } : {})
  const destination = await registry(side === 'destination' ? { fault } : {})
  for (let at = 0; at < 10; at += 1) source.add('app', image({ seed: at, size: 10 }), `v${at}`)
  const yaml = policyBetween(source.url, destination.url).replace('attempts: 1', 'attempts: 3')
  return { source, destination, yaml, place: workplace({}, { clock: fast() }) }
}

const manifestOf =
  (tag: string) =>
  ({ path }: LoggedRequest) =>
    path.endsWith(`/manifests/${tag}`)

test('a tag that answers 503 while tags are compared is tried again by the delays of its task', async () => {
  // Five attempts of a request in the plan, and five in the task's first attempt: two breaks.
  const { place, yaml, destination } = await scene(manifestOf('v3'), 12)
  const { outcome, tasks, logs } = await place.run(yaml)
  expect(outcome).toMatchObject({ exitCode: 0, execution: { total: 10, succeed: 10, failed: 0 } })
  expect(tasks.find(({ dest_resource }) => dest_resource.endsWith(':v3'))).toMatchObject({ attempts: 2 })
  expect(logs.join('\n')).toContain('1 task could not be compared and will be tried again: source from: ')
  expect(destination.repository('mirror/app').tags.has('v3')).toBe(true)
})

test('one that answers 503 for longer has failed, and can be tried again', async () => {
  const { yaml } = await scene(manifestOf('v3'), 0)
  let down = true
  const source = await registry({
    fault: (request) => (down && manifestOf('v3')(request) ? { status: 503 } : undefined),
  })
  for (let at = 0; at < 3; at += 1) source.add('app', image({ seed: at, size: 10 }), `v${at}`)
  source.add('app', image({ seed: 3, size: 10 }), 'v3')
  const cli = program()
  const there = /to: \{[^}]*url: (\S+) \}/.exec(yaml)?.[1] ?? ''
  cli.write('policy.yaml', policyBetween(source.url, there))
  expect((await cli.run(['run', 'policy.yaml'])).code).toBe(1)
  down = false
  const again = await cli.run(['executions', 'retry', 'last'])
  expect({ code: again.code, stderr: again.stderr }).toMatchObject({ code: 0 })
  expect(again.stdout).toContain('succeeded 1')
})

test('a repository that answers 503 while it is listed is listed again, and its tags are tasks of their own', async () => {
  const { place, yaml, source } = await scene(({ path }) => path.startsWith('/v2/app/tags/'), 7)
  source.add('other', image({ seed: 'other', size: 10 }), 'v1')
  const { outcome, tasks } = await place.run(yaml)
  expect(outcome).toMatchObject({ exitCode: 0, execution: { failed: 0, succeed: 12 } })
  expect(tasks.filter(({ src_resource }) => src_resource.startsWith('from/app:'))).toHaveLength(10)
  expect((await place.run(yaml)).outcome.execution).toMatchObject({ total: 0, unchanged: 11 })
})

test('a destination that answers 503 while tags are compared is asked again', async () => {
  const { place, yaml, destination } = await scene(
    ({ method, path }) => method === 'HEAD' && path.endsWith('/manifests/v3'),
    7,
    'destination',
  )
  destination.add('mirror/app', image({ seed: 'before' }), 'v3')
  destination.add('mirror/app', image({ seed: 4, size: 10 }), 'v4')
  const { outcome } = await place.run(yaml)
  expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 9, unchanged: 1 } })
})

test('what is compared again keeps to the filters, and to override: false', async () => {
  const { place, yaml, source, destination } = await scene(manifestOf('list'), 7)
  source.add('app', index([image({ platform: { os: 'linux', architecture: 'arm64' } })]), 'list')
  const policy = `${yaml}\n    override: false\n    filters: { platforms: [linux/amd64] }`
  const { outcome } = await place.run(policy)
  expect(outcome).toMatchObject({ exitCode: 0, execution: { failed: 0, succeed: 11 } })
  expect(destination.repository('mirror/app').tags.has('list')).toBe(false)
})

test('a refusal is final', async () => {
  const { place, yaml } = await scene(() => false, 0)
  const source = await registry({ fault: (request) => (manifestOf('v0')(request) ? { status: 403 } : undefined) })
  source.add('app', image({ seed: 0 }), 'v0')
  const { outcome, tasks } = await place.run(
    yaml.replace(/from: \{[^}]*\}/, `from: { type: docker-registry, url: ${source.url} }`),
  )
  expect(outcome).toMatchObject({ exitCode: 1, execution: { failed: 1 } })
  expect(tasks).toMatchObject([{ attempts: 0, status: 'failed' }])
})

test('a plan shows it as blocked, with the reason', async () => {
  const { place, yaml } = await scene(manifestOf('v3'), 5)
  const { actions } = await place.plan(yaml)
  expect(actions.filter(({ action }) => action === 'blocked')).toMatchObject([
    { source: 'from/app:v3', reason: expect.stringContaining('503') },
  ])
})
