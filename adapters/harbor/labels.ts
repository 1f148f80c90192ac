/** Labels: found in the project or among the global ones, created in the project where they are missing, and attached to artifacts. */

import { z } from 'zod'
import type { Context } from '../../src/core/context.ts'
import type { Digest } from '../../src/core/descriptor.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import { doing } from '../../src/oci/registry/restate.ts'
import { type Harbor, projectOf } from './harbor.ts'
import { artifactsUrl } from './listing.ts'
import { itemsIn } from './pages.ts'
import { findProject } from './projects.ts'

export interface Labels {
  /** Idempotent. Without permission there is one warning for each project, and the artifact stays without. */
  attach(repository: string, digest: Digest, labels: readonly string[], ctx: Context): Promise<void>
}

const LABEL = z.object({ id: z.number(), name: z.string() })

/** A name's number in a project; those of the project come before global ones. */
type Numbers = Map<string, Promise<number>>

export function createLabels(harbor: Harbor): Labels {
  const projects = new Map<string, Promise<{ readonly id: number; readonly numbers: Numbers }>>()
  const refused = new Set<string>()

  /** What is remembered is what went well. */
  function once<K, V>(known: Map<K, Promise<V>>, key: K, find: () => Promise<V>): Promise<V> {
    const kept = known.get(key) ?? find()
    known.set(key, kept)
    kept.catch(() => known.delete(key))
    return kept
  }

  async function attachOne(repository: string, digest: Digest, label: string, ctx: Context): Promise<void> {
    const project = projectOf(repository)
    const { id, numbers } = await once(projects, project, () => labelsOf(harbor, project, ctx))
    const number = await once(numbers, label, () => createLabel(harbor, label, id, ctx))
    const url = `${artifactsUrl(repository)}/${digest}/labels`
    await post(harbor, url, { id: number }, `attach label ${label} to ${repository}@${digest}`, ctx)
  }

  return {
    async attach(repository, digest, labels, ctx) {
      const project = projectOf(repository)
      try {
        for (const label of labels) if (!refused.has(project)) await attachOne(repository, digest, label, ctx)
      } catch (error) {
        const isRefusal = error instanceof RegistryError && error.status === 403
        if (!isRefusal && !(error instanceof CredentialError)) throw error
        if (refused.has(project)) return
        refused.add(project)
        const text = `labels are not attached in project ${project}, since ${await harbor.who()} may not: ${error.message}; a robot account needs list and create of label, and create of artifact label`
        ctx.emit({ type: 'log', level: 'warning', text })
      }
    },
  }
}

async function labelsOf(harbor: Harbor, project: string, ctx: Context) {
  const found = await findProject(harbor, project, ctx)
  if (!found) {
    const details = { status: 403, method: 'GET', path: '/api/v2.0/projects' }
    throw new RegistryError(`project ${project} is not shown`, details)
  }
  const numbers: Numbers = new Map()
  for (const scope of [`scope=g`, `scope=p&project_id=${found.id}`]) {
    const url = `/api/v2.0/labels?${scope}`
    const list = {
      http: harbor.http,
      url,
      form: LABEL,
      key: (it: { id: number }) => it.id,
      what: `labels of ${project}`,
    }
    for await (const { id, name } of itemsIn(list, ctx)) numbers.set(name, Promise.resolve(id))
  }
  return { id: found.id, numbers }
}

/** In the project: that needs less permission than a global one. */
async function createLabel(harbor: Harbor, name: string, project: number, ctx: Context): Promise<number> {
  await post(harbor, '/api/v2.0/labels', { name, scope: 'p', project_id: project }, `create label ${name}`, ctx)
  const query = new URLSearchParams({ scope: 'p', project_id: String(project), name })
  const what = `label ${name}`
  const list = {
    http: harbor.http,
    url: `/api/v2.0/labels?${query}`,
    form: LABEL,
    key: (it: { id: number }) => it.id,
    what,
  }
  for await (const label of itemsIn(list, ctx)) if (label.name === name) return label.id
  throw new RegistryError(`${what} is not there after it was created`, { status: 404, method: 'GET', path: list.url })
}

/** 409 says that it is so already. */
async function post(harbor: Harbor, url: string, body: unknown, what: string, ctx: Context): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(body))
  const headers = { 'content-type': 'application/json' }
  const request = { method: 'POST', url, headers, body: bytes, expect: [200, 201, 409] } as const
  const response = await doing(what, harbor.http.request(request, ctx))
  await response.discard()
}
