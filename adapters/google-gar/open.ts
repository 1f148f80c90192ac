/** Opens Google Artifact Registry: content from the registry, repositories and what they refuse by the API. */

import { z } from 'zod'
import type { Adapter, AdapterTools, WriteRules } from '../../src/core/adapter.ts'
import { sleep } from '../../src/core/cancel.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, NetworkError, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { explained, explainedStore, ifAllowed } from '../explain.ts'
import { tagsAt } from '../told.ts'
import {
  type Gar,
  hinted,
  isRefusal,
  locationPath,
  openGar,
  partsOf,
  pathOf,
  permissionHint,
  type RepositoryFacts,
  repositoryPath,
  UPLOAD,
} from './api.ts'
import { listRepositories, listTags, repositoriesOf } from './listing.ts'
import { pushTokens } from './push-token.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    // Chunks are not supported, nor is there an upload to ask for its offset: docs/reference/docker-api
    upload: { strategy: 'put', status: 'none' },
    deleteAction: 'pull,push',
  })
  const gar = openGar(registry, tools)
  return {
    ...adapter,
    async ping(ctx) {
      try {
        await adapter.ping(ctx)
      } catch (error) {
        // Anonymous access may pull what is public: only a repository tells.
        if (!(error instanceof CredentialError) || !error.missing) throw error
      }
    },
    repository: (name) => garRepository(adapter.repository(name), name, gar),
    namespaces: (ctx) => listNamespaces(gar, ctx),
    ensureNamespace: (namespace, { public: isPublic }, ctx) => ensureRepository(namespace, isPublic, gar, ctx),
    repositories: (wanted, ctx) => listRepositories(wanted, gar, ctx),
    listTags: (name, ctx) => listTags(name, gar, ctx),
    writeRules: (name, ctx) => writeRules(name, gar, ctx),
    ...pushTokens(registry, tools),
  }
}

/** An image: its tags go before their manifest. */
function garRepository(store: ContentStore, name: string, gar: Gar): ContentStore {
  const { project, repository } = partsOf(name, gar.place)
  const own: ContentStore = {
    ...store,
    async *tags(ctx) {
      for await (const info of listTags(name, gar, ctx)) {
        if (typeof info === 'string') yield info
        else if (info.tag !== undefined) yield info.tag
      }
    },
    async writeManifest(manifest, reference, ctx) {
      try {
        await store.writeManifest(manifest, reference, ctx)
      } catch (error) {
        // An immutable tag refuses what it points at already, too.
        const isImmutable = error instanceof RegistryError && /immutab|FAILED_PRECONDITION/i.test(error.message)
        if (!isImmutable || (await store.resolve(reference, ctx))?.digest !== manifest.digest) throw error
      }
    },
    async deletes(ctx) {
      if (repository === undefined || gar.place.location === undefined) return 'tag'
      const facts = await ifAllowed(gar.find(repositoryPath(project, repository, gar.place), ctx))
      return facts?.dockerConfig?.immutableTags ? 'nothing' : 'tag'
    },
    // While a tag names it, it cannot go: GOOGLE_MANIFEST_DANGLING_TAG.
    async deleteManifest(digest, ctx) {
      for (const tag of await tagsAt(digest, listTags(name, gar, ctx), store, ctx)) await store.deleteTag?.(tag, ctx)
      await store.deleteManifest?.(digest, ctx)
    },
  }
  return explainedStore(own, hinted)
}

/** The repositories of the one project that is known. */
async function* listNamespaces(gar: Gar, ctx: Context): AsyncIterable<string> {
  const project = await gar.project()
  if (project === undefined || gar.place.location === undefined) {
    throw new UnsupportedError(`registry ${gar.name}: project or location of its repositories is not known`, {
      hint: 'set the options `project` and `location`',
    })
  }
  for (const repository of await repositoriesOf(project, gar, ctx)) yield pathOf(project, repository, gar.place)
}

/** Nothing where the repository does not exist yet, or the account may not ask. Asks once for all images of a repository. */
async function writeRules(name: string, gar: Gar, ctx: Context): Promise<WriteRules> {
  const { project, repository, image } = partsOf(name, gar.place)
  if (repository === undefined || image === undefined) {
    const hint = 'set destination.namespace to PROJECT/REPOSITORY'
    return { refused: { reason: `${name} is too short: a name is PROJECT/REPOSITORY/IMAGE`, hint } }
  }
  if (gar.place.location === undefined) return {}
  const path = repositoryPath(project, repository, gar.place)
  const found = await ifAllowed(gar.find(path, ctx))
  if (!found) return {}
  const objection = objectionTo(found)
  if (objection) return { refused: objection }
  if ((await ifAllowed(gar.mayPush(path, ctx))) === false) {
    const reason = `the account may not push to ${project}/${repository}`
    return { refused: { reason, hint: permissionHint(UPLOAD) } }
  }
  if (!found.dockerConfig?.immutableTags) return {}
  return { immutable: (tag) => `tag ${tag} is immutable, as all tags of repository ${repository} are` }
}

/** Why nothing can be pushed to it. */
function objectionTo({ name, format, mode }: RepositoryFacts): WriteRules['refused'] {
  const hint = 'choose another repository: destination.namespace'
  if ((format ?? 'DOCKER') !== 'DOCKER') return { reason: `${name} holds no images: its format is ${format}`, hint }
  if ((mode ?? 'STANDARD_REPOSITORY') === 'STANDARD_REPOSITORY') return undefined
  const kind = mode === 'REMOTE_REPOSITORY' ? 'a cache of another registry' : 'virtual'
  return { reason: `${name} is ${kind}: nothing can be pushed to it`, hint }
}

const IDENTIFIER = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/

/** Idempotent. Nothing is done at gcr.io, where a push creates it, and where the API cannot be asked. */
async function ensureRepository(namespace: string, isPublic: boolean, gar: Gar, ctx: Context): Promise<void> {
  const { place } = gar
  const { project, repository } = partsOf(namespace, place)
  if (place.fixed !== undefined || place.location === undefined) return
  const hint = 'set destination.namespace to PROJECT/REPOSITORY'
  if (repository === undefined) {
    throw new UnsupportedError(`${namespace} is not a namespace of Artifact Registry: it is PROJECT/REPOSITORY`, {
      hint,
    })
  }
  const path = repositoryPath(project, repository, place)
  let known: RepositoryFacts | undefined
  try {
    known = await gar.find(path, ctx)
  } catch (error) {
    // An account that may push need not be allowed to look: then the push tells.
    if (!isRefusal(error)) throw error
    const text = `Artifact Registry does not tell its repositories: ${error.message}`
    ctx.emit({ type: 'log', level: 'debug', text })
    return
  }
  const objection = known && objectionTo(known)
  if (objection) throw new UnsupportedError(objection.reason, { hint: objection.hint })
  if (known) return
  if (!IDENTIFIER.test(repository)) {
    const message = `${repository} cannot be a repository of Artifact Registry: lower case, digits and dashes`
    throw new UnsupportedError(message, { hint: `${hint} with an allowed name` })
  }
  await create(project, repository, gar, ctx)
  gar.forget(path)
  if (!isPublic) return
  const text = `${namespace} was created, but is not public: grant allUsers roles/artifactregistry.reader on it`
  ctx.emit({ type: 'log', level: 'warning', text })
}

const OPERATION = z.looseObject({
  name: z.string(),
  done: z.boolean().nullish(),
  error: z.looseObject({ message: z.string().nullish() }).nullish(),
})

async function create(project: string, repository: string, gar: Gar, ctx: Context): Promise<void> {
  const path = locationPath(project, gar.place)
  const url = `${path}?${new URLSearchParams({ repositoryId: repository })}`
  const body = Buffer.from(JSON.stringify({ format: 'DOCKER', mode: 'STANDARD_REPOSITORY' }))
  const headers = { 'content-type': 'application/json' }
  const what = `repository ${project}/${repository}`
  try {
    const { value } = await askJson(gar.api(), { method: 'POST', url, headers, body }, OPERATION, what, ctx)
    await finished(value, gar, what, ctx)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    if (error.status === 409) return
    const hint =
      error.status === 403
        ? `grant the account roles/artifactregistry.admin (artifactregistry.repositories.create), or create it: gcloud artifacts repositories create ${repository} --repository-format=docker --project=${project} --location=${gar.place.location}`
        : error.hint
    throw restated(error, `cannot create the ${what}: ${error.message}`, hint)
  }
}

/** Milliseconds: between the first looks, at most between two, and altogether. */
const FIRST_LOOK = 100
const LONGEST_PAUSE = 2000
const PATIENCE = 60_000

async function finished(begun: z.infer<typeof OPERATION>, gar: Gar, what: string, ctx: Context): Promise<void> {
  let operation = begun
  let waited = 0
  for (let pause = FIRST_LOOK; !operation.done; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
    if (waited > PATIENCE) throw new NetworkError(`the ${what} was not created within ${PATIENCE / 1000} s`)
    await sleep(pause, ctx.signal)
    waited += pause
    const url = `/v1/${operation.name}`
    operation = (await explained(askJson(gar.api(), { url }, OPERATION, what, ctx), hinted)).value
  }
  if (!operation.error) return
  const message = operation.error.message ?? 'without a reason'
  throw new RegistryError(message, { status: 200, method: 'GET', path: `/v1/${operation.name}` })
}
