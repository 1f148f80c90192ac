/** `replicate serve` as a process of its own that polls: what is pushed arrives, what is deleted goes, and no crash loses either. */

import { expect, onTestFinished, test } from 'vitest'
import { program, until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import { startMemoryRegistry } from '../../support/memory-registry.ts'

test('copies what is pushed and deletes what is gone, also what changed while it was killed', async () => {
  const [source, destination] = await Promise.all([startMemoryRegistry(), startMemoryRegistry()])
  onTestFinished(async () => {
    await Promise.all([source.close(), destination.close()])
  })
  const user = program()
  user.write(
    'serve.yaml',
    `registries:
  from: { type: docker-registry, url: "${source.url}" }
  to: { type: docker-registry, url: "${destination.url}" }
policies:
  base: { source: from, destination: to, deletion: events, max_deletions: 10, triggers: [{ poll: 1s }] }
serve: { listen: 127.0.0.1:0 }
`,
  )
  const tags = (): readonly string[] => [...(destination.repositories.get('team/app')?.tags.keys() ?? [])].sort()
  const add = (tag: string): void => source.add('team/app', image({ seed: tag }), tag)
  for (const tag of ['1', '2', '3']) add(tag)

  const first = user.start(['serve', 'serve.yaml'])
  await until('everything is there', () => tags().length === 3)
  add('4')
  source.repository('team/app').tags.delete('2')
  await until('the change is there', () => tags().join() === '1,3,4')

  first.process.kill('SIGKILL')
  await first.ended
  add('5')
  source.repository('team/app').tags.delete('3')
  const second = user.start(['serve', 'serve.yaml'])
  await until('what changed meanwhile is there', () => tags().join() === '1,4,5')

  const before = source.requests.length
  await until('it has looked a few times', () => source.requests.length > before + 40)
  second.process.kill('SIGTERM')
  expect(await second.ended).toMatchObject({ code: 0 })
  const list = await user.run(['executions', 'list', '--json'])
  const executions: { trigger: string }[] = JSON.parse(list.stdout)
  // The first run, one or two for each change, and none for a look that saw nothing.
  expect(executions.length).toBeLessThanOrEqual(8)
  expect(new Set(executions.map(({ trigger }) => trigger))).toEqual(new Set(['poll']))
})
