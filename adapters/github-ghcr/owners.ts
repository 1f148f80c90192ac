/** Accounts of GitHub, which are the namespaces, and their packages. */

import { z } from 'zod'
import type { Wanted } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explained, type GitHub, HEADERS } from './api.ts'

const PACKAGE = z.looseObject({ name: z.string() })
const LOGIN = z.looseObject({ login: z.string() })

/** The packages of the accounts that the patterns spell out; else of the token's own account and organizations. */
export async function* listRepositories(wanted: Wanted, api: GitHub, ctx: Context): AsyncIterable<string> {
  if (!(await api.hasToken())) {
    throw new UnsupportedError('GitHub lists packages only to whoever has a token', {
      hint: 'name the repositories in the filter (name: [owner/app, …]), or give a token with read:packages',
    })
  }
  const self = await ownLogin(api, ctx)
  const owners = topsOf(wanted) ?? [...(self === undefined ? [] : [self]), ...(await organizations(api, ctx))]
  for (const owner of owners) {
    const base = owner === self ? '/user' : await api.owner(owner, ctx)
    if (base === undefined) {
      ctx.emit({ type: 'log', level: 'warning', text: `GitHub has no account ${owner}` })
      continue
    }
    const path = `${base}/packages?package_type=container`
    for await (const { name } of api.items(path, PACKAGE, `packages of ${owner}`, ctx)) {
      yield `${owner}/${name}`.toLowerCase()
    }
  }
}

/** Undefined for the token of a workflow, which is no account's. */
async function ownLogin(api: GitHub, ctx: Context): Promise<string | undefined> {
  try {
    const { value } = await askJson(api.http, { url: '/user', headers: HEADERS }, LOGIN, 'account of the token', ctx)
    return value.login
  } catch (error) {
    if (error instanceof RegistryError && error.status === 403) return undefined
    throw error
  }
}

async function organizations(api: GitHub, ctx: Context): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { login } of api.items('/user/orgs', LOGIN, 'organizations of the account', ctx)) found.push(login)
  return found
}

/** Nothing creates an account: it is there, or the push cannot succeed. */
export async function ensureOwner(namespace: string, api: GitHub, ctx: Context): Promise<void> {
  const [owner = ''] = namespace.split('/')
  if (!(await api.hasToken()) || (await explained(api.owner(owner, ctx))) !== undefined) return
  throw new UnsupportedError(`GitHub has no account ${owner}`, {
    hint: 'set destination.namespace to a user or an organization of GitHub',
  })
}
