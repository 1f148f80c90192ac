/** index.json of an OCI layout: which repositories and tags it names, and how entries are put in and taken out. */

import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { IntegrityError } from '../../core/errors.ts'
import { descriptorFrom, isManifestType, OCI_INDEX } from '../../core/manifest.ts'
import { attachmentSubject, cutDigest } from '../../core/reference.ts'
import { absentIn, type EntryName, listsReferrersOf, nameIn, newEntry, refIn, renamed, wholeName } from './names.ts'

/** Changes an index under the layout's lock. May be called again on a newer state. */
export type IndexChange = (index: LayoutIndex) => void | Promise<void>

/** The repository of entries that do not name one. */
export interface Naming {
  readonly plain: string
  /** The layout is one repository's own: every entry belongs to `plain`, whatever it names. */
  readonly only: boolean
  /** The repositories that the entries name are below this name. */
  readonly below?: string
}

/** An entry whose media type is a manifest's. Its descriptor is checked when it is used. */
export interface Entry extends EntryName {
  /** Its position in the index; a tag that moves keeps it. */
  readonly at: number
  readonly raw: object
  readonly mediaType: string
  readonly digest: string
  /** The repository it belongs to. */
  readonly owner: string
  /** The digest whose referrers it lists, in olareg's layouts; such an entry is not an artifact itself. */
  readonly lists: string | undefined
  /** What other tools call it. */
  readonly ref: string | undefined
  /** Children that were left out when it was written. */
  readonly absent: readonly Digest[]
}

interface Repository {
  readonly entries: Set<Entry>
  readonly tags: Map<string, Set<Entry>>
  /** Entries whose tags hang on a digest, such as `sha256-<hex>.sig`, by that digest. */
  readonly attached: Map<string, Set<Entry>>
}

interface Slot {
  readonly raw: unknown
  /** Undefined for other types than manifests: they are allowed in an index, and kept as they are. */
  readonly entry: Entry | undefined
}

/** One state of index.json in memory; every question is answered without a search. Unknown entries and keys are kept when it is written.
 *  Only the owner of the layout's lock changes it, and undoes what could not be written. */
export class LayoutIndex {
  readonly naming: Naming
  /** Entries whose manifests have not been read since they were put in; `Subjects` removes an entry once it is read. */
  readonly unread = new Set<Entry>()
  readonly #json: Readonly<Record<string, unknown>>
  readonly #slots: (Slot | undefined)[] = []
  readonly #repositories = new Map<string, Repository>()
  readonly #digests = new Map<string, Set<Entry>>()
  readonly #lists = new Map<string, Set<Entry>>()
  /** By tag, of whatever repository; attachments, whose tags say what they hang on, are left out. */
  readonly #tagged = new Map<string, Set<Entry>>()
  readonly #refs = new Map<string, Set<Entry>>()
  /** The first `slots` of the list as they are written: nearly all changes come after them. */
  #written: { slots: number; readonly pieces: Buffer[] } = { slots: 0, pieces: [] }
  readonly #undo: { readonly at: number; readonly slot: Slot | undefined }[] = []

  /** `manifests` may be null or absent, as some tools write it. Throws an `IntegrityError` naming `file`. */
  constructor(json: Readonly<Record<string, unknown>>, naming: Naming, file: string) {
    const manifests = json.manifests ?? []
    if (!Array.isArray(manifests)) throw new IntegrityError(`${file} is malformed: manifests is not a list`)
    this.#json = json
    this.naming = naming
    for (const raw of manifests) this.#put(this.#slots.length, raw)
    this.keep()
  }

  /** The names of all repositories, sorted. Entries without a name count as a repository only if there is no other. */
  repositories(): readonly string[] {
    const all = [...this.#repositories].filter(([, { entries }]) => entries.size > 0)
    const named = all.filter(([, { entries }]) => ![...entries].every(isLoose))
    return (named.length > 0 ? named : all).map(([name]) => name).sort()
  }

  /** In the index's order. */
  entries(repository: string): readonly Entry[] {
    return [...(this.#repositories.get(repository)?.entries ?? [])].sort((a, b) => a.at - b.at)
  }

  tags(repository: string): readonly string[] {
    const tags = [...(this.#repositories.get(repository)?.tags ?? [])]
    return tags.filter(([, entries]) => entries.size > 0).map(([tag]) => tag)
  }

  /** The entry of a tag, or undefined. Throws where the tag names two different manifests: neither can be trusted. */
  find(repository: string, tag: string): Entry | undefined {
    const [first, ...others] = this.tagged(repository, tag)
    const other = others.find((entry) => entry.digest !== first?.digest)
    if (first && other) {
      throw new IntegrityError(
        `index.json is ambiguous: ${repository}:${tag} names both ${first.digest} and ${other.digest}`,
        { hint: 'remove one of the two entries, or write the tag anew' },
      )
    }
    return first
  }

  /** The entries whose tags hang on a digest: its fallback index, signatures, whatever else is named after it. */
  attached(repository: string, subject: Digest): readonly Entry[] {
    return [...(this.#repositories.get(repository)?.attached.get(cutDigest(subject)) ?? [])]
  }

  /** Every entry with a digest, of whatever repository. */
  withDigest(digest: string): readonly Entry[] {
    return [...(this.#digests.get(digest) ?? [])]
  }

  /** Entries that list the referrers of a digest. */
  listsOf(subject: string): readonly Entry[] {
    return [...(this.#lists.get(subject) ?? [])]
  }

  /** Every entry that is a manifest. */
  *all(): Iterable<Entry> {
    for (const slot of this.#slots) if (slot?.entry) yield slot.entry
  }

  /** Points the tag at `descriptor`: its first entry is replaced where it stands, further ones go. `absent`: children left out on purpose. */
  setTag(repository: string, tag: string, descriptor: Descriptor, absent: readonly Digest[] = []): void {
    const old = this.tagged(repository, tag)
    const untagged = this.#untagged(repository, descriptor.digest)
    const same = old.find((entry) => entry.digest === descriptor.digest && entry.absent.join() === absent.join())
    if (old.length === 1 && same && untagged.length === 0) return
    const keep = same?.raw ?? newEntry(descriptor, this.#named(repository), tag, absent)
    this.#remove([...old, ...untagged])
    this.#put(old[0]?.at ?? this.#slots.length, keep)
    this.#rename(tag)
  }

  /** Adds an entry without a tag, unless the repository has the manifest already. */
  addUntagged(repository: string, descriptor: Descriptor, absent: readonly Digest[] = []): void {
    const known = this.withDigest(descriptor.digest).filter((entry) => entry.owner === repository)
    const [only] = this.#untagged(repository, descriptor.digest)
    const raw = newEntry(descriptor, this.#named(repository), undefined, absent)
    if (known.length === 0) this.#put(this.#slots.length, raw)
    else if (only && only.absent.join() !== absent.join()) this.#put(only.at, raw)
  }

  drop(entries: Iterable<Entry>): void {
    const dropped = [...entries]
    this.#remove(dropped)
    for (const { tag } of dropped) if (tag !== undefined) this.#rename(tag)
  }

  /** True for a tag of several repositories, by which other tools cannot tell their images apart. */
  isShared(tag: string): boolean {
    let owner: string | undefined
    for (const entry of this.#tagged.get(tag) ?? []) {
      if (owner !== undefined && owner !== entry.owner) return true
      owner = entry.owner
    }
    return false
  }

  /** True where anything was changed since the last `keep`. */
  get changed(): boolean {
    return this.#undo.length > 0
  }

  /** How many changes were made since the last `keep`: an argument for `undo`. */
  get mark(): number {
    return this.#undo.length
  }

  /** Makes the changes permanent: they can no longer be undone. */
  keep(): void {
    this.#undo.length = 0
  }

  /** Undoes the changes made since `mark`. */
  undo(mark: number): void {
    while (this.#undo.length > mark) {
      const last = this.#undo.pop()
      if (last) this.#place(last.at, last.slot)
    }
  }

  /** Ends with a newline, two spaces deep: people read it. `sorted`: in an order that depends on nothing but the entries. */
  format(sorted = false): readonly Uint8Array[] {
    const { schemaVersion, mediaType, manifests: _, ...rest } = this.#json
    const json = { schemaVersion: schemaVersion ?? 2, mediaType: mediaType ?? OCI_INDEX, manifests: [], ...rest }
    const [head = '', tail = ''] = JSON.stringify(json, undefined, 2).split('\n  "manifests": []')
    const [first = Buffer.alloc(0), ...more] = sorted ? [textOf(this.#slots.toSorted(bySort))] : this.#listed()
    const end = first.length > 0 ? '\n  ]' : ']'
    // Each entry begins with a comma.
    return [Buffer.from(`${head}\n  "manifests": [`), first.subarray(1), ...more, Buffer.from(`${end}${tail}\n`)]
  }

  /** In pieces of which each is much longer than the next, so that little is copied when entries are added. */
  #listed(): readonly Buffer[] {
    const { slots, pieces } = this.#written
    const added = textOf(this.#slots.slice(slots))
    this.#written.slots = this.#slots.length
    if (added.length > 0) pieces.push(added)
    for (let last = pieces.at(-1), before = pieces.at(-2); last && before && before.length < 2 * last.length; ) {
      pieces.splice(-2, 2, Buffer.concat([before, last]))
      last = pieces.at(-1)
      before = pieces.at(-2)
    }
    return pieces
  }

  /** Every entry of a tag, in the index's order. */
  tagged(repository: string, tag: string): readonly Entry[] {
    return [...(this.#repositories.get(repository)?.tags.get(tag) ?? [])].sort((a, b) => a.at - b.at)
  }

  /** A repository as the entries of this index name it. */
  #named(repository: string): string {
    const { below } = this.naming
    return below !== undefined && repository.startsWith(`${below}/`) ? repository.slice(below.length + 1) : repository
  }

  #untagged(repository: string, digest: Digest): readonly Entry[] {
    return this.withDigest(digest).filter((entry) => entry.owner === repository && !entry.tag)
  }

  #remove(entries: Iterable<Entry>): void {
    for (const { at } of entries) this.#set(at, undefined)
  }

  /** Gives what other tools look up: the tag alone where one repository has it, else a name with the repository in it. */
  #rename(tag: string): void {
    const shared = this.isShared(tag)
    for (const entry of [...((shared ? this.#refs : this.#tagged).get(tag) ?? [])]) {
      if (entry.tag !== tag) continue
      const repository = this.#named(entry.owner)
      const whole = wholeName(repository, tag)
      const taken = [...(this.#refs.get(whole) ?? [])].some((other) => other.owner !== entry.owner)
      const ref = !shared ? tag : taken ? `${repository}:${tag}` : whole
      const raw = entry.ref === ref ? undefined : renamed(entry.raw, { repository, tag }, ref)
      if (raw) this.#put(entry.at, raw)
    }
  }

  #put(at: number, raw: unknown): void {
    this.#set(at, { raw, entry: entryOf(raw, at, this.naming) })
  }

  #set(at: number, slot: Slot | undefined): void {
    this.#undo.push({ at, slot: this.#slots[at] })
    this.#place(at, slot)
  }

  #place(at: number, slot: Slot | undefined): void {
    const old = this.#slots[at]?.entry
    if (old) {
      for (const set of this.#setsOf(old)) set.delete(old)
      this.unread.delete(old)
    }
    this.#slots[at] = slot
    if (at < this.#written.slots) this.#written = { slots: 0, pieces: [] }
    const entry = slot?.entry
    if (!entry) return
    for (const set of this.#setsOf(entry)) set.add(entry)
    this.unread.add(entry)
  }

  /** Every set that an entry is in. */
  #setsOf({ owner, tag, digest, lists, ref }: Entry): readonly Set<Entry>[] {
    if (lists !== undefined) return [setIn(this.#lists, lists)]
    const repository = this.#repositories.get(owner) ?? { entries: new Set(), tags: new Map(), attached: new Map() }
    this.#repositories.set(owner, repository)
    const sets = [repository.entries, setIn(this.#digests, digest)]
    if (tag !== undefined) sets.push(setIn(repository.tags, tag))
    if (ref !== undefined) sets.push(setIn(this.#refs, ref))
    const subject = tag === undefined ? undefined : attachmentSubject(tag)
    if (subject) sets.push(setIn(repository.attached, subject))
    else if (tag !== undefined) sets.push(setIn(this.#tagged, tag))
    return sets
  }
}

export function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
}

export function emptyIndex(naming: Naming): LayoutIndex {
  return new LayoutIndex({ schemaVersion: 2, mediaType: OCI_INDEX }, naming, 'index.json')
}

/** True for an entry that names neither repository nor tag, as some tools write referrers: it may belong to any repository. */
export function isLoose(entry: Entry): boolean {
  return entry.repository === undefined && entry.tag === undefined
}

/** The checked descriptor of an entry, without the annotations that only the index gave it. */
export function descriptorOfEntry(entry: Entry): Descriptor & { readonly digest: Digest } {
  const { mediaType, digest, size, artifactType } = descriptorFrom(entry.raw, 'index.json')
  return { mediaType, digest, size, ...(artifactType === undefined ? {} : { artifactType }) }
}

function entryOf(raw: unknown, at: number, naming: Naming): Entry | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const { mediaType, digest, annotations } = raw as Record<string, unknown>
  if (typeof mediaType !== 'string' || !isManifestType(mediaType)) return undefined
  const name = nameIn(annotations)
  const named = naming.below === undefined || !name.repository ? name.repository : `${naming.below}/${name.repository}`
  const owner = naming.only ? naming.plain : (named ?? naming.plain)
  const lists = listsReferrersOf(annotations)
  const [ref, absent] = [refIn(annotations), absentIn(annotations)]
  return { at, raw, mediaType, digest: typeof digest === 'string' ? digest : '', ...name, owner, lists, ref, absent }
}

function textOf(slots: readonly (Slot | undefined)[]): Buffer {
  const texts = slots.map((slot) =>
    slot ? `,\n    ${JSON.stringify(slot.raw, undefined, 2).replaceAll('\n', '\n    ')}` : '',
  )
  return Buffer.from(texts.join(''))
}

function bySort(a: Slot | undefined, b: Slot | undefined): number {
  const [first, second] = [keyOf(a), keyOf(b)]
  return first < second ? -1 : first > second ? 1 : 0
}

function keyOf(slot: Slot | undefined): string {
  const entry = slot?.entry
  return entry ? `1 ${entry.repository ?? ''} ${entry.tag ?? '~'} ${entry.digest}` : '2'
}

function setIn<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  const set = map.get(key) ?? new Set<V>()
  map.set(key, set)
  return set
}
