/** Manifests, lists and addresses of strangers, damaged anyhow: read, or refused in this program's words. */

import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseDigest } from '../../src/core/descriptor.ts'
import { ReplicateError } from '../../src/core/errors.ts'
import type { HttpResponse } from '../../src/core/http.ts'
import { computeDigest, contentsOf, detectMediaType, manifestOf, OCI_INDEX } from '../../src/core/manifest.ts'
import { attachmentSubject, isTag } from '../../src/core/reference.ts'
import { referrersIn, withoutReferrer, withReferrer } from '../../src/oci/fallback.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { locationOf } from '../../src/oci/registry/upload/session.ts'
import { collect, connect, end, memoryRegistry } from '../oci/registry/connect.ts'
import { image, index, referrer } from '../support/images.ts'
import type { Fault } from '../support/memory-registry.ts'
import { damaged, LIMITS, MOST, WITHIN } from './damage.ts'

const SUBJECT = image({ seed: 'subject' })
const SBOM = referrer(SUBJECT.descriptor, { artifactType: 'application/spdx+json' })
const INDEX = index([SUBJECT, SBOM])
const TEXTS = [SUBJECT, SBOM, INDEX].map(({ bytes }) => Buffer.from(bytes).toString('latin1'))

/** What `read` gives; undefined where it refused in this program's words. Anything else is a bug. */
function refusable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    expect(error).toBeInstanceOf(ReplicateError)
    return undefined
  }
}

test('manifests', { timeout: WITHIN }, () => {
  const types = fc.constantFrom(undefined, SUBJECT.mediaType, OCI_INDEX, 'text/plain', 'a/b; c=d')
  fc.assert(
    fc.property(damaged(...TEXTS), types, (text, type) => {
      const bytes = Buffer.from(text, 'latin1')
      detectMediaType(bytes, type)
      const manifest = manifestOf(bytes, type)
      const contents = refusable(() => contentsOf(manifest))
      if (!contents) return
      const named = [...contents.blobs, ...contents.manifests, ...(contents.subject ? [contents.subject] : [])]
      for (const { digest, size } of named) {
        expect(parseDigest(digest)).toBe(digest)
        expect(Number.isSafeInteger(size) && size >= 0).toBe(true)
      }
      expect(new Set(contents.blobs.map(({ digest }) => digest)).size).toBe(contents.blobs.length)
      for (const value of Object.values(contents.annotations ?? {})) expect(typeof value).toBe('string')
    }),
    LIMITS,
  )
})

test('indexes of referrers', { timeout: WITHIN }, () => {
  fc.assert(
    fc.property(damaged(...TEXTS), (text) => {
      const found = manifestOf(Buffer.from(text, 'latin1'), OCI_INDEX)
      const before = refusable(() => referrersIn(found, SUBJECT.digest))
      const merged = refusable(() => withReferrer(found, SUBJECT.digest, SBOM))
      if (!before || !merged) return
      const after = contentsOf(merged).manifests.map(({ digest }) => digest)
      expect(after).toEqual(expect.arrayContaining([SBOM.digest, ...before.map(({ digest }) => digest)]))
      const without = withoutReferrer(merged, SBOM.digest)
      if (without !== 'empty') expect(without && contentsOf(without).manifests).toHaveLength(before.length)
    }),
    LIMITS,
  )
})

test('tags that hang on a digest', { timeout: WITHIN }, () => {
  const stem = SUBJECT.digest.replace(':', '-')
  fc.assert(
    fc.property(damaged(stem, `${stem}.sig`, `sha512-${'0f'.repeat(40)}.x`, 'v1'), (tag) => {
      const subject = attachmentSubject(tag)
      if (subject === undefined) return
      expect(isTag(tag)).toBe(true)
      expect(tag.startsWith(subject.replace(':', '-'))).toBe(true)
    }),
    LIMITS,
  )
})

const HTTP = { url: 'https://example.com/prefix', host: 'example.com', request: notCalled, close: notCalled }

test('links to the next page', { timeout: WITHIN }, () => {
  const links = [
    '</prefix/v2/a/tags/list?n=2&last=b>; rel="next"',
    '<https://x:1/v2/a?b>; title="<"; rel=next, <c>; rel=prev',
  ]
  fc.assert(
    fc.property(damaged(...links), (link) => {
      const before = process.cpuUsage()
      const next = nextPage(HTTP, 'https://example.com/prefix/v2/a/tags/list', link)
      // On the registry itself, whatever the link says.
      if (next !== undefined) expect(next.startsWith('https://example.com/prefix/')).toBe(true)
      expect(process.cpuUsage(before).user).toBeLessThan(MOST)
    }),
    LIMITS,
  )
})

test('locations', { timeout: WITHIN }, () => {
  const locations = ['/v2/a/blobs/uploads/1?_state=x%2Fy', 'https://example.com/v2/a?b#c', '//other/v2', '?a', '..']
  fc.assert(
    fc.property(damaged(...locations), (location) => {
      const response = {
        headers: { location },
        url: 'https://example.com/prefix/v2/a/blobs/uploads/',
      } as unknown as HttpResponse
      const url = locationOf(HTTP, response)
      // An address that is none is refused by the client.
      if (url !== undefined) expect(/^[a-z][a-z0-9+.-]*:/i.test(url)).toBe(true)
    }),
    LIMITS,
  )
})

/** What the registry answers next to a request for such a thing. */
let answer: Fault | undefined
let url = ''
beforeAll(async () => {
  const registry = await memoryRegistry({ fault: ({ method }) => (method === 'GET' ? answer : undefined) })
  registry.add('app', SUBJECT, 'v1')
  url = registry.url
})
afterAll(end)

test('whole answers to lists of tags and referrers, and to manifests', { timeout: WITHIN }, async () => {
  const lists = [
    '{"name":"app","tags":["v1","v2",null]}',
    '{"tags":null}',
    `{"manifests":[${JSON.stringify(SBOM.descriptor)}]}`,
  ]
  const type = fc.constantFrom(OCI_INDEX, SUBJECT.mediaType, 'application/json')
  const digest = damaged(SUBJECT.digest, computeDigest(Buffer.from('x'), 'sha512'))
  const { adapter, ctx } = connect(url)
  await fc.assert(
    fc.asyncProperty(damaged(...lists, ...TEXTS), type, digest, async (body, mediaType, named) => {
      const header = named.replace(/[^\x21-\x7e]/g, '')
      answer = { status: 200, headers: { 'content-type': mediaType, 'docker-content-digest': header }, body }
      const store = adapter.repository('app')
      const asked = [
        collect(store.tags(ctx)),
        collect(store.referrers?.(SUBJECT.descriptor, ctx) ?? []),
        store.readManifest('v1', ctx),
        store.readManifest(SUBJECT.digest, ctx),
      ]
      for (const result of await Promise.allSettled(asked)) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ReplicateError)
      }
    }),
    LIMITS,
  )
})

async function notCalled(): Promise<never> {
  throw new Error('not called')
}
