/** Charts put into the storage of distribution as pushes would have left them: fifty thousand pushes would take it minutes. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { artifactOf } from '../../../../src/charts/chart/artifact.ts'
import type { TestChart } from '../../../support/charts.ts'

/** Manifests only, which is all that an unchanged run asks for. `data`: the root of its storage. */
export function store(data: string, namespace: string, charts: readonly TestChart[]): void {
  const root = join(data, 'docker', 'registry', 'v2')
  for (const one of charts) {
    const { name, version, archive } = one
    const content = { digest: one.digest, size: archive.byteLength }
    const { digest, bytes } = artifactOf({ name, version }, content, undefined, undefined).manifest
    const hex = digest.slice('sha256:'.length)
    const repository = join(root, 'repositories', namespace, one.name, '_manifests')
    const tag = join(repository, 'tags', one.version.replaceAll('+', '_'))
    put(join(root, 'blobs', 'sha256', hex.slice(0, 2), hex), 'data', bytes)
    put(join(repository, 'revisions', 'sha256', hex), 'link', digest)
    put(join(tag, 'current'), 'link', digest)
    put(join(tag, 'index', 'sha256', hex), 'link', digest)
  }
}

function put(directory: string, name: string, content: string | Uint8Array): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, name), content)
}
