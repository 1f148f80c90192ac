/** A plan that is kept: `plan --out` and `run --plan` do what was looked at, or nothing. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'

const TAGS = Array.from({ length: 100 }, (_, at) => `v${at}`)

async function planned(extra = '', tags: readonly string[] = TAGS) {
  const [source, destination] = [await registry(), await registry()]
  for (const tag of tags) source.add('app', image({ seed: tag, layers: 1, size: 100 }), tag)
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url, extra))
  const plan = async () => {
    const ended = await here.run(['plan', 'policy.yaml', '--out', 'plan.jsonl', '--shallow'])
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
  }
  const apply = () => here.run(['run', '--plan', 'plan.jsonl'])
  const there = () => [...(destination.repositories.get('mirror/app')?.tags.keys() ?? [])].sort()
  return { source, destination, here, plan, apply, there }
}

test('is applied as it is: what came later is left for the next', async () => {
  const { source, here, plan, apply, there } = await planned()
  await plan()
  source.add('app', image({ seed: 'later' }), 'later')
  const ended = await apply()
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  expect(there()).toEqual([...TAGS].sort())
  expect(await here.execution('last')).toMatchObject({ status: 'succeeded', total: 100, succeed: 100 })
})

test('is refused whole where one of its tags has moved since, and writes nothing', async () => {
  const { source, here, plan, apply, there } = await planned()
  await plan()
  source.add('app', image({ seed: 'other' }), 'v73')
  const { code, stderr } = await apply()
  expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringMatching(/app:v73 has moved since the plan/) })
  expect(stderr).toContain('make the plan again with `replicate plan --out`')
  expect(there()).toEqual([])
  expect(await here.execution('last')).toMatchObject({ status: 'failed', succeed: 0 })
})

test('deletes what it says, unless the source has it again', async () => {
  const { source, here, plan, apply, there } = await planned('    deletion: mirror\n    max_deletions: 2', [
    'v1',
    'v2',
    'v3',
  ])
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  source.repository('app').tags.delete('v2')
  await plan()
  source.add('app', image({ seed: 'v2', layers: 1, size: 100 }), 'v2')
  expect(await apply()).toMatchObject({ code: 3, stderr: expect.stringContaining('the source has it again') })
  expect(there()).toEqual(['v1', 'v2', 'v3'])
  source.repository('app').tags.delete('v2')
  expect(await apply()).toMatchObject({ code: 0 })
  expect(there()).toEqual(['v1', 'v3'])
})

test('one that was cut short is refused before anything is contacted', async () => {
  const { source, here, plan, apply, there } = await planned()
  await plan()
  const lines = readFileSync(join(here.directory, 'plan.jsonl'), 'utf8').trimEnd().split('\n')
  expect(lines).toHaveLength(1 + 1 + 100 + 1)
  const before = source.requests.length
  for (const kept of [1, 2, 50, 102]) {
    here.write('plan.jsonl', `${lines.slice(0, kept).join('\n')}\n`)
    expect(await apply()).toMatchObject({ code: 2, stderr: expect.stringContaining('or it is incomplete') })
  }
  expect([source.requests.length, there()]).toEqual([before, []])
})

test('sends nothing that has come to its destination since', async () => {
  const { here, plan, apply } = await planned('', ['v1', 'v2'])
  await plan()
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 0 })
  expect(await apply()).toMatchObject({ code: 0 })
  expect(await here.execution('last')).toMatchObject({ status: 'succeeded', succeed: 2, bytes_copied: 0 })
})
