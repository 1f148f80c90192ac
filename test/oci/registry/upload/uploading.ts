/** Blobs to upload, sources that remember where they were opened, and a look at what the registry got. */

import type { Bytes } from '../../../../src/core/content.ts'
import type { Descriptor } from '../../../../src/core/descriptor.ts'
import { computeDigest } from '../../../../src/core/manifest.ts'
import type { Fault, LoggedRequest, MemoryRegistry } from '../../../support/memory-registry.ts'
import { randomBytes } from '../../../support/random.ts'

export const MIB = 1024 * 1024

export function blobOf(size: number): { readonly bytes: Buffer; readonly blob: Descriptor } {
  const bytes = randomBytes(size, `blob of ${size}`)
  return { bytes, blob: { mediaType: 'application/octet-stream', digest: computeDigest(bytes), size } }
}

/** Opens `bytes` at an offset, and remembers at which. */
export function opener(bytes: Buffer): { readonly offsets: number[]; open(offset: number): Promise<Bytes> } {
  const offsets: number[] = []
  async function* stream(from: number): Bytes {
    for (let at = from; at < bytes.byteLength; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024)
  }
  return {
    offsets,
    open: async (offset) => {
      offsets.push(offset)
      return stream(offset)
    },
  }
}

/** The methods of the requests. Repeated GETs count once: how often a registry is asked depends on how much of the request was still on its way. */
export function methodsOf(requests: readonly LoggedRequest[]): string[] {
  const methods = requests.map(({ method }) => method).filter((method) => method !== 'HEAD')
  return methods.filter((method, at) => method !== 'GET' || methods[at - 1] !== 'GET')
}

export function stored(registry: MemoryRegistry, blob: Descriptor): unknown {
  return registry.repository('app').blobs.get(blob.digest)
}

export function once(method: string, fault: Fault): (request: LoggedRequest) => Fault | undefined {
  let done = false
  return (request) => {
    if (done || request.method !== method || request.route !== 'upload') return undefined
    done = true
    return fault
  }
}
