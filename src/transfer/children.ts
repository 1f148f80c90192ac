/** Which children of an index are wanted: by platform, and whether with their attestations. */

import type { ContentSource } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor, Platform } from '../core/descriptor.ts'
import { ABSENT, CredentialError, isNotFound, RegistryError, type ReplicateError } from '../core/errors.ts'
import { isIndex } from '../core/manifest.ts'

/** True for a platform that is wanted. An entry may have none. */
export type KeepPlatform = (platform: Platform | undefined) => boolean

export interface Wanted {
  /** Absent: every platform. */
  readonly platform?: KeepPlatform | undefined
  readonly attestations: boolean
}

/** Names the manifest that an attestation of BuildKit is about; its own platform is `unknown/unknown`. */
const ATTESTED = 'vnd.docker.reference.digest'

export function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.[ATTESTED] !== undefined
}

/** Caches and vendors that lack an attestation, or keep it to themselves, say so in many ways. */
const NOT_GIVEN = [...ABSENT, 401, 403, 410, 451]

/** True where an attestation cannot be had from the source, now or later. */
export function isNotGiven(error: unknown): error is ReplicateError {
  if (error instanceof CredentialError) return true
  return error instanceof RegistryError ? NOT_GIVEN.includes(error.status) : isNotFound(error)
}

/** False where the source does not give it. */
export async function isGiven(
  { digest }: Descriptor,
  source: Pick<ContentSource, 'resolve'>,
  ctx: Context,
): Promise<boolean> {
  try {
    return (await source.resolve(digest, ctx)) !== undefined
  } catch (error) {
    if (isNotGiven(error)) return false
    throw error
  }
}

/** Those to keep, in their order: of a wanted platform, nested indexes (to be looked into), and attestations of what is kept. */
export function wantedChildren(children: readonly Descriptor[], wanted: Wanted | undefined): readonly Descriptor[] {
  if (!wanted) return children
  const { platform: isPlatform = () => true, attestations } = wanted
  const isKept = (child: Descriptor): boolean =>
    !isAttestation(child) && (isIndex(child.mediaType) || isPlatform(child.platform))
  const kept = new Set<string>(children.filter(isKept).map((child) => child.digest))
  return children.filter((child) => isKept(child) || (attestations && kept.has(child.annotations?.[ATTESTED] ?? '')))
}

/** Other names of an architecture, with the variant they stand for. */
const ALIASES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x86_64: ['amd64'],
  aarch64: ['arm64'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
  i386: ['386'],
}
/** What an architecture is where no variant is named, as containerd has it. */
const DEFAULT_VARIANTS: Readonly<Record<string, string>> = { arm: 'v7', arm64: 'v8' }

/** Wants `OS/ARCHITECTURE` or `OS/ARCHITECTURE/VARIANT`, as each index may spell it. Where an architecture has no variant by default,
 *  every variant of it is wanted. An entry without a platform is of none. */
export function platformFilter(platforms: readonly string[]): KeepPlatform {
  const names = platforms.map((platform) => {
    const [os = '', architecture = '', variant] = platform.split('/')
    return normalName({ os, architecture, ...(variant ? { variant } : {}) })
  })
  return (platform) => {
    if (!platform) return false
    const name = normalName(platform)
    return names.some((wanted) => name === wanted || name.startsWith(`${wanted}/`))
  }
}

function normalName({ os, architecture: given, variant: own }: Platform): string {
  const [architecture, implied] = ALIASES[given] ?? [given]
  const variant = own?.replace(/^(?=\d)/, 'v') ?? implied ?? DEFAULT_VARIANTS[architecture]
  return [os, architecture, variant].filter(Boolean).join('/')
}
