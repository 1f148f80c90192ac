/** Opens GitHub Container Registry: content from the registry, lists and deletes through GitHub's API. */

import type { Adapter, AdapterTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { tagInfo } from '../told.ts'
import { type GitHub, openGitHub } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    // Asked for referrers it redirects to its website: https://github.com/artifacthub/hub/issues/4785
    referrers: false,
    unprovenSubject: true,
    // One PUT may have any size, a request with a range 4 MiB: https://github.com/oras-project/rust-oci-client/issues/35
    upload: { strategy: 'put', chunk: 4 * 1024 * 1024 },
  })
  const api = openGitHub(registry, tools)
  return {
    ...adapter,
    async ping(ctx) {
      await adapter.ping(ctx)
      await api.check(ctx)
    },
    repository: (name) => packageRepository(adapter.repository(name), name, api),
    repositories: (wanted, ctx) => listRepositories(wanted, api, ctx),
    ensureNamespace: (namespace, _options, ctx) => ensureOwner(namespace, api, ctx),
    listTags: (name, ctx) => listTags(name, api, adapter.repository(name), ctx),
  }
}

/** The packages of the accounts that the patterns spell out; else of the token's own account and organizations. */
async function* listRepositories(wanted: Wanted, api: GitHub, ctx: Context): AsyncIterable<string> {
  if (!(await api.hasToken())) {
    throw new UnsupportedError('GitHub lists packages only with a token', {
      hint: 'name the repositories in the filter (name: [owner/app, …]), or give a token with read:packages',
    })
  }
  for (const owner of topsOf(wanted) ?? (await ownAccounts(api, ctx))) {
    const base = await api.owner(owner, ctx)
    if (base === undefined) ctx.emit({ type: 'log', level: 'warning', text: `GitHub has no account ${owner}` })
    else yield* api.packages(base, owner, ctx)
  }
}

async function ownAccounts(api: GitHub, ctx: Context): Promise<readonly string[]> {
  const login = await api.login(ctx)
  return [...(login === undefined ? [] : [login]), ...(await api.organizations(ctx))]
}

/** Nothing creates an account: it is there, or the push cannot succeed. */
async function ensureOwner(namespace: string, api: GitHub, ctx: Context): Promise<void> {
  const [owner = ''] = namespace.split('/')
  if (!(await api.hasToken()) || (await api.owner(owner, ctx)) !== undefined) return
  throw new UnsupportedError(`GitHub has no account ${owner}`, {
    hint: 'set destination.namespace to a user or an organization of GitHub',
  })
}

/** Beyond this many pages, most of which would name what has no tag, the registry's list costs less. */
const MOST_PAGES = 40

/** Ends a list that is too long. */
class TooLong extends Error {}

/** Tags by the API; just their names, by the registry, where the API may not be asked or has too much to tell. */
async function* listTags(
  repository: string,
  api: GitHub,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  if (!(await api.hasToken())) {
    yield* store.tags(ctx)
    return
  }
  const seen = new Set<string>()
  const isShort = (link: string): void => {
    if (pagesIn(link) > MOST_PAGES) throw new TooLong()
  }
  try {
    for await (const { name: digest, created_at: pushed, metadata } of api.versions(repository, ctx, isShort)) {
      for (const tag of metadata?.container?.tags ?? []) {
        if (seen.has(tag)) continue
        seen.add(tag)
        yield tagInfo(tag, { digest, pushed })
      }
    }
  } catch (error) {
    if (!(error instanceof TooLong)) {
      if (!(error instanceof RegistryError) || (error.status !== 403 && error.status !== 404)) throw error
      // A token that may pull need not be allowed to ask the API.
      const text = `${repository}: GitHub's API does not list it, so the registry is asked: ${error.message}`
      ctx.emit({ type: 'log', level: 'debug', text })
    }
    for await (const tag of store.tags(ctx)) if (!seen.has(tag)) yield tag
  }
}

/** How many pages there are, as the link to the last one says. */
function pagesIn(link: string): number {
  const last = /<([^>]*)>;\s*rel="last"/.exec(link)?.[1]
  return last ? Number(URL.parse(last)?.searchParams.get('page') ?? 0) : 0
}

/** Versions are deleted through GitHub's API, as the registry deletes nothing. */
function packageRepository(store: ContentStore, name: string, api: GitHub): ContentStore {
  return {
    ...store,
    deletes: async () => ((await api.hasToken()) ? 'manifest' : 'nothing'),
    async deleteTag(tag) {
      throw new UnsupportedError(`GitHub cannot delete the tag ${tag} of ${name} alone`, {
        hint: 'its manifest can be deleted, with all its tags',
      })
    },
    deleteManifest: (digest, ctx) => api.deleteVersion(name, digest, ctx),
  }
}
