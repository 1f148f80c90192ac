/** What is known of a provenance file without OpenPGP: that it is one, and which archive it signs. */

import type { Digest } from '../../core/descriptor.ts'

/** In bytes. */
export const LARGEST_PROVENANCE = 1024 * 1024

const BEGIN = '-----BEGIN PGP SIGNED MESSAGE-----'

/** A host may answer anything with a web page. */
export function isProvenance(content: Buffer): boolean {
  return content.subarray(0, 256).toString('latin1').trimStart().startsWith(BEGIN)
}

/** False where the file signs another archive than this one. */
export function signs(content: Buffer, archive: Digest): boolean {
  const named: readonly string[] = content.toString('latin1').match(/sha256:[0-9a-f]{64}/g) ?? []
  return named.length === 0 || named.includes(archive)
}
