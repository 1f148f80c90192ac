/** Artifactory's REST API: its address, its check, and what a refusal means.
 *
 *  https://jfrog.com/help/r/jfrog-rest-apis/artifactory-rest-apis */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'

export interface Key {
  readonly key: string
  /** In lower case: `local`, `remote`, `virtual`, `federated`. */
  readonly type: string
}

export interface Artifactory {
  readonly http: HttpClient
  /** `https://acme.jfrog.io/artifactory`, without a trailing slash. */
  readonly url: string
  readonly packageType: string
  check(ctx: Context): Promise<void>
  /** The repositories of the package type that the credential sees. */
  keys(ctx: Context): Promise<readonly Key[]>
}

const KEYS = z.array(z.looseObject({ key: z.string(), type: z.string() }))

export function openArtifactory(registry: Registry, tools: AdapterTools): Artifactory {
  const given = (registry.url ?? '').replace(/\/+$/, '')
  // With a path it is the whole address already, whatever the path is called.
  const url = new URL(given).pathname === '/' ? `${given}/artifactory` : given
  const type = registry.options?.package_type
  const packageType = typeof type === 'string' ? type : 'docker'
  const client = (): HttpClient => tools.api({ url, name: 'api' })
  let known: Promise<readonly Key[]> | undefined

  async function list(ctx: Context): Promise<readonly Key[]> {
    const asked = { url: `/api/repositories?packageType=${packageType}` }
    const { value } = await askJson(client(), asked, KEYS, `repositories of ${registry.name}`, ctx)
    return value.map(({ key, type }) => ({ key, type: type.toLowerCase() }))
  }

  return {
    get http() {
      return client()
    },
    url,
    packageType,
    async check(ctx) {
      try {
        await list(ctx)
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 404) throw error
        throw restated(
          error,
          `${url} is no Artifactory: ${error.message}`,
          'check `url`: with its path, such as /artifactory',
        )
      }
    },
    keys(ctx) {
      known ??= list(ctx)
      known.catch(() => {
        known = undefined
      })
      return known
    },
  }
}

/** The key, and the image in it. */
export function splitName(repository: string): { readonly key: string; readonly image: string } {
  const [key = '', ...rest] = repository.split('/')
  return { key, image: rest.join('/') }
}
