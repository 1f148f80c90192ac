/** What each part of the suite works with: the registry that runs, its switches, and names that are not taken. */

import type { Opened } from '../opened.ts'
import type { AdapterSpecimen, AdapterUnderTest } from './specimen.ts'

export interface Bench {
  readonly specimen: AdapterSpecimen
  /** Another registry of the same kind, with nothing in it. */
  start(): Promise<AdapterUnderTest>
  server(): AdapterUnderTest
  /** A repository that does not exist yet. */
  fresh(): string
  open(change?: Partial<Pick<AdapterUnderTest, 'registry' | 'env'>>): Promise<Opened>
}

/** A switch that every fake must have, unless its specimen says otherwise. */
export function switchOf<K extends 'fault' | 'loop' | 'expire' | 'requests'>(
  server: AdapterUnderTest,
  name: K,
): NonNullable<AdapterUnderTest[K]> {
  const found = server[name]
  if (!found) throw new Error(`the fake of ${server.registry.type} has no switch \`${name}\``)
  return found
}

/** Ends what a test has switched on. */
export function reset({ fault, loop }: AdapterUnderTest): void {
  fault?.(/^$/, { reset: true }, 0)
  loop?.(false)
}
