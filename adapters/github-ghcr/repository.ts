/** A package as a repository: its versions are deleted through GitHub's API, as the registry deletes nothing. */

import type { ContentStore } from '../../src/core/content.ts'
import { RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { explained, type GitHub, HEADERS } from './api.ts'
import { packagePath, VERSION } from './versions.ts'

export function packageRepository(store: ContentStore, name: string, api: GitHub): ContentStore {
  return {
    ...store,
    deletes: async () => ((await api.hasToken()) ? 'manifest' : 'nothing'),
    async deleteTag(tag) {
      throw new UnsupportedError(`GitHub cannot delete the tag ${tag} of ${name} alone`, {
        hint: 'its manifest can be deleted, with all its tags',
      })
    },
    async deleteManifest(digest, ctx) {
      const path = await packagePath(name, api, ctx)
      if (path === undefined) return
      for await (const version of api.items(`${path}/versions?state=active`, VERSION, `versions of ${name}`, ctx)) {
        if (version.name !== digest) continue
        const url = `${path}/versions/${version.id}`
        // 404: it is gone already.
        const request = { method: 'DELETE', url, headers: HEADERS, expect: [204, 404] } as const
        const response = await explained(api.http.request(request, ctx), 'delete:packages').catch(lastOne)
        await response.discard()
        return
      }
    },
  }
}

function lastOne(error: unknown): never {
  if (!(error instanceof RegistryError) || !/last tagged version|5,?000 downloads/i.test(error.message)) throw error
  throw restated(error, error.message, 'only the whole package can be deleted, on github.com')
}
