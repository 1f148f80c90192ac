/** Namespaces of Docker Hub, and the repositories in them. */

import { z } from 'zod'
import type { Wanted } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explained, type HubApi } from './api.ts'
import { resultsOf } from './pages.ts'

const REPOSITORY = z.looseObject({ name: z.string() })
const NAMESPACES = z.looseObject({ namespaces: z.array(z.string()) })

/** The repositories of the namespaces that the patterns spell out; else of all that the account has. */
export async function* listRepositories(wanted: Wanted, api: HubApi, ctx: Context): AsyncIterable<string> {
  for (const namespace of topsOf(wanted) ?? (await ownNamespaces(api, ctx))) {
    const path = `/v2/namespaces/${encodeURIComponent(namespace)}/repositories`
    for await (const { name } of resultsOf(api, path, REPOSITORY, `repositories of ${namespace}`, ctx)) {
      yield `${namespace}/${name}`
    }
  }
}

async function ownNamespaces(api: HubApi, ctx: Context): Promise<readonly string[]> {
  if ((await api.account()) === undefined) {
    throw new UnsupportedError('Docker Hub lists the repositories of everybody to nobody', {
      hint: 'name the namespaces (source.namespaces, or name: library/*), or give a credential for those of its account',
    })
  }
  const request = { url: '/v2/repositories/namespaces' }
  const asked = askJson(api.http, request, NAMESPACES, 'namespaces of the account', ctx)
  const { value } = await explained(asked, 'to read repositories')
  return value.namespaces
}

/** Nothing creates one: the account's own and those of its organizations are there. */
export async function ensureNamespace(namespace: string, api: HubApi, ctx: Context): Promise<void> {
  const account = await api.account()
  if (account === undefined || account === namespace) return
  let known: readonly string[]
  try {
    known = await ownNamespaces(api, ctx)
  } catch (error) {
    // Some access tokens may push, and may not ask this.
    if (!(error instanceof RegistryError)) throw error
    ctx.emit({ type: 'log', level: 'debug', text: `namespaces of Docker Hub are not told: ${error.message}` })
    return
  }
  if (known.includes(namespace)) return
  throw new UnsupportedError(`the account ${account} has no namespace ${namespace} at Docker Hub`, {
    hint: 'create the organization on hub.docker.com, or set destination.namespace to one of your own',
  })
}
