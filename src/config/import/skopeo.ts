/** The YAML of `skopeo sync --src yaml`: images by registry. Where to, its command line says. */

import { z } from 'zod'
import { parseDigest } from '../../core/descriptor.ts'
import { pinnedTag } from '../../core/pinned-tag.ts'
import { isTag } from '../../core/reference.ts'
import type { ConfigurationFile } from '../source.ts'
import { addCopies, type Pick, type Side, takesAll } from './copies.ts'
import { type Draft, type EntryPath, literal } from './draft.ts'
import { wholeExpressions } from './expressions.ts'
import { below, type Origin, readForeign } from './foreign.ts'
import { knownHost, parseImageName, repositoryAt } from './image-name.ts'
import { namedTarget } from './target.ts'
import { withoutVerification } from './tls.ts'
import { noteUnknown } from './unknown.ts'
import { truth } from './values.ts'
import { rangeIn } from './versions.ts'

const registry = z.strictObject({
  images: z
    .record(z.string(), z.union([z.literal('').transform((): string[] => []), z.array(z.string())]))
    .exactOptional(),
  'images-by-tag-regex': z.record(z.string(), z.string()).exactOptional(),
  'images-by-semver': z.record(z.string(), z.string()).exactOptional(),
  credentials: z.strictObject({ username: z.string().default(''), password: z.string().default('') }).exactOptional(),
  'tls-verify': truth.exactOptional(),
  'cert-dir': z.string().exactOptional(),
})

type Registry = z.output<typeof registry>

export interface SkopeoTarget {
  /** `REGISTRY[/NAMESPACE]`. */
  readonly to: string | undefined
  /** Repositories keep their whole names, below that of their registry. */
  readonly scoped: boolean
}

export function importSkopeo(file: ConfigurationFile, target: SkopeoTarget, draft: Draft, cwd: string): void {
  const { host, namespace } = namedTarget(target.to, 'skopeo has the destination on its command line', cwd)
  const foreign = readForeign(file, z.record(z.string(), registry), { format: 'skopeo', cwd, dropEmpty: false })
  noteUnknown(draft, foreign)
  const { origin } = foreign
  const to: Landing = { registry: draft.registry(host, origin), namespace, scoped: target.scoped }
  const made = Object.entries(foreign.data).flatMap(([name, entry]) => {
    defineRegistry(draft, name, entry, below(origin, name))
    return addImages(draft, name, entry, to, below(origin, name))
  })
  if (made.length === 0) return
  const message = 'without `--all` skopeo copies only the platform it runs on; here all are copied'
  draft.note(origin, message, 'where one is meant write `platforms: [linux/amd64]` into `filters`')
}

interface Landing {
  readonly registry: string
  readonly namespace: readonly string[]
  readonly scoped: boolean
}

function defineRegistry(draft: Draft, name: string, entry: Registry, at: Origin): void {
  const host = knownHost(name)
  const given = draft.nameFor(host)
  const body = {
    ...(entry['tls-verify'] === false ? withoutVerification(draft, host, given, below(at, 'tls-verify')) : {}),
    ...(entry.credentials?.username
      ? {
          credential: draft.credential(
            given,
            literal(entry.credentials.username),
            { in: 'file' },
            below(at, 'credentials'),
          ),
        }
      : {}),
  }
  if (Object.keys(body).length > 0) draft.define(host, host, body, at)
  if (entry['cert-dir'] === undefined) return
  const hint = `name what is in it: \`ca\`, \`client_cert\`, \`client_key\`, such as \`ca: ${entry['cert-dir'].replace(/\/$/, '')}/ca.crt\``
  draft.note(below(at, 'cert-dir'), 'a directory of certificates has no counterpart', hint)
}

function addImages(draft: Draft, name: string, entry: Registry, to: Landing, at: Origin): readonly EntryPath[] {
  const add = (
    section: 'images' | 'images-by-tag-regex' | 'images-by-semver',
    path: string,
    picks: readonly Pick[],
  ): readonly EntryPath[] =>
    picks.flatMap((pick) => addImage(draft, { host: knownHost(name), path }, pick, to, below(at, section, path)))
  return [
    ...Object.entries(entry.images ?? {}).flatMap(([path, references]) =>
      add('images', path, picksOf(draft, references, below(at, 'images', path))),
    ),
    ...Object.entries(entry['images-by-tag-regex'] ?? {}).flatMap(([path, expression]) =>
      add('images-by-tag-regex', path, expressionPicks(draft, expression, below(at, 'images-by-tag-regex', path))),
    ),
    ...Object.entries(entry['images-by-semver'] ?? {}).flatMap(([path, range]) =>
      add('images-by-semver', path, rangePicks(draft, range, below(at, 'images-by-semver', path))),
    ),
  ]
}

function picksOf(draft: Draft, references: readonly string[], at: Origin): readonly Pick[] {
  if (references.length === 0) return [{}]
  const tags = references.filter(isTag)
  const digests = references.filter((reference) => parseDigest(reference))
  const pinned = references.flatMap((reference) => pinnedTag(reference) ?? [])
  for (const [index, reference] of references.entries()) {
    if (tags.includes(reference) || digests.includes(reference) || pinnedTag(reference)) continue
    const message = `\`${literal(reference)}\` is neither a tag nor a digest`
    draft.leaveOut(below(at, index), message, 'correct it, and import again')
  }
  return [
    ...(tags.length > 0 ? [{ tags }] : []),
    ...pinned.map(({ tag, digest }) => ({ tags: [tag], digest })),
    ...digests.map((digest) => ({ digest })),
  ]
}

function expressionPicks(draft: Draft, expression: string, at: Origin): readonly Pick[] {
  const tag = wholeExpressions(draft, [{ expression, origin: at }])
  return tag.length > 0 ? [{ regex: { tag } }] : []
}

function rangePicks(draft: Draft, text: string, at: Origin): readonly Pick[] {
  const range = rangeIn(draft, text, at, 'skopeo')
  return range === undefined ? [] : [{ semver: range }]
}

function addImage(
  draft: Draft,
  image: { readonly host: string; readonly path: string },
  pick: Pick,
  to: Landing,
  at: Origin,
): readonly EntryPath[] {
  const path = repositoryAt(image.host, image.path)
  if (parseImageName(`${image.host}/${path}`)?.path !== path) {
    draft.leaveOut(at, `\`${literal(image.path)}\` does not name a repository`, 'correct it, and import again')
    return []
  }
  const from: Side = { registry: draft.registry(image.host, at), path }
  const name = path.split('/').at(-1) ?? path
  const scope = to.scoped ? [image.host, ...path.split('/').slice(0, -1)] : []
  if (to.scoped && image.host.includes(':')) {
    draft.leaveOut(
      at,
      `with --scoped the name would have a port: ${image.host}`,
      `use: replicate copy ${image.host}/${path} ${[to.registry, ...to.namespace].join('/')}/`,
    )
    return []
  }
  const target = [...to.namespace, ...scope, name].join('/')
  const made = addCopies(draft, {
    origin: at,
    name,
    from,
    to: { registry: to.registry, path: target },
    picks: [pick],
    body: takesAll(pick) ? {} : { referrers: false },
  })
  if (made.length > 0 && takesAll(pick)) noteReferrers(draft, at)
  return made
}

/** For policies that copy all tags: other tools copy the tags of signatures among them, but not the referrers of the registry's API. */
export function noteReferrers(draft: Draft, at: Origin): void {
  const message = 'where all tags are taken signatures travel with their image, and with them what else refers to it'
  draft.noteOnce(at, message, '`referrers: false` in a policy leaves all of it behind')
}
