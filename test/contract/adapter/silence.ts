/** What only looks sends no write: a check, a plan in both directions, a comparison. */

import { expect, onTestFinished, test } from 'vitest'
import { workplace } from '../../e2e/harness.ts'
import { image } from '../../support/images.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'
import { policyWith } from '../round-trip.ts'
import { type Bench, switchOf } from './bench.ts'

const MIRROR = '    deletion: mirror\n'

export function describeSilence({ specimen, server, fresh, open }: Bench): void {
  const writes = (): readonly string[] =>
    switchOf(server(), 'requests')().filter((line) => !/^(GET|HEAD) /.test(line) && !specimen.query?.test(line))

  test('a check, a plan and a comparison send no write', async () => {
    const repository = fresh()
    const mine = await startMemoryRegistry()
    onTestFinished(() => mine.close())
    const [old, current] = [image({ seed: `${repository} old` }), image({ seed: `${repository} current` })]
    const app = repository.slice(repository.lastIndexOf('/') + 1)
    for (const [tag, artifact] of Object.entries({ same: old, moved: old, gone: old })) {
      await server().seed(repository, tag, artifact)
    }
    for (const [tag, artifact] of Object.entries({ same: old, moved: current, fresh: current })) {
      mine.add(`mirror/${app}`, artifact, tag)
    }
    const before = writes()
    const { endpoint, ctx } = await open()
    await endpoint.adapter.ping(ctx)
    const work = workplace({ ...server().env, SECRET: server().registry.credential?.password ?? '' })
    const there = policyWith(server(), mine.url, `it/${repository}`, 'mine/new')
    expect((await work.plan(there)).actions.map(({ action }) => action)).toEqual(['copy', 'copy', 'copy'])
    expect((await work.verify(there)).differences).not.toEqual([])
    const back = policyWith(server(), mine.url, `mine/mirror/${app}`, `it/${server().namespace}`, MIRROR)
    const deleting = specimen.deleteTag === false ? 'blocked' : 'delete'
    const actions = (await work.plan(back)).actions.map(({ action }) => action)
    expect(actions.sort()).toEqual([deleting, 'copy', 'update'].sort())
    expect((await work.verify(back)).differences).not.toEqual([])
    expect(writes()).toEqual(before)
  })
}
