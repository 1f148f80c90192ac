/** What only looks sends no write: a check, a plan in both directions, a comparison. */

import { expect, onTestFinished, test } from 'vitest'
import { workplace } from '../../e2e/harness.ts'
import { image } from '../../support/images.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'
import { policyWith } from '../round-trip.ts'
import { type Bench, switchOf } from './bench.ts'

export function describeSilence({ specimen, server, fresh, open }: Bench): void {
  const writes = (): readonly string[] =>
    switchOf(server(), 'requests')().filter((line) => !/^(GET|HEAD) /.test(line) && !specimen.query?.test(line))

  test('a check and a plan send no write', async () => {
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
    const there = await work.plan(policyWith(server(), mine.url, `it/${repository}`, 'mine/new'))
    expect(there.actions.map(({ action }) => action)).toEqual(['copy', 'copy', 'copy'])
    const back = await work.plan(policyWith(server(), mine.url, `mine/mirror/${app}`, `it/${server().namespace}`))
    expect(back.actions.map(({ action }) => action).sort()).toEqual(['copy', 'update'])
    expect(writes()).toEqual(before)
  })
}
