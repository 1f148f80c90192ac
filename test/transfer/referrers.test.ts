/** Walks over what refers to an artifact: each asked for once, and none of them without an end. */

import { expect, test } from 'vitest'
import type { Descriptor, Digest, Referrer } from '../../src/core/descriptor.ts'
import { referrersOf } from '../../src/transfer/referrers.ts'

const ctx = { signal: new AbortController().signal, emit: () => {} }
const named = (name: string): Descriptor => ({ mediaType: 'x', digest: `sha256:${name}`, size: 1 })

/** A source in which `list` says what refers to a digest. */
function source(list: (digest: Digest) => readonly Referrer[]) {
  const seen = { asked: 0, running: 0, most: 0 }
  return {
    seen,
    async *referrers(subject: Descriptor) {
      seen.asked += 1
      seen.running += 1
      seen.most = Math.max(seen.most, seen.running)
      await new Promise((resolve) => setImmediate(resolve))
      seen.running -= 1
      yield* list(subject.digest)
    },
  }
}

async function walk(from: ReturnType<typeof source>, subjects = [named('root')]) {
  const found: string[] = []
  for await (const { depth, subject, referrers } of referrersOf(subjects, from, ctx)) {
    for (const { digest } of referrers) found.push(`${depth} ${subject.digest} ${digest}`)
  }
  return found
}

test('finds referrers of referrers, nearer ones first, and asks about each digest once', async () => {
  const from = source((digest) => {
    if (digest === 'sha256:root') return [named('sbom'), named('signature')]
    return digest === 'sha256:sbom' ? [named('signature'), named('signature of the sbom')] : []
  })
  expect(await walk(from)).toEqual([
    '1 sha256:root sha256:sbom',
    '1 sha256:root sha256:signature',
    '2 sha256:sbom sha256:signature',
    '2 sha256:sbom sha256:signature of the sbom',
  ])
  expect(from.seen.asked).toBe(4)
})

test('asks about the children of an index together', async () => {
  const from = source(() => [])
  await walk(
    from,
    Array.from({ length: 10 }, (_, at) => named(`child ${at}`)),
  )
  expect(from.seen).toMatchObject({ asked: 10, most: 10 })
})

test('ends where each referrer has another one', async () => {
  const from = source((digest) => [named(`of ${digest}`)])
  await expect(walk(from)).rejects.toThrow('more than 8 deep')
  expect(from.seen.asked).toBeLessThan(12)
})

test('ends where there are very many in sum', async () => {
  const from = source((digest) => Array.from({ length: 3000 }, (_, at) => named(`${at} of ${digest}`)))
  await expect(walk(from)).rejects.toThrow('more than 10000')
  expect(from.seen.asked).toBeLessThan(30)
})

test('two that refer to each other are asked for once each', async () => {
  const from = source((digest) => [named(digest === 'sha256:root' ? 'other' : 'root')])
  await walk(from)
  expect(from.seen.asked).toBe(2)
})
