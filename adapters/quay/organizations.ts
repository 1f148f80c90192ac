/** Organizations and users of Quay, which are the namespaces, and the repositories in them. */

import { z } from 'zod'
import type { Adapter, Wanted } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explained, type Quay } from './api.ts'

const USER = z.looseObject({
  username: z.string(),
  organizations: z.array(z.looseObject({ name: z.string() })).nullish(),
})
const REPOSITORIES = z.looseObject({
  repositories: z.array(z.looseObject({ namespace: z.string(), name: z.string() })),
  next_page: z.string().nullish(),
})

/** By the API with a token, and for nobody what is public; what a user or robot may pull only the catalogue tells. */
export async function* listRepositories(
  wanted: Wanted,
  api: Quay,
  registry: Adapter,
  ctx: Context,
): AsyncIterable<string> {
  const hasToken = await api.hasToken()
  if (!hasToken && (await api.account()) !== undefined) {
    yield* registry.repositories?.(wanted, ctx) ?? []
    return
  }
  const namespaces = topsOf(wanted) ?? (hasToken ? await ownNamespaces(api, ctx) : undefined)
  if (!namespaces) {
    throw new UnsupportedError('Quay lists the repositories of everybody to nobody', {
      hint: 'name the namespaces (source.namespaces, or name: group/*), or give a credential',
    })
  }
  for (const namespace of namespaces) yield* repositoriesOf(namespace, api, ctx)
}

async function* repositoriesOf(namespace: string, api: Quay, ctx: Context): AsyncIterable<string> {
  const what = `repositories of ${namespace}`
  const base = `/api/v1/repository?namespace=${encodeURIComponent(namespace)}&public=true`
  const read = async (url: string) => {
    const { value } = await explained(askJson(api.http, { url }, REPOSITORIES, what, ctx), 'repo:read')
    const next = value.next_page ? `${base}&next_page=${encodeURIComponent(value.next_page)}` : undefined
    return { items: value.repositories, next }
  }
  // `public=true` beside a namespace means: also the public ones.
  for await (const one of itemsOf(base, read, what)) {
    if (one.namespace === namespace) yield `${one.namespace}/${one.name}`
  }
}

async function ownNamespaces(api: Quay, ctx: Context): Promise<readonly string[]> {
  const asked = askJson(api.http, { url: '/api/v1/user/' }, USER, 'organizations of the account', ctx)
  const { value } = await explained(asked, 'user:read')
  return [value.username, ...(value.organizations ?? []).map(({ name }) => name)]
}

/** With a token an organization is created where there is neither one nor a user of that name; without one nothing can be asked. */
export async function ensureOrganization(namespace: string, api: Quay, ctx: Context): Promise<void> {
  const [name = ''] = namespace.split('/')
  if (!(await api.hasToken()) || (await isThere(name, api, ctx))) return
  const body = Buffer.from(JSON.stringify({ name, email: `${name}@example.com` }))
  const headers = { 'content-type': 'application/json' }
  try {
    const request = { method: 'POST', url: '/api/v1/organization/', headers, body } as const
    const response = await explained(api.http.request(request, ctx), 'user:admin')
    await response.discard()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    if (error.status === 400 && /already exists/i.test(error.message)) return
    throw restated(error, `cannot create the organization ${name}: ${error.message}`)
  }
}

async function isThere(name: string, api: Quay, ctx: Context): Promise<boolean> {
  for (const kind of ['organization', 'users']) {
    try {
      const url = `/api/v1/${kind}/${encodeURIComponent(name)}`
      const response = await api.http.request({ method: 'GET', url, whole: 1024 * 1024 }, ctx)
      await response.discard()
      return true
    } catch (error) {
      // One that is there and not for us to see is there.
      if (error instanceof RegistryError && error.status === 403) return true
      if (!isNotFound(error)) throw error
    }
  }
  return false
}
