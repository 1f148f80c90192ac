/** The fake Harbor's repositories and artifacts: listed newest first unless sorted, children and accessories hidden, tags deleted alone. */

import type { Digest } from '../../src/core/descriptor.ts'
import { referencesOf } from '../support/memory-manifests.ts'
import type { MemoryRepository, Reply } from '../support/memory-registry.ts'
import { json } from '../support/memory-reply.ts'
import { type Ask, shownLabel } from './harbor-api.ts'
import { immutableRule } from './harbor-immutable.ts'
import { listed } from './harbor-pages.ts'
import { type HarborState, type Project, refused } from './harbor-state.ts'

type Needs = (right: string) => Project

/** Below `/projects/P/repositories`. */
export function answerArtifacts(
  ask: Ask,
  given: string,
  project: Project | undefined,
  needs: Needs,
  [escaped, kind, reference, action, name]: readonly string[],
): Reply {
  const { state, method } = ask
  if (escaped === undefined) {
    const { name: own } = needs('repository:list')
    const names = [...state.content.repositories.keys()].filter((it) => it.startsWith(`${own}/`))
    return listed(
      ask,
      names,
      (it) => it,
      (it) => ({ id: names.indexOf(it) + 1, name: it }),
    )
  }
  // The web server before Harbor undoes one escape: what was escaped once is an unknown path.
  const path = decodeURIComponent(escaped)
  if (path.includes('/') || kind !== 'artifacts')
    throw refused(404, 'NOT_FOUND', `path ${ask.url.pathname} was not found`)
  const repository = `${given}/${decodeURIComponent(path)}`
  const content = state.content.repositories.get(repository)
  if (reference === undefined) {
    // A project that is not there is, for the admin, one without artifacts.
    if (project || !ask.account?.admin) needs('artifact:list')
    return list(ask, repository, project?.registry === undefined ? content : undefined)
  }
  needs(method === 'GET' ? 'artifact:read' : method === 'DELETE' ? 'tag:delete' : 'artifact-label:create')
  const digest = content?.tags.get(reference) ?? (content?.manifests.has(reference as Digest) ? reference : undefined)
  if (!content || digest === undefined) {
    throw refused(
      404,
      'NOT_FOUND',
      `artifact ${repository}${reference.includes(':') ? '@' : ':'}${reference} not found`,
    )
  }
  if (action === 'tags' && method === 'DELETE' && name !== undefined) {
    if (content.tags.get(name) !== digest) throw refused(404, 'NOT_FOUND', `tag ${name} not found`)
    if (project && immutableRule(project, repository, name)) {
      throw refused(412, 'PRECONDITION', `the tag ${name} configured as immutable, cannot be deleted`)
    }
    content.tags.delete(name)
    return { status: 200 }
  }
  if (action === undefined && method === 'GET') {
    const mediaType = content.manifests.get(digest as Digest)?.mediaType
    return json(200, {
      id: known(state, `${repository}@${digest}`).id,
      digest,
      manifest_media_type: mediaType,
      size: 1234,
    })
  }
  if (action === 'labels' && method === 'POST') return attach(ask, `${repository}@${digest}`)
  throw refused(404, 'NOT_FOUND', `path ${ask.url.pathname} was not found`)
}

function attach({ body, state }: Ask, key: string): Reply {
  const id = Number(body.id ?? 0)
  if (!state.labels.some((label) => label.id === id)) throw refused(404, 'NOT_FOUND', `label ${id} not found`)
  const known = state.attached.get(key) ?? new Set()
  if (known.has(id)) throw refused(409, 'CONFLICT', `label ${id} is already added to the artifact`)
  state.attached.set(key, known.add(id))
  return { status: 200 }
}

function list(ask: Ask, repository: string, content: MemoryRepository | undefined): Reply {
  const { query, state } = ask
  if (!content) return json(200, [], { 'x-total-count': '0' })
  const hidden = hiddenIn(content)
  const tags = new Map<string, string[]>()
  for (const [tag, digest] of content.tags) tags.set(digest, [...(tags.get(digest) ?? []), tag])
  const shown = [...content.manifests.keys()].filter(
    (digest) => hidden.get(digest) !== 'always' && (tags.has(digest) || !hidden.has(digest)),
  )
  if (query.get('sort') !== 'id') shown.reverse()
  return listed(
    ask,
    shown,
    (digest) => digest,
    (digest) => {
      const key = `${repository}@${digest}`
      const { id, time } = known(state, key)
      const labels = [...(state.attached.get(key) ?? [])].flatMap((number) =>
        state.labels.filter((it) => it.id === number),
      )
      const names = query.get('with_tag') === 'false' ? [] : (tags.get(digest) ?? [])
      return {
        id,
        digest,
        manifest_media_type: content.manifests.get(digest)?.mediaType,
        push_time: time,
        size: 1234,
        // What is empty is null.
        tags: names.length === 0 ? null : names.map((name) => ({ name, push_time: time, immutable: false })),
        labels: query.get('with_label') === 'true' && labels.length > 0 ? labels.map(shownLabel) : null,
      }
    },
  )
}

function known(state: HarborState, key: string): { readonly id: number; readonly time: string } {
  const found = state.artifacts.get(key) ?? { id: state.next(), time: new Date(1_767_323_045_000).toISOString() }
  state.artifacts.set(key, found)
  return found
}

/** Children of indexes unless they have a tag; what has a subject, or is cosign's, always. */
function hiddenIn({ manifests, tags }: MemoryRepository): ReadonlyMap<string, 'always' | 'untagged'> {
  const hidden = new Map<string, 'always' | 'untagged'>()
  for (const [digest, { mediaType, bytes }] of manifests) {
    const { manifests: children, subject } = referencesOf(mediaType, bytes)
    for (const child of children) if (!hidden.has(child)) hidden.set(child, 'untagged')
    if (subject !== undefined) hidden.set(digest, 'always')
  }
  for (const [tag, digest] of tags) if (/^sha256-[0-9a-f]{64}\.sig$/.test(tag)) hidden.set(digest, 'always')
  return hidden
}
