/** What this and earlier runs have learned of the archives of an index: digests that it lacks, and which archives are signed. */

import type { Context } from '../../core/context.ts'
import { type Digest, parseDigest } from '../../core/descriptor.ts'
import { once } from '../../core/remembered.ts'
import type { Kept } from './kept.ts'
import type { Validators } from './origin.ts'

/** How many archives that had no provenance are looked at again when the index is another one than in the run before; those looked at longest ago
 *  come first. */
const MOST_AGAIN = 500

/** What was learned by reading an archive whose digest the index does not have, or has wrong. */
export interface Learned extends Validators {
  /** Where it was read. */
  readonly url: string
  readonly digest: Digest
  /** What the index said then. */
  readonly claimed?: Digest
}

interface Found {
  readonly learned: Map<string, Learned>
  /** By archive, the one that was looked at last comes last; undefined: it has none. */
  readonly provenances: Map<Digest, Digest | undefined>
  /** Archives that have to be looked at again. */
  readonly again: Set<Digest>
  /** Tells the index of this run from others. */
  readonly state: string
}

export class Archives {
  readonly #kept: Kept
  readonly #found: (ctx: Context) => Promise<Found>
  #changed: Found | undefined

  /** `stateOf` tells one state of the index from another. */
  constructor(kept: Kept, stateOf: (ctx: Context) => Promise<string>) {
    this.#kept = kept
    this.#found = once(async (ctx) => {
      const state = await stateOf(ctx)
      const read = await kept.read('archives', foundIn)
      const { learned, provenances } = read ?? { learned: new Map(), provenances: new Map() }
      const again = new Set<Digest>()
      const found: Found = { learned, provenances, again, state }
      if (read && read.state !== state) {
        // Provenance may have come with the new index.
        for (const [archive, provenance] of provenances) {
          if (again.size >= MOST_AGAIN) break
          if (!provenance) again.add(archive)
        }
        this.#changed = found
      }
      return found
    })
  }

  async learned(chart: string, ctx: Context): Promise<Learned | undefined> {
    return (await this.#found(ctx)).learned.get(chart)
  }

  async learn(chart: string, learned: Learned, ctx: Context): Promise<void> {
    const found = await this.#found(ctx)
    found.learned.set(chart, learned)
    this.#changed = found
  }

  /** The digest of an archive's provenance, or 'none'; undefined where it has to be looked for. */
  async provenance(archive: Digest, ctx: Context): Promise<Digest | 'none' | undefined> {
    const { provenances, again } = await this.#found(ctx)
    if (!provenances.has(archive) || again.has(archive)) return undefined
    return provenances.get(archive) ?? 'none'
  }

  async noteProvenance(archive: Digest, provenance: Digest | undefined, ctx: Context): Promise<void> {
    const found = await this.#found(ctx)
    found.again.delete(archive)
    found.provenances.delete(archive)
    found.provenances.set(archive, provenance)
    this.#changed = found
  }

  /** Keeps what was learned, and forgets the provenance of archives that are neither in the index nor learned. */
  async close(inIndex: () => ReadonlySet<Digest>): Promise<void> {
    const changed = this.#changed
    if (!changed) return
    this.#changed = undefined
    const { learned, provenances, state } = changed
    const told = inIndex()
    const read = new Set([...learned.values()].map(({ digest }) => digest))
    const rows = [...provenances].filter(([archive]) => told.has(archive) || read.has(archive))
    await this.#kept.write('archives', {
      state,
      learned: [...learned],
      provenances: rows.map(([archive, provenance]) => [archive, provenance ?? '']),
    })
  }
}

/** Of JSON that this program has written. */
function foundIn(json: unknown): Omit<Found, 'again'> {
  const { learned, provenances = [], state = '' }: Written = Object(json)
  const digests = provenances.flatMap(([archive, provenance]) => {
    const digest = parseDigest(archive)
    return digest ? [[digest, parseDigest(provenance)] as const] : []
  })
  return { learned: new Map(learned), provenances: new Map(digests), state }
}

interface Written {
  readonly state?: string
  readonly learned: readonly (readonly [string, Learned])[]
  readonly provenances?: readonly (readonly [archive: string, provenance: string])[]
}
