/** Keeps the index of a subject's referrers under its fallback tag. */

import { describe, expect, test } from 'vitest'
import { contentsOf, type Manifest, manifestOf, OCI_INDEX } from '../../src/core/manifest.ts'
import { attachmentSubject, cutDigest, fallbackTag, isTag } from '../../src/core/reference.ts'
import { referrersIn, withoutReferrer, withReferrer } from '../../src/oci/fallback.ts'
import { image, index, referrer } from '../support/images.ts'

const SUBJECT = image({ seed: 'subject' })
const SBOM = referrer(SUBJECT.descriptor, { artifactType: 'application/spdx+json', content: 'sbom' })
const SCAN = referrer(SUBJECT.descriptor, { artifactType: 'application/sarif+json', content: 'scan' })

function entriesOf(manifest: Manifest | undefined): readonly string[] {
  return manifest ? contentsOf(manifest).manifests.map(({ digest }) => digest) : []
}

describe('the index of referrers', () => {
  test('is the same whatever the order they come in', () => {
    const one = withReferrer(withReferrer(undefined, SUBJECT.digest, SBOM), SUBJECT.digest, SCAN)
    const other = withReferrer(withReferrer(undefined, SUBJECT.digest, SCAN), SUBJECT.digest, SBOM)
    expect(one?.digest).toBe(other?.digest)
    expect(new Set(entriesOf(one))).toEqual(new Set([SBOM.digest, SCAN.digest]))
    expect(one && withReferrer(one, SUBJECT.digest, SCAN)).toBeUndefined()
  })

  test('keeps fields and entries that are unknown here', () => {
    const json = {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      'x-mine': [1],
      manifests: [{ ...SCAN.descriptor, 'x-too': 2 }],
    }
    const merged = withReferrer(manifestOf(Buffer.from(JSON.stringify(json)), OCI_INDEX), SUBJECT.digest, SBOM)
    const read = JSON.parse(String(Buffer.from(merged?.bytes ?? [])))
    expect(read['x-mine']).toEqual([1])
    expect(read.manifests).toContainEqual(expect.objectContaining({ digest: SCAN.digest, 'x-too': 2 }))
    expect(read.manifests).toContainEqual(expect.objectContaining({ digest: SBOM.digest }))
  })

  test('is not the subject, which some registries answer the tag with', () => {
    const subject = index([SBOM, SCAN])
    expect(referrersIn(subject, subject.digest)).toEqual([])
    expect(entriesOf(withReferrer(subject, subject.digest, SBOM))).toEqual([SBOM.digest])
    expect(entriesOf(withReferrer(SUBJECT, SUBJECT.digest, SBOM))).toEqual([SBOM.digest])
  })

  test('does not replace another image that is under the tag', () => {
    expect(() => withReferrer(image({ seed: 'other' }), SUBJECT.digest, SBOM)).toThrow('not an index of referrers')
  })

  test('goes when its last entry does', () => {
    const two = index([SBOM, SCAN])
    const one = withoutReferrer(two, SBOM.digest)
    expect(one).not.toBe('empty')
    expect(one === 'empty' ? [] : entriesOf(one)).toEqual([SCAN.digest])
    expect(withoutReferrer(index([SBOM]), SBOM.digest)).toBe('empty')
    expect(withoutReferrer(two, SUBJECT.digest)).toBeUndefined()
  })

  test('repeats the annotations of a referrer, unless they are huge', () => {
    const annotations = { 'org.example.kind': 'sbom' }
    const small = referrer(SUBJECT.descriptor, { artifactType: 'application/x', annotations })
    const [entry] = contentsOf(withReferrer(undefined, SUBJECT.digest, small) ?? SUBJECT).manifests
    expect(entry).toEqual({ ...small.descriptor, artifactType: 'application/x', annotations })
    const huge = referrer(SUBJECT.descriptor, { artifactType: 'application/x', content: 'huge' })
    const json = JSON.parse(String(Buffer.from(huge.bytes)))
    const bytes = Buffer.from(JSON.stringify({ ...json, annotations: { note: 'x'.repeat(100_000) } }))
    const merged = withReferrer(undefined, SUBJECT.digest, manifestOf(bytes, huge.mediaType))
    expect(merged?.bytes.byteLength).toBeLessThan(1000)
  })
})

describe('a tag that hangs on a digest', () => {
  const hex = 'a1'.repeat(32)
  test.each([
    [`sha256-${hex}`, `sha256:${hex}`],
    [`sha256-${hex}.sig`, `sha256:${hex}`],
    [`sha256-${hex}.imgpkg`, `sha256:${hex}`],
    [`sha256-${hex}.Some_thing-1.else`, `sha256:${hex}`],
    [`sha512-${hex}`, `sha512:${hex}`],
    [`sha512-${hex}00ff.sig`, `sha512:${hex}`],
  ])('%s names it', (tag, subject) => {
    expect(attachmentSubject(tag)).toBe(subject)
  })

  test.each([
    'latest',
    `sha256-${hex.slice(1)}`,
    `sha256-${hex}0`,
    `sha256-${hex.toUpperCase()}`,
    `sha256:${hex}`,
    `sha1-${hex}`,
    `sha256-${hex}-debug`,
    `sha256-${hex}.${'x'.repeat(80)}`,
    `sha256-${hex}.a/b`,
  ])('%s is another tag', (tag) => {
    expect(attachmentSubject(tag)).toBeUndefined()
  })

  test('is never longer than a tag may be', () => {
    const long = `sha512:${hex}${hex}` as const
    expect(isTag(fallbackTag(long))).toBe(true)
    expect(attachmentSubject(fallbackTag(long))).toBe(cutDigest(long))
  })
})
