/** The images that a chart names. */

import type { Digest } from './descriptor.ts'

/** An image by the host of its registry. `host` is `docker.io` where none is written. */
export interface NamedImage {
  readonly host: string
  readonly repository: string
  /** Absent only beside a digest. */
  readonly tag?: string
  readonly digest?: Digest
}

export interface ChartImages {
  /** Each once. */
  readonly images: readonly NamedImage[]
  /** What may name an image and does not say which, each with its place; why the chart could not be rendered. */
  readonly unresolved: readonly string[]
  /** Whether the same chart would give the same again: false where it took too long. */
  readonly lasting: boolean
}

/** `HOST/REPOSITORY:TAG@DIGEST`. */
export function formatImage({ host, repository, tag, digest }: NamedImage): string {
  return `${host}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}
