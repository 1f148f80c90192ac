/** What filters match at a source. */

import { afterEach, expect, test } from 'vitest'
import { createApp, type Match } from '../../../src/app/app.ts'
import { image } from '../../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../../support/memory-registry.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

let opened: MemoryRegistry | undefined
afterEach(() => opened?.close())

async function source(): Promise<MemoryRegistry> {
  const registry = await startMemoryRegistry()
  opened = registry
  const repositories = {
    'library/alpine': ['3.18', '3.19', 'latest'],
    'library/redis': ['7'],
    'team/app': ['v1', 'v2'],
  }
  let seed = 0
  for (const [repository, tags] of Object.entries(repositories)) {
    for (const tag of tags) registry.add(repository, image({ seed: seed++ }), tag)
  }
  return registry
}

async function matching(policy: string, signal = new AbortController().signal): Promise<readonly Match[]> {
  const yaml = `policies:\n  p:\n    destination: localhost:1/nowhere\n${policy}`
  const cwd = temporaryDirectory()
  const app = createApp({ env: { HOME: cwd }, home: cwd, cwd, stdin: async () => yaml })
  try {
    const configuration = await app.configuration(['-'])
    const found: Match[] = []
    for (const one of configuration.policies) {
      for await (const match of app.matches(one, configuration, { signal, emit: () => {} })) found.push(match)
    }
    return found
  } finally {
    await app.close()
  }
}

test('the repositories and tags that pass stand beside the count of all tags', async () => {
  const { host } = await source()
  expect(
    await matching(`    source: {registry: "${host}", namespaces: [library]}\n    filters: {tag: "[37]*"}`),
  ).toEqual([
    { repository: 'library/alpine', tags: ['3.18', '3.19'], untagged: 0, seen: 3 },
    { repository: 'library/redis', tags: ['7'], untagged: 0, seen: 1 },
  ])
})

test('newest counts after the other filters', async () => {
  const { host } = await source()
  const [alpine] = await matching(`    source: ${host}/library/alpine\n    filters: {tag: "3.*", newest: 1}`)
  expect(alpine?.tags).toEqual(['3.19'])
})

test('tags, digests and repositories that are named are looked for', async () => {
  const { host } = await source()
  expect(await matching(`    source: "${host}/{library/alpine,library/none}:{3.18,9}"`)).toEqual([
    { repository: 'library/alpine', tags: ['3.18'], untagged: 0, seen: 1 },
    { repository: 'library/none', tags: [], untagged: 0, seen: 0 },
  ])
  const none = `sha256:${'0'.repeat(64)}`
  expect(await matching(`    source: "${host}/library/alpine@${none}"`)).toEqual([
    { repository: 'library/alpine', tags: [], untagged: 0, seen: 0 },
  ])
})

test('the destination is never asked, and a source that is not there is named', async () => {
  await expect(matching('    source: 127.0.0.1:1/library/alpine')).rejects.toMatchObject({ side: 'source' })
})

test('it can be stopped', async () => {
  const { host } = await source()
  await expect(matching(`    source: ${host}`, AbortSignal.abort())).rejects.toThrow('stopped')
})
