/** The keys of Artifactory's repositories, which are the namespaces, and the images below them. */

import type { Wanted } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import type { Artifactory } from './api.ts'
import type { Content } from './content.ts'

/** The images below the keys that the patterns spell out; else below all that the credential sees. */
export async function* listRepositories(
  wanted: Wanted,
  api: Artifactory,
  content: Content,
  ctx: Context,
): AsyncIterable<string> {
  for (const key of topsOf(wanted) ?? (await api.keys(ctx)).map((one) => one.key)) {
    const images = content.below(key).repositories?.({ namespaces: [], names: [] }, ctx) ?? []
    try {
      for await (const image of images) yield `${key}/${image}`
    } catch (error) {
      // One key that may not be read does not hide the others.
      if (!(error instanceof RegistryError) || error.status !== 404) throw error
      ctx.emit({ type: 'log', level: 'warning', text: `Artifactory has no repository ${key} that could be listed` })
    }
  }
}

/** Creates a local repository of that key where there is none. */
export async function ensureKey(namespace: string, api: Artifactory, ctx: Context): Promise<void> {
  const [key = ''] = namespace.split('/')
  const found = (await api.keys(ctx)).find((one) => one.key.toLowerCase() === key.toLowerCase())
  if (found?.type === 'remote') {
    throw new UnsupportedError(`${key} is a remote repository of Artifactory: nothing can be pushed to it`, {
      hint: 'set destination.namespace to a local repository',
    })
  }
  if (found) return
  const body = Buffer.from(JSON.stringify({ key, rclass: 'local', packageType: api.packageType }))
  const headers = { 'content-type': 'application/json' }
  const url = `/api/repositories/${encodeURIComponent(key)}`
  try {
    const response = await api.http.request({ method: 'PUT', url, headers, body }, ctx)
    await response.discard()
  } catch (error) {
    // It may be there and hidden from this account.
    if (error instanceof RegistryError && /already exists/i.test(error.message)) return
    throw notCreated(error, key)
  }
}

function notCreated(error: unknown, key: string): unknown {
  const message = `cannot create the repository ${key}`
  const hint = `an administrator of Artifactory must create ${key}; or set create: false where it is there and hidden`
  if (error instanceof CredentialError)
    return new CredentialError(`${message}: ${error.message}`, { cause: error, hint })
  return error instanceof RegistryError ? restated(error, `${message}: ${error.message}`, hint) : error
}
