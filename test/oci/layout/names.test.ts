/** Names in index.json by which other tools find the image that is meant, also where a tag is in several repositories. */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import type { Event } from '../../../src/core/events.ts'
import { OCI_INDEX } from '../../../src/core/manifest.ts'
import { emptyIndex, type LayoutIndex } from '../../../src/oci/layout/index.ts'
import { type Artifact, cosignSignature, image, index } from '../../support/images.ts'
import { temporaryDirectory } from '../../support/temporary.ts'
import { pathOfTool } from '../../support/tools.ts'
import { collect, context, entry, finish, layoutFiles, openLayout, push, unpack } from './support.ts'

const REF = 'org.opencontainers.image.ref.name'

/** What other tools call each entry. */
function refs(path: string): (string | undefined)[] {
  const { manifests } = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as {
    manifests: { annotations?: Record<string, string> }[]
  }
  return manifests.map(({ annotations }) => annotations?.[REF])
}

describe('what other tools call an image', () => {
  const [alpine, redis, other] = ['alpine', 'redis', 'other'].map((seed) => image({ seed })) as [
    Artifact,
    Artifact,
    Artifact,
  ]

  it('is its tag where only one repository has it', async () => {
    const path = temporaryDirectory()
    await push(openLayout(path).repository('library/alpine'), alpine, '3.20')
    await push(openLayout(path).repository('library/redis'), redis, '7')
    expect(refs(path)).toEqual(['3.20', '7'])
  })

  it('has the repository in it where several have the tag, whichever came first', async () => {
    const path = temporaryDirectory()
    const layout = openLayout(path)
    const warnings: string[] = []
    const telling = { ...context, emit: (event: Event) => event.type === 'log' && warnings.push(event.text) }
    await push(layout.repository('library/alpine'), alpine, 'latest')
    await push(layout.repository('library/redis'), redis)
    await push(layout.repository('third'), other)
    await layout.repository('library/redis').writeManifest(redis, 'latest', telling)
    await layout.repository('third').writeManifest(other, 'latest', telling)
    expect(refs(path)).toEqual(['library-alpine-latest', 'library-redis-latest', 'third-latest'])
    expect(warnings).toEqual([
      `several repositories in ${path} have the tag latest: other tools find each image by the name under REF in \`replicate ls\`, not by the tag`,
    ])
    // This program reads them as before.
    for (const [name, one] of [
      ['library/alpine', alpine],
      ['library/redis', redis],
      ['third', other],
    ] as const) {
      expect((await openLayout(path).repository(name).resolve('latest', context))?.digest).toBe(one.digest)
    }
  })

  it('is the tag again once no other repository has it', async () => {
    const path = temporaryDirectory()
    const layout = openLayout(path)
    await push(layout.repository('a'), alpine, 'latest')
    await push(layout.repository('b'), redis, 'latest')
    await layout.repository('a').deleteTag('latest', context)
    expect(refs(path)).toEqual(['latest'])
  })

  it('is never that of another image', () => {
    const layout = emptyIndex({ plain: 'x', only: false })
    for (const name of ['a/b-c', 'a-b/c']) layout.setTag(name, 'latest', image({ seed: name }).descriptor)
    expect(new Set(refsOf(layout))).toEqual(new Set(['a-b-c-latest', 'a-b/c:latest']))
  })

  it('does not change for what hangs on a tag of its own: the tag says on what', async () => {
    const path = temporaryDirectory()
    const layout = openLayout(path)
    const { tag, artifact } = cosignSignature(alpine.descriptor)
    for (const name of ['a', 'b']) await push(layout.repository(name), artifact, tag)
    expect(refs(path)).toEqual([tag, tag])
  })

  it('leaves alone what other tools wrote', async () => {
    const theirs = entry(alpine.descriptor, { [REF]: 'latest' })
    const path = unpack(temporaryDirectory(), layoutFiles([theirs], [alpine]))
    await push(openLayout(path).repository('b'), redis, 'latest')
    expect(refs(path)).toEqual(['latest', 'b-latest'])
  })

  it('is the same in a tar, in whatever order the images were written', async () => {
    const both = [
      ['library/alpine', alpine],
      ['library/redis', redis],
    ] as const
    const tars = await Promise.all(
      [both, both.toReversed()].map(async (order) => {
        const path = join(temporaryDirectory(), 'images.tar')
        const layout = openLayout(path)
        for (const [name, one] of order) await push(layout.repository(name), one, 'latest')
        await finish(layout)
        return readFileSync(path)
      }),
    )
    expect(tars[0]?.equals(tars[1] ?? Buffer.alloc(0))).toBe(true)
    expect(tars[0]?.includes('library-redis-latest')).toBe(true)
  })
})

function refsOf(layout: LayoutIndex): (string | undefined)[] {
  return Array.from(layout.all(), ({ ref }) => ref)
}

describe.each([
  ['skopeo', (path: string, ref: string) => ['inspect', '--raw', `oci:${path}:${ref}`]],
  ['oras', (path: string, ref: string) => ['manifest', 'fetch', '--oci-layout', `${path}:${ref}`]],
  ['regctl', (path: string, ref: string) => ['manifest', 'get', '--format', 'raw-body', `ocidir://${path}:${ref}`]],
])('%s', (name, args) => {
  const tool = pathOfTool(name)

  test.runIf(tool)('finds the right image by the name that is shown for it', async () => {
    const path = temporaryDirectory()
    const layout = openLayout(path)
    const made = ['library/alpine', 'library/redis', 'team/app'].map((repository) => ({ repository, seed: repository }))
    for (const { repository, seed } of made) {
      await push(layout.repository(repository), image({ seed }), 'latest')
      await push(layout.repository(repository), index([image({ seed: `${seed} 2` })]), `only-${repository.slice(-3)}`)
    }
    for (const { repository } of made) {
      for await (const info of layout.listTags(repository, context)) {
        const { ref = '', digest = '' } = typeof info === 'string' ? {} : info
        const found = execFileSync(tool ?? '', args(path, ref), { encoding: 'utf8' })
        const expected = await layout.repository(repository).readManifest(digest, context)
        expect(found.trim(), `${repository} ${ref}`).toBe(Buffer.from(expected.bytes).toString().trim())
      }
    }
  })
})

it('notes the children of an index that were left out, until they are there', async () => {
  const path = temporaryDirectory()
  const both = index([image({ seed: 1 }), image({ seed: 2 })])
  const [first, second] = both.children as [Artifact, Artifact]
  const absent = async () => {
    const infos = await collect(openLayout(path).listTags('a', context))
    return infos.map((info) => (typeof info === 'string' ? undefined : info.absent))
  }
  await push(openLayout(path).repository('a'), first)
  await openLayout(path).repository('a').writeManifest(both, '1', context)
  expect(await absent()).toEqual([[second.digest]])
  await expect(openLayout(path).repository('a').readManifest(second.digest, context)).rejects.toMatchObject({
    message: expect.stringContaining(`a platform of a:1, which was written without it (${second.digest}), is not in`),
    hint: expect.stringContaining('`platforms`'),
  })
  expect(both.mediaType).toBe(OCI_INDEX)
  await push(openLayout(path).repository('a'), both, '1')
  expect(await absent()).toEqual([undefined])
})
