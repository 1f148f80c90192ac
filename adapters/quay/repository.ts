/** A repository of Quay: tags are deleted alone, and refusals are told with what to do. */

import type { ContentStore } from '../../src/core/content.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { restated } from '../../src/oci/registry/restate.ts'

const HINTS: readonly { readonly says: RegExp; readonly hint: string }[] = [
  { says: /quota has been exceeded/i, hint: 'raise the quota of the organization, or delete tags there' },
  {
    says: /is_readonly|read.?only|METHOD NOT ALLOWED/i,
    hint: 'Quay is read-only at the moment, or the repository is a mirror',
  },
]

export function quayRepository(store: ContentStore): ContentStore {
  return {
    ...store,
    // Found out by asking it would want the right to push, which creates what is not there.
    deletes: async () => 'tag',
    async writeManifest(manifest, reference, ctx) {
      try {
        await store.writeManifest(manifest, reference, ctx)
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error
        const text = `${error.message} ${error.codes.join(' ')}`
        const known = HINTS.find(({ says }) => says.test(text))
        throw known ? restated(error, error.message, known.hint) : error
      }
    },
  }
}
