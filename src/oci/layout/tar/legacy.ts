/** What Docker saved before version 1.10: a directory for each layer, which names its parent. Of the chain a config is made as later versions
 *  have it. */

import { z } from 'zod'
import type { Digest } from '../../../core/descriptor.ts'
import { IntegrityError } from '../../../core/errors.ts'

/** A longer chain of layers is refused; Docker itself allowed 127. */
const MAX_CHAIN = 1000

export interface Saved {
  readonly config: Uint8Array
  /** For messages. */
  readonly what: string
  readonly tags: readonly string[]
  /** Names of members, the lowest first. */
  readonly layers: readonly string[]
}

export interface LegacyReader {
  json<T>(schema: z.ZodType<T>, name: string): Promise<T>
  /** Of a layer's bytes. */
  digest(name: string): Promise<Digest>
}

const repositoriesSchema = z.record(z.string(), z.record(z.string(), z.string()))
const layerSchema = z.looseObject({
  parent: z.string().nullish(),
  created: z.string().nullish(),
  container_config: z.object({ Cmd: z.array(z.string()).nullish() }).nullish(),
})
type V1 = z.infer<typeof layerSchema>

/** What belongs to the layer alone. */
const OWN = ['id', 'parent', 'parent_id', 'layer_id', 'Size', 'throwaway']

/** Every image that the file `repositories` names, each once with all its tags. */
export async function* legacyImages(reader: LegacyReader, path: string): AsyncIterable<Saved> {
  const named = await reader.json(repositoriesSchema, 'repositories')
  const tags = new Map<string, string[]>()
  for (const [name, ids] of Object.entries(named)) {
    for (const [tag, id] of Object.entries(ids)) tags.set(id, [...(tags.get(id) ?? []), `${name}:${tag}`])
  }
  for (const [id, names] of tags) {
    const chain = await chainOf(id, reader, path)
    const layers = chain.map(({ id: layer }) => `${layer}/layer.tar`)
    const ids: Digest[] = []
    for (const layer of layers) ids.push(await reader.digest(layer))
    yield {
      config: configOf(
        chain.map(({ json }) => json),
        ids,
      ),
      what: `${id}/json`,
      tags: names,
      layers,
    }
  }
}

interface Link {
  readonly id: string
  readonly json: V1
}

/** From the lowest layer to the image itself. */
async function chainOf(top: string, reader: LegacyReader, path: string): Promise<readonly Link[]> {
  const chain: Link[] = []
  const seen = new Set<string>()
  for (let id: string | null | undefined = top; id; ) {
    if (seen.has(id) || seen.size >= MAX_CHAIN) throw new IntegrityError(`${path} has layers without an end at ${id}`)
    seen.add(id)
    const json: V1 = await reader.json(layerSchema, `${id}/json`)
    chain.unshift({ id, json })
    id = json.parent
  }
  return chain
}

function configOf(chain: readonly V1[], ids: readonly Digest[]): Uint8Array {
  const top = Object.entries(chain.at(-1) ?? {}).filter(([key]) => !OWN.includes(key))
  const history = chain.map(({ created, container_config }) => ({
    ...(created ? { created } : {}),
    created_by: (container_config?.Cmd ?? []).join(' '),
  }))
  const config = { architecture: 'amd64', os: 'linux', ...Object.fromEntries(top), history }
  return Buffer.from(JSON.stringify({ ...config, rootfs: { type: 'layers', diff_ids: ids } }))
}
