/** What stands in the directory of a layout. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const REF = 'org.opencontainers.image.ref.name'
export const IMAGE = 'io.containerd.image.name'

export function manifestsIn(directory: string): { digest: string; annotations?: Record<string, string> }[] {
  return JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')).manifests
}

/** Whatever is neither the layout's own nor a blob named by its digest. */
export function strayFiles(directory: string): string[] {
  const blobs = readdirSync(join(directory, 'blobs', 'sha256')).filter((name) => !/^[a-f0-9]{64}$/.test(name))
  return [...blobs, ...readdirSync(directory).filter((name) => !['blobs', 'index.json', 'oci-layout'].includes(name))]
}

export function never(): never {
  throw new Error('unreachable')
}
