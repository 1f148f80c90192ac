/** The provenance file beside an archive, and what is known of one without OpenPGP: that it is one, and which archive it signs. */

import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { computeDigest } from '../../core/manifest.ts'
import { type Held, heldBytes } from './held.ts'
import type { Origin } from './origin.ts'

/** In bytes. */
const LARGEST = 1024 * 1024
/** What hosts answer for a provenance file that is not there. */
const ABSENT = [400, 403, 404, 405, 410]

/** That of an archive which may be at any of `urls`. */
export async function findProvenance(origin: Origin, urls: readonly string[], ctx: Context): Promise<Held | undefined> {
  for (const url of urls.flatMap((text) => origin.spellings(text))) {
    const found = await readProvenance(origin, url, ctx)
    if (found) return found
  }
  return undefined
}

/** Undefined if the archive at `url` has no provenance beside it. */
export async function readProvenance(origin: Origin, url: URL, ctx: Context): Promise<Held | undefined> {
  const place = new URL(url)
  place.pathname += '.prov'
  const response = await origin.read(place, [200, ...ABSENT], undefined, ctx)
  if (response.status !== 200) {
    await response.discard()
    return undefined
  }
  const content = Buffer.from(await response.bytes(LARGEST))
  return isProvenance(content) ? heldBytes(content, computeDigest(content)) : undefined
}

const BEGIN = '-----BEGIN PGP SIGNED MESSAGE-----'

/** A host may answer anything with a web page. */
function isProvenance(content: Buffer): boolean {
  return content.subarray(0, 256).toString('latin1').trimStart().startsWith(BEGIN)
}

/** False where the file signs another archive than this one. */
export async function signs(provenance: Held, archive: Digest, ctx: Context): Promise<boolean> {
  const chunks: Buffer[] = []
  for await (const chunk of provenance.open(0, ctx)) chunks.push(Buffer.from(chunk))
  const named: readonly string[] =
    Buffer.concat(chunks)
      .toString('latin1')
      .match(/sha256:[0-9a-f]{64}/g) ?? []
  return named.length === 0 || named.includes(archive)
}
