/** Many tasks that fail for one reason, and tags that are kept: said once, counted, and readable later. */

import { expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'

test('what a registry refuses for every tag is told in full three times, then counted, also in `show`', async () => {
  const source = await registry()
  for (const name of ['redis', 'alpine']) {
    for (let tag = 0; tag < 6; tag += 1) source.add(name, image({ seed: `${name}${tag}` }), `v${tag}`)
  }
  const destination = await registry({
    fault: ({ method }) =>
      method === 'POST'
        ? { status: 403, body: JSON.stringify({ errors: [{ code: 'DENIED', message: 'no' }] }) }
        : undefined,
  })
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const count = /^ {2}403 DENIED by to: 12 tasks \(to\/mirror\/(alpine|redis) ×6, to\/mirror\/(alpine|redis) ×6\)$/m
  for (const flags of [[], ['--quiet']]) {
    const { code, stdout, stderr } = await here.run(['run', 'policy.yaml', ...flags])
    expect(code).toBe(1)
    expect(stderr.match(/✗/g)).toHaveLength(3)
    expect(stderr).toContain('403 DENIED by to: further tasks are counted, and told at the end')
    expect(stdout).toMatch(count)
  }
  const shown = await here.run(['executions', 'show', 'last'])
  expect(shown.stdout.match(/✗/g)).toHaveLength(3)
  expect(shown.stdout).toMatch(count)
  expect((await here.execution('last')).tasks[0]?.error).toMatchObject({ code: 'registry', kind: '403 DENIED by to' })
  expect((await here.run(['executions', 'report', 'last', '--markdown'])).stdout).toContain(
    '`403 DENIED by to: 12 tasks (',
  )
})

test('`show` says why a tag was kept', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image({ seed: 'new' }), 'v1')
  source.add('app', image({ seed: 'other' }), 'v2')
  destination.add('mirror/app', image({ seed: 'old' }), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url, '    override: false\n'))
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  const { stdout } = await here.run(['executions', 'show', 'last'])
  expect(stdout).toMatch(/skipped +from\/app:v1 → to\/mirror\/app:v1 .*differs, kept/)
  expect(stdout).toContain('total 2 · succeeded 1 · skipped 1')
})

test('policies of one run are apart by one line, and each summary stands with its policy', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image({ seed: 'a' }), 'v1')
  const one = policyBetween(source.url, destination.url)
  const here = program()
  here.write(
    'policy.yaml',
    `${one}${one.slice(one.indexOf('  copy:')).replace('copy:', 'again:').replace('mirror', 'other')}`,
  )
  const { stdout, stderr } = await here.run(['run', 'policy.yaml'])
  expect(stderr).toMatch(
    /^[^\n]*copy {2}from → to\/mirror\n(?:[^\n]+\n)+\n[^\n]*again {2}from → to\/other\n(?:[^\n]+\n)+$/,
  )
  expect(stdout).toMatch(
    /^Execution 1 succeeded.*\n {2}total 1 · succeeded 1\nExecution 2 succeeded.*\n {2}total 1 · succeeded 1\n$/,
  )
})
