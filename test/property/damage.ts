/** Texts of strangers, damaged anyhow, and how long they are tried. */

import fc from 'fast-check'

/** Of each property; a nightly run gives more, and another seed by `REPLICATE_PROPERTY_SEED`, which a failure prints. */
export const SECONDS = Number(process.env.FUZZ_SECONDS ?? 1)
const SEED = Number(process.env.REPLICATE_PROPERTY_SEED ?? 1)
export const LIMITS = { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: SECONDS * 1000 } as const
/** Vitest's own limit, in milliseconds. */
export const WITHIN = SECONDS * 1000 + 60_000

/** Microseconds of the processor that reading one of them may take, with much room for a slow machine. */
export const MOST = 5_000_000

/** Texts of the field with a part replaced, doubled or gone. */
export function damaged(...texts: readonly string[]): fc.Arbitrary<string> {
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 5 }),
    fc.constantFrom('\r\n', '\0', '"', '\\', ',', ' ', '=', ':', '9'.repeat(30), '-1', 'é', '\u2028', '{', '['),
    fc
      .tuple(fc.constantFrom('a', '"', '\\', ',', ' ', '[', '9'), fc.nat(20_000))
      .map(([one, count]) => one.repeat(count)),
  )
  const cut = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), drop: fc.nat(20), part })
  return fc.tuple(fc.constantFrom(...texts), fc.array(cut, { maxLength: 4 })).map(([text, cuts]) =>
    cuts.reduce((before, { at, drop, part: inserted }) => {
      const start = Math.floor(at * before.length)
      return before.slice(0, start) + inserted + before.slice(start + drop)
    }, text),
  )
}
