/** Looks of a daemon double that has no registries. */

import { adapters } from '../../adapters/index.ts'
import { abilitiesOf } from '../../src/core/abilities.ts'
import type { Looks } from '../../src/serve/looks.ts'

const nothing = (): never => {
  throw new Error('this daemon is a double')
}

export const noLooks: Looks = {
  drafted: nothing,
  matches: nothing,
  plan: nothing,
  namespaces: nothing,
  adapters: () => Promise.all(adapters.map(async (adapter) => ({ adapter, abilities: await abilitiesOf(adapter) }))),
}
