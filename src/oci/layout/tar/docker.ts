/** What `docker save`, `podman save` and `crane pull` put into a tar, read as the OCI images that it would be. The bytes of layers and configs
 *  stay what they are, so the same file has the same digests on every machine. A layer that is not compressed has its own digest, the diff ID. */

import { createHash } from 'node:crypto'
import { dirname, join, normalize } from 'node:path/posix'
import { z } from 'zod'
import { type Digest, parseDigest } from '../../../core/descriptor.ts'
import { IntegrityError, messageOf } from '../../../core/errors.ts'
import { parseJson } from '../../../core/foreign.ts'
import { computeDigest, OCI_INDEX, OCI_MANIFEST } from '../../../core/manifest.ts'
import { MAX_JSON_SIZE, readExactly, readRange } from '../file.ts'
import { dockerName, namedEntry } from '../names.ts'
import { legacyImages, type Saved } from './legacy.ts'
import type { Archive } from './open.ts'
import type { Member } from './scan.ts'

/** In bytes, of one config and of all of them. */
const MAX_CONFIG = 4 * 1024 * 1024
const MAX_CONFIGS = 64 * 1024 * 1024
/** Of all images together, each as often as an image has it. */
const MAX_LAYERS = 100_000
/** A link leads to a file, not to a long chain of links. */
const MOST_LINKS = 8

const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar'

/** Images as a layout would hold them. */
export interface DockerImages {
  /** What index.json would be. */
  readonly json: Readonly<Record<string, unknown>>
  /** A member of the tar, or bytes of its making. */
  readonly blobs: ReadonlyMap<Digest, Member | Uint8Array>
}

const savedSchema = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).nullish(),
  }),
)
const configSchema = z.object({ rootfs: z.object({ diff_ids: z.array(z.string()).nullish() }).nullish() })

interface Layer {
  readonly digest: Digest
  readonly mediaType: string
  readonly member: Member
}

/** Throws an `IntegrityError` where it does not hold what it names. */
export async function readDockerImages(archive: Archive, path: string): Promise<DockerImages> {
  const reader = readerOf(archive, path)
  const blobs = new Map<Digest, Member | Uint8Array>()
  const manifests: object[] = []
  let [configs, all] = [0, 0]
  for await (const { config, what, tags, layers: names } of savedIn(archive, reader, path)) {
    configs += config.byteLength
    all += names.length
    if (configs > MAX_CONFIGS || all > MAX_LAYERS) {
      throw new IntegrityError(`${path} holds more than ${MAX_CONFIGS} bytes of configs, or ${MAX_LAYERS} layers`)
    }
    const ids = parsed(configSchema, config, `${what} in ${path}`).rootfs?.diff_ids ?? []
    if (ids.length !== names.length) {
      throw new IntegrityError(`${what} in ${path} has ${ids.length} layers, and manifest.json names ${names.length}`)
    }
    const layers: Layer[] = []
    for (const [at, name] of names.entries()) layers.push(await reader.layer(name, ids[at] ?? ''))
    const manifest = manifestOf(config, layers)
    const digest = computeDigest(manifest)
    blobs.set(digest, manifest)
    blobs.set(computeDigest(config), config)
    for (const layer of layers) blobs.set(layer.digest, layer.member)
    const descriptor = { mediaType: OCI_MANIFEST, digest, size: manifest.byteLength }
    const named = tags.flatMap((tag) => dockerName(tag) ?? [])
    manifests.push(...(named.length > 0 ? named.map((name) => namedEntry(descriptor, name)) : [descriptor]))
  }
  return { json: { schemaVersion: 2, mediaType: OCI_INDEX, manifests }, blobs }
}

async function* savedIn(archive: Archive, reader: Reader, path: string): AsyncIterable<Saved> {
  if (!archive.members.has('manifest.json')) {
    const digest = async (name: string): Promise<Digest> => reader.digest(name)
    const json = async <T>(schema: z.ZodType<T>, name: string): Promise<T> =>
      parsed(schema, await reader.small(name, MAX_CONFIG), `${name} in ${path}`)
    yield* legacyImages({ digest, json }, path)
    return
  }
  const saved = parsed(savedSchema, await reader.small('manifest.json', MAX_JSON_SIZE), `manifest.json in ${path}`)
  for (const { Config, RepoTags, Layers } of saved) {
    const config = await reader.small(Config, MAX_CONFIG)
    yield { config, what: Config, tags: RepoTags ?? [], layers: Layers ?? [] }
  }
}

/** The same bytes for the same image: an order and a form that never change. */
function manifestOf(config: Uint8Array, layers: readonly Layer[]): Uint8Array {
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: CONFIG, digest: computeDigest(config), size: config.byteLength },
    layers: layers.map(({ mediaType, digest, member }) => ({ mediaType, digest, size: member.size })),
  }
  return Buffer.from(JSON.stringify(manifest))
}

type Reader = ReturnType<typeof readerOf>

function readerOf(archive: Archive, path: string) {
  const hashes = new Map<string, Promise<Digest>>()
  const known = new Map<string, Promise<Layer>>()

  /** By name, or by way of links within the archive. Names come from strangers: nothing but the archive is looked into. */
  function memberOf(written: string): Member {
    let name = normalize(written)
    for (let links = 0; links < MOST_LINKS; links += 1) {
      if (archive.others.twice.has(name)) throw new IntegrityError(`${path} has ${name} twice`)
      const member = archive.members.get(name) ?? archive.others.files.get(name)
      if (member) return member
      const link = archive.others.links.get(name)
      if (!link) break
      name = link.symbolic ? join(dirname(name), link.target) : normalize(link.target)
    }
    throw new IntegrityError(`${path} lacks ${JSON.stringify(written.slice(0, 200))}, which it names`)
  }

  async function small(name: string, limit: number): Promise<Uint8Array> {
    const { offset, size } = memberOf(name)
    if (size <= limit) return readExactly(archive, offset, size, path)
    throw new IntegrityError(`${name} in ${path} has ${size} bytes, more than the ${limit} read`)
  }

  async function layerOf(name: string, id: string): Promise<Layer> {
    const member = memberOf(name)
    const magic = (await readExactly(archive, member.offset, Math.min(4, member.size), path)).toString('hex')
    const compression = magic.startsWith('1f8b') ? '+gzip' : magic === '28b52ffd' ? '+zstd' : ''
    const digest = compression === '' ? parseDigest(id) : await hashOf(member)
    if (!digest)
      throw new IntegrityError(`a config in ${path} has a malformed diff ID: ${JSON.stringify(id.slice(0, 100))}`)
    return { digest, mediaType: LAYER + compression, member }
  }

  async function hashOf({ offset, size }: Member): Promise<Digest> {
    const hash = createHash('sha256')
    for await (const chunk of readRange(archive, offset, offset + size, path)) hash.update(chunk)
    return `sha256:${hash.digest('hex')}`
  }

  return {
    small,
    /** Of a member's bytes, which are read once. */
    digest(name: string): Promise<Digest> {
      const digest = hashes.get(name) ?? hashOf(memberOf(name))
      hashes.set(name, digest)
      return digest
    },
    /** Each is looked at once, however many images have it. */
    layer(name: string, id: string): Promise<Layer> {
      const key = `${name}\n${id}`
      const layer = known.get(key) ?? layerOf(name, id)
      known.set(key, layer)
      return layer
    },
  }
}

function parsed<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  try {
    const result = schema.safeParse(parseJson(bytes))
    if (result.success) return result.data
    throw new SyntaxError(z.prettifyError(result.error).split('\n')[0])
  } catch (error) {
    throw new IntegrityError(`${what} is malformed: ${messageOf(error)}`, { cause: error })
  }
}
