/** index.json of an OCI layout: which repositories and tags it names, and how entries are put in and taken out. */

import { type Descriptor, parseDigest } from '../../core/descriptor.ts'
import { IntegrityError, messageOf, UnsupportedError } from '../../core/errors.ts'
import { parseJson } from '../../core/foreign.ts'
import { descriptorFrom, isManifestType, OCI_INDEX } from '../../core/manifest.ts'
import { isRepositoryName, isTag } from '../../core/reference.ts'

/** The document as it was read; what nobody knows is kept when it is written again. */
export interface LayoutIndex {
  readonly json: Readonly<Record<string, unknown>>
  readonly manifests: readonly unknown[]
}

/** Turns one state of the index into the next, under the layout's lock. The same object means: nothing to write.
 *  May be called again on a newer state. */
export type IndexChange = (index: LayoutIndex) => LayoutIndex | Promise<LayoutIndex>

/** To which repository the entries belong that name none. */
export interface Naming {
  readonly plain: string
  /** The layout is one repository's own: every entry belongs to `plain`, whatever it names. */
  readonly only: boolean
}

/** An entry of a manifest's type; its descriptor is checked when it is used. */
export interface Entry {
  readonly raw: object
  readonly mediaType: string
  readonly digest: string
  /** Absent where the entry names none. */
  readonly repository: string | undefined
  readonly tag: string | undefined
}

interface RepositoryView {
  readonly entries: readonly Entry[]
  readonly tags: ReadonlyMap<string, readonly Entry[]>
}

export const REF_NAME = 'org.opencontainers.image.ref.name'
export const IMAGE_NAME = 'io.containerd.image.name'
/** Keeps an untagged entry in its repository, and names a repository that `IMAGE_NAME` would not give back. */
export const OWN_REPOSITORY = 'io.replicate.repository'

export const EMPTY_INDEX: LayoutIndex = { json: { schemaVersion: 2, mediaType: OCI_INDEX }, manifests: [] }

/** The index in `bytes`, read from `file`. `manifests` may be null or absent, as some tools write it. */
export function parseIndex(bytes: Uint8Array, file: string): LayoutIndex {
  const json = parseObject(bytes, file)
  const manifests = json.manifests ?? []
  if (!Array.isArray(manifests)) throw new IntegrityError(`${file} is malformed: manifests is not a list`)
  return { json, manifests }
}

/** Ends with a newline, two spaces deep: people read it. */
export function formatIndex(index: LayoutIndex): Uint8Array {
  const { schemaVersion, mediaType, manifests: _, ...rest } = index.json
  const json = {
    schemaVersion: schemaVersion ?? 2,
    mediaType: mediaType ?? OCI_INDEX,
    manifests: index.manifests,
    ...rest,
  }
  return Buffer.from(`${JSON.stringify(json, undefined, 2)}\n`)
}

/** A JSON object from a file of a layout; throws an `IntegrityError` that does not quote the file. */
export function parseObject(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parseJson(bytes)
  } catch (cause) {
    throw new IntegrityError(`${file} is malformed: ${messageOf(cause)}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new IntegrityError(`${file} is malformed: not a JSON object`)
  }
  return value as Record<string, unknown>
}

/** The names of all repositories, sorted. Entries without any name make one only where there is no other. */
export function repositoriesIn(index: LayoutIndex, naming: Naming): readonly string[] {
  const all = [...viewOf(index, naming)]
  const named = all.filter(([, { entries }]) => !entries.every(isLoose))
  return (named.length > 0 ? named : all).map(([name]) => name).sort()
}

export function repositoryIn(index: LayoutIndex, naming: Naming, repository: string): RepositoryView | undefined {
  return viewOf(index, naming).get(repository)
}

/** Every entry that is a manifest, in the index's order. */
export function entriesOf(index: LayoutIndex): readonly Entry[] {
  return index.manifests.flatMap((raw) => entryOf(raw) ?? [])
}

/** The entry of a tag, or undefined. Throws where the tag names two different manifests: neither can be trusted. */
export function findTag(index: LayoutIndex, naming: Naming, repository: string, tag: string): Entry | undefined {
  const [first, ...others] = repositoryIn(index, naming, repository)?.tags.get(tag) ?? []
  const other = others.find((entry) => entry.digest !== first?.digest)
  if (first && other) {
    throw new IntegrityError(
      `index.json is ambiguous: ${repository}:${tag} names both ${first.digest} and ${other.digest}`,
      { hint: 'remove one of the two entries, or write the tag anew' },
    )
  }
  return first
}

/** True where the entry belongs to the repository. */
export function isOf(entry: Entry, naming: Naming, repository: string): boolean {
  return (naming.only ? naming.plain : (entry.repository ?? naming.plain)) === repository
}

/** True for an entry that names neither repository nor tag, as some tools write referrers: it may belong to any. */
export function isLoose(entry: Entry): boolean {
  return entry.repository === undefined && entry.tag === undefined
}

/** The checked descriptor of an entry, without the annotations that only the index gave it. */
export function descriptorOfEntry(entry: Entry): Descriptor {
  const { mediaType, digest, size, artifactType } = descriptorFrom(entry.raw, 'index.json')
  return { mediaType, digest, size, ...(artifactType === undefined ? {} : { artifactType }) }
}

/** Points the tag at `descriptor`: its first entry is replaced where it stands, further ones go. */
export function setTag(
  index: LayoutIndex,
  naming: Naming,
  repository: string,
  tag: string,
  descriptor: Descriptor,
): LayoutIndex {
  const view = repositoryIn(index, naming, repository)
  const old = view?.tags.get(tag) ?? []
  const untagged = view?.entries.filter((entry) => !entry.tag && entry.digest === descriptor.digest) ?? []
  if (old.length === 1 && old[0]?.digest === descriptor.digest && untagged.length === 0) return index
  const keep = old.find((entry) => entry.digest === descriptor.digest)?.raw ?? newEntry(descriptor, repository, tag)
  const gone = new Set<unknown>([...old, ...untagged].map((entry) => entry.raw))
  const first = old[0]?.raw
  const manifests = index.manifests.flatMap((raw) => (raw === first ? [keep] : gone.has(raw) ? [] : [raw]))
  return { ...index, manifests: first ? manifests : [...manifests, keep] }
}

/** Adds an entry without a tag, unless the repository has the manifest already. */
export function addUntagged(
  index: LayoutIndex,
  naming: Naming,
  repository: string,
  descriptor: Descriptor,
): LayoutIndex {
  const known = repositoryIn(index, naming, repository)?.entries.some((entry) => entry.digest === descriptor.digest)
  return known ? index : { ...index, manifests: [...index.manifests, newEntry(descriptor, repository, undefined)] }
}

/** Takes out the repository's entries that `unwanted` says. */
export function dropEntries(
  index: LayoutIndex,
  naming: Naming,
  repository: string,
  unwanted: (entry: Entry) => boolean,
): LayoutIndex {
  const gone = new Set<unknown>(
    repositoryIn(index, naming, repository)
      ?.entries.filter(unwanted)
      .map((entry) => entry.raw),
  )
  return gone.size === 0 ? index : { ...index, manifests: index.manifests.filter((raw) => !gone.has(raw)) }
}

/** The same entries in an order that depends on nothing but them. */
export function sortedIndex(index: LayoutIndex): LayoutIndex {
  const key = (raw: unknown): string => {
    const entry = entryOf(raw)
    return entry ? `1 ${entry.repository ?? ''} ${entry.tag ?? '~'} ${entry.digest}` : '2'
  }
  const keyed = index.manifests.map((raw) => ({ raw, key: key(raw) }))
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  return { ...index, manifests: keyed.map(({ raw }) => raw) }
}

const views = new WeakMap<LayoutIndex, ReadonlyMap<string, RepositoryView>>()

function viewOf(index: LayoutIndex, naming: Naming): ReadonlyMap<string, RepositoryView> {
  const known = views.get(index)
  if (known) return known
  const view = new Map<string, { entries: Entry[]; tags: Map<string, Entry[]> }>()
  for (const entry of entriesOf(index)) {
    const name = naming.only ? naming.plain : (entry.repository ?? naming.plain)
    const repository = view.get(name) ?? { entries: [], tags: new Map<string, Entry[]>() }
    view.set(name, repository)
    repository.entries.push(entry)
    if (entry.tag === undefined) continue
    const same = repository.tags.get(entry.tag)
    if (same) same.push(entry)
    else repository.tags.set(entry.tag, [entry])
  }
  views.set(index, view)
  return view
}

/** Entries keep their identity from one state of the index to the next, so each is looked at once. */
const entries = new WeakMap<object, Entry>()

function entryOf(raw: unknown): Entry | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const known = entries.get(raw)
  if (known) return known
  const { mediaType, digest, annotations } = raw as Record<string, unknown>
  // Other types are allowed in an index, and none of our business.
  if (typeof mediaType !== 'string' || !isManifestType(mediaType)) return undefined
  const entry = { raw, mediaType, digest: typeof digest === 'string' ? digest : '', ...namesIn(annotations) }
  entries.set(raw, entry)
  return entry
}

/** Every writer's form: a plain tag; containerd's full name, with the tag beside it; a full reference for a tag. */
function namesIn(value: unknown): Pick<Entry, 'repository' | 'tag'> {
  const annotations = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const text = (key: string): string | undefined => {
    const annotation = annotations[key]
    return typeof annotation === 'string' ? annotation : undefined
  }
  const reference = text(REF_NAME) ?? ''
  const plain = isTag(reference) ? reference : undefined
  const own = text(OWN_REPOSITORY)
  const name = parseName(text(IMAGE_NAME) ?? '') ?? (plain === undefined ? parseName(reference) : undefined)
  return {
    repository: own !== undefined && isRepositoryName(own) ? own : name?.repository,
    // A name with neither tag nor digest means `latest`, as everywhere.
    tag: name?.tag ?? plain ?? (name && !name.pinned ? 'latest' : undefined),
  }
}

/** `[HOST/]REPOSITORY[:TAG][@DIGEST]` without its host, or undefined. */
function parseName(
  text: string,
): { readonly repository: string; readonly tag: string | undefined; readonly pinned: boolean } | undefined {
  const [name = '', digest] = text.split('@', 2)
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1)
  const path = colon < 0 ? name : name.slice(0, colon)
  const tag = colon < 0 ? undefined : name.slice(colon + 1)
  const slash = path.indexOf('/')
  const host = slash < 0 ? '' : path.slice(0, slash)
  const repository = /[.:]|^localhost$/.test(host) ? path.slice(slash + 1) : path
  if (!isRepositoryName(repository) || (tag !== undefined && !isTag(tag))) return undefined
  return { repository, tag, pinned: digest !== undefined }
}

function newEntry(descriptor: Descriptor, repository: string, tag: string | undefined): object {
  const { mediaType, digest, size, artifactType } = descriptor
  if (!parseDigest(digest)) throw new UnsupportedError(`${digest.slice(0, 100)} is not a sha256 or sha512 digest`)
  const name = tag === undefined ? undefined : `${repository}:${tag}`
  const readsBack = name !== undefined && parseName(name)?.repository === repository
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    annotations: {
      ...(tag === undefined ? {} : { [REF_NAME]: tag, [IMAGE_NAME]: `${repository}:${tag}` }),
      ...(readsBack ? {} : { [OWN_REPOSITORY]: repository }),
    },
  }
}
