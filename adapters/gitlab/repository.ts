/** A repository in a project of GitLab: a refused write is told with what a project needs. */

import type { ContentStore } from '../../src/core/content.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import { restated } from '../../src/oci/registry/restate.ts'

export function projectRepository(store: ContentStore, name: string): ContentStore {
  /** GitLab does not tell a project that is not there from one that may not be written to. */
  const telling = async <T>(write: Promise<T>): Promise<T> => {
    try {
      return await write
    } catch (error) {
      const hint = `create the project that ${name} belongs to and enable its container registry; the token needs write_registry and the role Developer`
      if (error instanceof CredentialError) throw new CredentialError(error.message, { cause: error, hint })
      if (!(error instanceof RegistryError) || error.status !== 403) throw error
      const isProtected = /protect/i.test(error.message)
      throw restated(error, error.message, isProtected ? 'the tag or repository is protected there: exclude it' : hint)
    }
  }
  const { mountBlob } = store
  return {
    ...store,
    writeBlob: (blob, open, ctx, checkpoint) => telling(store.writeBlob(blob, open, ctx, checkpoint)),
    writeManifest: (manifest, reference, ctx) => telling(store.writeManifest(manifest, reference, ctx)),
    ...(mountBlob ? { mountBlob: (blob, from, ctx) => telling(mountBlob(blob, from, ctx)) } : {}),
  }
}
