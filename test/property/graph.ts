/** Random artifacts from few numbers: nested indexes, shared blobs, referrers of anything, signatures on tags. */

import fc from 'fast-check'
import { descriptorOf } from '../../src/core/manifest.ts'
import { type Artifact, artifact, cosignSignature, fallbackTag, image, index, referrer } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { randomBytes } from '../support/random.ts'

/** The shape of a graph; the same shape always gives the same bytes. */
export type Shape =
  | {
      readonly kind: 'image'
      readonly layers: number
      readonly size: number
      readonly shared: number
      readonly docker: boolean
    }
  | { readonly kind: 'artifact'; readonly content: number }
  | { readonly kind: 'index'; readonly children: readonly Shape[]; readonly blobs: number }

export interface Tagged {
  readonly repository: string
  readonly tag: string
  readonly shape: Shape
  /** How many referrers hang on it, each on the one before. */
  readonly referrers: number
  readonly signed: boolean
}

/** What the source holds for one `Tagged`. */
export interface Grown {
  readonly tagged: Tagged
  readonly root: Artifact
  readonly attached: readonly Artifact[]
  /** The tag of its signature, where it has one. */
  readonly signature: string | undefined
}

const SHARED = [randomBytes(700, 'shared 0'), randomBytes(300_000, 'shared 1'), randomBytes(70_000, 'shared 2')]
/** Empty, small, around the size where the way of a blob changes, and larger. */
const SIZES = [0, 1, 1000, 262_144, 262_145, 600_000]

export function source(): fc.Arbitrary<readonly Tagged[]> {
  const { shape } = fc.letrec<{ shape: Shape; leaf: Shape; index: Shape }>((tie) => ({
    leaf: fc.oneof(
      fc.record({
        kind: fc.constant('image' as const),
        layers: fc.nat({ max: 3 }),
        size: fc.constantFrom(...SIZES),
        shared: fc.nat({ max: SHARED.length }),
        docker: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('artifact' as const), content: fc.nat({ max: 5 }) }),
    ),
    index: fc.record({
      kind: fc.constant('index' as const),
      children: fc.array(tie('shape'), { maxLength: 3 }),
      blobs: fc.nat({ max: 1 }),
    }),
    shape: fc.oneof({ maxDepth: 3, withCrossShrink: true }, tie('leaf'), tie('index')),
  }))
  const tagged = fc.record({
    repository: fc.constantFrom('app', 'group/other'),
    tag: fc.constantFrom('v1', 'v2', 'latest', '1.0-rc.1'),
    shape,
    referrers: fc.nat({ max: 2 }),
    signed: fc.boolean(),
  })
  return fc.uniqueArray(tagged, {
    minLength: 1,
    maxLength: 4,
    selector: ({ repository, tag }) => `${repository}:${tag}`,
  })
}

/** Puts it all into a registry; without `api` referrers are listed under tags, as clients of such a registry do it. */
export function grow(all: readonly Tagged[], registry: MemoryRegistry, api: boolean): readonly Grown[] {
  return all.map((tagged) => {
    const { repository, tag, shape, referrers, signed } = tagged
    const root = build(shape, `${repository}:${tag}`)
    registry.add(repository, root, tag)
    const attached: Artifact[] = []
    for (let at = 0; at < referrers; at += 1) {
      const subject = descriptorOf(attached.at(-1) ?? root)
      const next = referrer(subject, { content: `referrer ${at}` })
      registry.add(repository, next)
      if (!api) registry.add(repository, index([next]), fallbackTag(subject.digest))
      attached.push(next)
    }
    if (!signed) return { tagged, root, attached, signature: undefined }
    const signature = cosignSignature(descriptorOf(root))
    registry.add(repository, signature.artifact, signature.tag)
    return { tagged, root, attached: [...attached, signature.artifact], signature: signature.tag }
  })
}

function build(shape: Shape, seed: string): Artifact {
  switch (shape.kind) {
    case 'image': {
      const { layers, size, docker, shared } = shape
      return image({ layers, size, docker, seed, base: SHARED.slice(0, shared) })
    }
    case 'artifact':
      return artifact({ content: `content ${shape.content}` })
    case 'index': {
      const blobs = SHARED.slice(0, shape.blobs)
      return index(
        shape.children.map((child, at) => build(child, `${seed}/${at % 2}`)),
        { blobs },
      )
    }
  }
}
