/** The layout that the quickstart copies: whole, and what make-quickstart.ts makes. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeQuickstart } from '../../examples/make-quickstart.ts'
import { contentsOf } from '../../src/core/manifest.ts'
import { collect, context, openLayout } from '../oci/layout/support.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const committed = join(import.meta.dirname, '..', '..', 'examples', 'quickstart')

it('is what its program makes, byte for byte', async () => {
  const made = join(temporaryDirectory(), 'quickstart')
  await makeQuickstart(made)
  expect(filesIn(made)).toEqual(filesIn(committed))
})

it('holds hello 1.0 and 1.1 for two platforms, and a signature of 1.1', async () => {
  const store = openLayout(committed).repository('hello')
  expect(await collect(store.tags(context))).toEqual(['1.0', '1.1', 'latest'])
  expect(await store.resolve('latest', context)).toEqual(await store.resolve('1.1', context))
  for (const tag of ['1.0', '1.1']) {
    const { manifests } = contentsOf(await store.readManifest(tag, context))
    expect(manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64'])
    for (const child of manifests) {
      const { blobs } = contentsOf(await store.readManifest(child.digest, context))
      expect(blobs).toHaveLength(2)
      for (const blob of blobs) expect(await store.hasBlob(blob, context)).toBe(true)
    }
  }
  const subject = await store.resolve('1.1', context)
  if (!subject) throw new Error('hello:1.1 is missing')
  expect(await collect(store.referrers(subject, context))).toMatchObject([
    { artifactType: 'application/vnd.example.signature.v1+json' },
  ])
})

function filesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  return Object.fromEntries(
    names
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort()
      .map((file) => [file.slice(directory.length), readFileSync(file, 'base64')]),
  )
}
