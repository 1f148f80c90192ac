/** Which repository and tag an entry of index.json names: the forms of all writers are read, and one is written. */

import { type Descriptor, type Digest, parseDigest } from '../../core/descriptor.ts'
import { UnsupportedError } from '../../core/errors.ts'
import { isRepositoryName, isTag } from '../../core/reference.ts'

const REF_NAME = 'org.opencontainers.image.ref.name'
const IMAGE_NAME = 'io.containerd.image.name'
/** Keeps an untagged entry in its repository, and names a repository that `IMAGE_NAME` would not give back. */
const OWN_REPOSITORY = 'io.replicate.repository'
/** The children of an index that were left out on purpose, so that they are not missed. */
const ABSENT = 'io.replicate.absent'
/** olareg marks the list of a digest's referrers with it. */
const OLAREG_SUBJECT = 'org.olareg.referrer.subject'

export interface EntryName {
  /** Absent where the entry does not name it. */
  readonly repository: string | undefined
  readonly tag: string | undefined
}

/** What an entry's annotations name: a plain tag; containerd's full name, with the tag beside it; a full reference for a tag. */
export function nameIn(annotations: unknown): EntryName {
  const reference = textIn(annotations, REF_NAME) ?? ''
  const plain = isTag(reference) ? reference : undefined
  const own = textIn(annotations, OWN_REPOSITORY)
  const image = parseName(textIn(annotations, IMAGE_NAME) ?? '')
  const name = image ?? (plain === undefined ? parseName(reference) : undefined)
  return {
    repository: own !== undefined && isRepositoryName(own) ? own : name?.repository,
    // A name with neither tag nor digest means `latest`, as its writers read it.
    tag: name?.tag ?? plain ?? (name && !name.pinned ? 'latest' : undefined),
  }
}

/** The digest whose referrers an entry of olareg lists; undefined for every other entry. */
export function listsReferrersOf(annotations: unknown): string | undefined {
  return textIn(annotations, OLAREG_SUBJECT)
}

/** What other tools call an entry; undefined for one without a name. */
export function refIn(annotations: unknown): string | undefined {
  return textIn(annotations, REF_NAME)
}

/** The children of an index that were left out when it was written, as `newEntry` noted them. */
export function absentIn(annotations: unknown): readonly Digest[] {
  return (textIn(annotations, ABSENT) ?? '').split(',').flatMap((text) => parseDigest(text) ?? [])
}

/** The same entry under another name for other tools. Undefined for an entry that is not of this program's making. */
export function renamed(raw: object, { repository, tag }: EntryName, ref: string): object | undefined {
  const { annotations } = raw as Record<string, unknown>
  if (typeof annotations !== 'object' || textIn(annotations, IMAGE_NAME) !== `${repository}:${tag}`) return undefined
  return { ...raw, annotations: { ...annotations, [REF_NAME]: ref } }
}

/** A name that skopeo, oras and regctl all take, of which the last two allow no `/` and no second `:`. */
export function wholeName(repository: string, tag: string): string {
  const name = `${repository.replaceAll('/', '-')}-${tag}`
  return isTag(name) ? name : `${repository}:${tag}`
}

/** An entry for index.json. Without a tag it only belongs to the repository. `absent`: see `absentIn`. */
export function newEntry(
  descriptor: Descriptor,
  repository: string,
  tag: string | undefined,
  absent: readonly Digest[] = [],
): object {
  const { mediaType, digest, size, artifactType } = descriptor
  if (!parseDigest(digest)) throw new UnsupportedError(`${digest.slice(0, 100)} is not a sha256 or sha512 digest`)
  const name = `${repository}:${tag}`
  const readsBack = tag !== undefined && parseName(name)?.repository === repository
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    annotations: {
      ...(tag === undefined ? {} : { [REF_NAME]: tag, [IMAGE_NAME]: name }),
      ...(readsBack ? {} : { [OWN_REPOSITORY]: repository }),
      ...(absent.length === 0 ? {} : { [ABSENT]: absent.join() }),
    },
  }
}

/** A name as `docker save` writes it, as containerd would: what has no host and one part belongs to `library`. Undefined for another form. */
export function dockerName(text: string): string | undefined {
  const name = parseName(text)
  if (name?.tag === undefined) return undefined
  return text.includes('/') ? `${name.repository}:${name.tag}` : `library/${name.repository}:${name.tag}`
}

/** An entry for index.json under the name that `dockerName` gave. */
export function namedEntry(descriptor: Descriptor, name: string): object {
  const colon = name.lastIndexOf(':')
  return newEntry(descriptor, name.slice(0, colon), name.slice(colon + 1))
}

function textIn(annotations: unknown, key: string): string | undefined {
  if (typeof annotations !== 'object' || annotations === null) return undefined
  const value = (annotations as Record<string, unknown>)[key]
  return typeof value === 'string' ? value : undefined
}

/** `[HOST/]REPOSITORY[:TAG][@DIGEST]` without its host, or undefined. */
function parseName(text: string): (EntryName & { readonly repository: string; readonly pinned: boolean }) | undefined {
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
