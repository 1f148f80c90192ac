/** A source whose blob stops half way until it is let go, so that a test can act in the middle of a transfer. */

import type { Digest } from '../../src/core/descriptor.ts'
import { descriptorOf } from '../../src/core/manifest.ts'
import { type Artifact, image } from '../support/images.ts'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'

export interface Gate {
  readonly source: MemoryRegistry
  readonly built: Artifact
  /** Of the layer that waits. */
  readonly blob: Digest
  /** Its bytes before the gate, and all of them. */
  readonly half: number
  readonly size: number
  /** From now on nothing waits. */
  open(): void
}

/** `app:v1` of one layer; `app:v2` and so on behind it where more `images` are wanted. */
export async function gatedSource(options: MemoryRegistryOptions & { readonly images?: number } = {}): Promise<Gate> {
  const { images = 1, ...registry } = options
  const source = await startMemoryRegistry(registry)
  const size = 2_000_000
  const half = size / 2
  const built = image({ layers: 1, size, seed: 'gate' })
  for (let number = images; number > 1; number -= 1) source.add('app', image({ seed: number }), `v${number}`)
  source.add('app', built, 'v1')
  const [blob, bytes] = [...built.blobs].find(([, content]) => content.byteLength === size) ?? []
  if (!blob || !bytes) throw new Error(`${descriptorOf(built).digest} has no such layer`)
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  source.repository('app').blobs.set(blob, {
    size,
    async *open(offset) {
      if (offset < half) yield bytes.subarray(offset, half)
      await opened
      yield bytes.subarray(Math.max(offset, half))
    },
  })
  return { source, built, blob, half, size, open }
}
