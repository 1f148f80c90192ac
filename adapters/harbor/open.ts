/** Opens Harbor: content below `/v2/`, tags and labels by its API, and every refusal told for what it is. */

import { z } from 'zod'
import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { type Descriptor, type Digest, parseDigest } from '../../src/core/descriptor.ts'
import { CredentialError, isNotFound, RegistryError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Registry } from '../../src/core/registry.ts'
import { remembered } from '../../src/core/remembered.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { doing, restated } from '../../src/oci/registry/restate.ts'
import { explainedStore, ifAllowed } from '../explain.ts'
import { findProject, type Harbor, hinted, itemsIn, openHarbor, projectOf, SECURITY } from './api.ts'
import { artifactsUrl, listNamespaces, listRepositories, listTags, projectRules, rulesFor } from './listing.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const base = ociRegistry(registry, tools)
  const harbor = openHarbor(registry, tools)
  const stores = new Map<string, ContentStore>()
  const rules = remembered((project: string, ctx) => projectRules(harbor, project, ctx))
  return {
    ...base,
    async ping(ctx) {
      const { harbor_version } = await harbor.info(ctx)
      if (harbor_version !== undefined) await harbor.checkV2(ctx)
    },
    repository(name) {
      const store = stores.get(name) ?? harborRepository(harbor, name, base.repository(name))
      stores.set(name, store)
      return store
    },
    namespaces: (ctx) => listNamespaces(harbor, ctx),
    ensureNamespace: harbor.ensureProject,
    repositories: (wanted, ctx) => listRepositories(harbor, wanted, ctx),
    listTags: (repository, ctx) => listTags(harbor, repository, ctx),
    async writeRules(repository, ctx) {
      const project = projectOf(repository)
      return rulesFor(repository.slice(project.length + 1), await rules(project, ctx))
    },
    attachLabels: createLabels(harbor),
  }
}

function harborRepository(harbor: Harbor, name: string, plain: ContentStore): ContentStore {
  const store = explainedStore(plain, (error, right, ctx) => harbor.meaning(error, name, right, ctx))
  return {
    ...store,
    async resolve(reference, ctx) {
      try {
        return await store.resolve(reference, ctx)
      } catch (error) {
        if (isNotFound(error)) return undefined
        if (!(error instanceof RegistryError) || error.status !== 412) throw error
        return resolveUnpullable(harbor, name, reference, error, ctx)
      }
    },
    async hasBlob(blob, ctx) {
      try {
        return await store.hasBlob(blob, ctx)
      } catch (error) {
        // The project does not exist.
        if (isNotFound(error)) return false
        throw error
      }
    },
    async writeManifest(manifest, reference, ctx) {
      try {
        await store.writeManifest(manifest, reference, ctx)
      } catch (error) {
        if (missesChild(error)) {
          const { method, path, hint } = error
          const codes = ['MANIFEST_BLOB_UNKNOWN']
          throw new RegistryError(error.message, { status: 400, method, path, codes, hint, cause: error })
        }
        // An immutable tag refuses what it points at already, too.
        if (!isImmutable(error) || (await plain.resolve(reference, ctx))?.digest !== manifest.digest) throw error
      }
    },
    async deleteTag(tag, ctx) {
      // A digest here would delete all its tags.
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      await deleteTag(harbor, name, tag, ctx)
    },
    deletes: async () => 'tag',
  }
}

const ARTIFACT = z.object({ digest: z.string(), manifest_media_type: z.string(), size: z.number().nullish() })

/** What a tag points at in a project that lets only signed or scanned artifacts be pulled: a HEAD is refused (412), the API still tells. */
async function resolveUnpullable(
  harbor: Harbor,
  repository: string,
  reference: string,
  refusal: RegistryError,
  ctx: Context,
): Promise<Descriptor> {
  const request = { url: `${artifactsUrl(repository)}/${reference}` }
  const answer = await ifAllowed(askJson(harbor.http, request, ARTIFACT, `artifact ${repository}:${reference}`, ctx))
  const digest = parseDigest(answer?.value.digest ?? '')
  if (answer && digest) {
    const { manifest_media_type: mediaType } = answer.value
    // The size of the manifest alone is not told.
    return { digest, mediaType, size: 0 }
  }
  const hint = `${SECURITY}; to know what its tags point at, ${await harbor.who()} needs the permission read of artifact`
  throw restated(
    refusal,
    `project ${projectOf(repository)} does not let ${reference} be pulled: ${refusal.message}`,
    hint,
  )
}

/** With distribution 3 behind it, a child that an index lacks is an artifact not found; otherwise, and to the copy, a blob unknown. */
function missesChild(error: unknown): error is RegistryError {
  const isMissing = error instanceof RegistryError && error.status === 404 && error.method === 'PUT'
  return isMissing && /artifact \S+@\S+ not found/.test(error.message)
}

function isImmutable(error: unknown): boolean {
  return error instanceof RegistryError && error.status === 412 && /configured as immutable/.test(error.message)
}

/** Just the tag. Below `/v2/` Harbor deletes by digest alone, and by a tag's artifact would go with all its tags. */
async function deleteTag(harbor: Harbor, repository: string, tag: string, ctx: Context): Promise<void> {
  const url = `${artifactsUrl(repository)}/${tag}/tags/${tag}`
  const request = { method: 'DELETE', url, expect: [200, 404] } as const
  try {
    await (await doing(`delete ${repository}:${tag}`, harbor.http.request(request, ctx))).discard()
  } catch (error) {
    if (error instanceof CredentialError) throw await harbor.meaning(error, repository, 'delete', ctx)
    if (!(error instanceof RegistryError) || error.status !== 403 || hinted(error) !== error) throw hinted(error)
    const hint = `make the user at least Maintainer of project ${projectOf(repository)}, or give the robot account the permission delete of tag`
    throw restated(error, `${await harbor.who()} ${error.message}`, hint)
  }
}

const LABEL = z.object({ id: z.number(), name: z.string() })
const numberOf = ({ id }: z.infer<typeof LABEL>): number => id

/** Finds labels in the project or among the global ones, creates in the project those that are missing, and attaches them to an artifact.
 *  Without permission there is one warning for each project, and the artifact stays without. */
function createLabels(harbor: Harbor): NonNullable<Adapter['attachLabels']> {
  const projects = remembered((project: string, ctx) => labelsOf(harbor, project, ctx))
  const refused = new Set<string>()

  async function attach(repository: string, digest: Digest, label: string, ctx: Context): Promise<void> {
    const number = await (await projects(projectOf(repository), ctx))(label, ctx)
    const url = `${artifactsUrl(repository)}/${digest}/labels`
    await post(harbor, url, { id: number }, `attach label ${label} to ${repository}@${digest}`, ctx)
  }

  return async (repository, digest, labels, ctx) => {
    const project = projectOf(repository)
    try {
      for (const label of labels) if (!refused.has(project)) await attach(repository, digest, label, ctx)
    } catch (error) {
      const isRefusal = error instanceof RegistryError && error.status === 403
      if (!isRefusal && !(error instanceof CredentialError)) throw error
      if (refused.has(project)) return
      refused.add(project)
      const text = `labels are not attached in project ${project}, since ${await harbor.who()} may not: ${error.message}; a robot account needs list and create of label, and create of artifact label`
      ctx.emit({ type: 'log', level: 'warning', text })
    }
  }
}

/** The number of a label in a project; those of the project come before global ones. */
async function labelsOf(harbor: Harbor, project: string, ctx: Context) {
  const found = await findProject(harbor, project, ctx)
  if (!found) {
    const details = { status: 403, method: 'GET', path: '/api/v2.0/projects' }
    throw new RegistryError(`project ${project} is not shown`, details)
  }
  const known = new Map<string, number>()
  for (const scope of ['scope=g', `scope=p&project_id=${found.id}`]) {
    const list = { url: `/api/v2.0/labels?${scope}`, form: LABEL, key: numberOf, what: `labels of ${project}` }
    for await (const { id, name } of itemsIn(harbor, list, ctx)) known.set(name, id)
  }
  return remembered(
    async (name: string, asked) => known.get(name) ?? (await createLabel(harbor, name, found.id, asked)),
  )
}

/** In the project: that needs less permission than a global one. */
async function createLabel(harbor: Harbor, name: string, project: number, ctx: Context): Promise<number> {
  await post(harbor, '/api/v2.0/labels', { name, scope: 'p', project_id: project }, `create label ${name}`, ctx)
  const query = new URLSearchParams({ scope: 'p', project_id: String(project), name })
  const what = `label ${name}`
  const list = { url: `/api/v2.0/labels?${query}`, form: LABEL, key: numberOf, what }
  for await (const label of itemsIn(harbor, list, ctx)) if (label.name === name) return label.id
  throw new RegistryError(`${what} is not there after it was created`, { status: 404, method: 'GET', path: list.url })
}

/** 409: it exists, or is attached, already. */
async function post(harbor: Harbor, url: string, body: unknown, what: string, ctx: Context): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(body))
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', url, headers, body: bytes, expect: [200, 201, 409] } as const
  await (await doing(what, harbor.http.request(request, ctx))).discard()
}
