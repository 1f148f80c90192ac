/** Descriptors and digests, as in the OCI image specification 1.1. */

/** `algorithm:hex`, for example `sha256:44136f…`. Checked by `parseDigest` at every border. */
export type Digest = `${string}:${string}`

/** The algorithms this program can compute, with the length of their digest in hex digits. */
export const ALGORITHMS = { sha256: 64, sha512: 128 } as const satisfies Record<string, number>
export type Algorithm = keyof typeof ALGORITHMS

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly 'os.version'?: string
}

/** Names content by media type, size and digest. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** In bytes. */
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform?: Platform
  readonly artifactType?: string
  /** Where a foreign layer can be downloaded instead of from the registry. */
  readonly urls?: readonly string[]
  /** The content itself, base64. */
  readonly data?: string
}

/** What points at a subject: a signature, an attestation, an SBOM. */
export interface Referrer extends Descriptor {
  /** Set where the referrer hangs on a tag of its own (cosign's `sha256-….sig`) instead of a `subject` field. */
  readonly tag?: string
}

const DIGEST = /^([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/

/** `text` as a digest, or undefined if it is not one, or has an algorithm that is not supported (see `ALGORITHMS`). */
export function parseDigest(text: string): Digest | undefined {
  const match = DIGEST.exec(text)
  if (!match?.[1] || !match[2]) return undefined
  const length = isAlgorithm(match[1]) ? ALGORITHMS[match[1]] : undefined
  return match[2].length === length && /^[a-f0-9]+$/.test(match[2]) ? (text as Digest) : undefined
}

/** True for anything of the form `algorithm:encoded`, whatever the algorithm. */
export function looksLikeDigest(text: string): boolean {
  return DIGEST.test(text)
}

export function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(ALGORITHMS, name)
}

/** The parts of a checked digest. */
export function digestParts(digest: Digest): { readonly algorithm: Algorithm; readonly hex: string } {
  const colon = digest.indexOf(':')
  return { algorithm: digest.slice(0, colon) as Algorithm, hex: digest.slice(colon + 1) }
}

/** `sha256:9f31c2…` for people: the algorithm and `length` hex digits. */
export function shortDigest(digest: Digest, length = 6): string {
  const { algorithm, hex } = digestParts(digest)
  return `${algorithm}:${hex.slice(0, length)}`
}

/** Those of the children of an index, each once. */
export function platformNames(children: readonly Pick<Descriptor, 'platform'>[]): readonly string[] {
  const known = children.flatMap(({ platform }) =>
    platform && platform.os !== 'unknown' ? [platformName(platform)] : [],
  )
  return [...new Set(known)]
}

/** `linux/arm64/v8`. */
export function platformName(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter(Boolean).join('/')
}
