/** A repository of charts, a registry with the images that they name, and one that gets both. */

import { onTestFinished } from 'vitest'
import { startHelmHttp } from '../../fakes/helm-http.ts'
import { chart, entryOf, indexOf, type TestChart } from '../../support/charts.ts'
import { type Artifact, image } from '../../support/images.ts'
import type { MemoryRegistry } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'
import { pathOfTool } from '../../support/tools.ts'

export const HELM = pathOfTool('helm')

export interface World {
  readonly charts: Awaited<ReturnType<typeof startHelmHttp>>
  readonly images: MemoryRegistry
  readonly to: MemoryRegistry
  put(charts: readonly TestChart[]): void
  yaml(extra?: string, destination?: string): string
}

export async function world(): Promise<World> {
  const [charts, images, to] = [await startHelmHttp(), await registry(), await registry()]
  onTestFinished(() => charts.close())
  return {
    charts,
    images,
    to,
    put(all) {
      for (const { file, archive } of all) charts.files.set(file, archive)
      charts.files.set('index.yaml', Buffer.from(indexOf(all.map((one) => entryOf(one)))))
    },
    yaml: (extra = '', destination = '{ registry: to, namespace: mirror, flatten: 0 }') => `
registries:
  charts: { type: helm-http, url: "${charts.url}" }
  to: { type: docker-registry, url: ${to.url} }
policies:
  copy:
    source: charts
    destination: ${destination}
    with_images: true
    retry: { attempts: 1, delay: 1s }
${extra}`,
  }
}

/** A chart whose values name these images. */
export function naming(
  version: string,
  images: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>> = {},
) {
  const values = Object.entries(images).map(([name, text]) => `${name}: { image: "${text}" }\n`)
  const pods = Object.keys(images).map((name) => `    - { name: ${name}, image: "{{ .Values.${name}.image }}" }\n`)
  return chart('shop', version, {
    'values.yaml': values.join(''),
    'templates/pod.yaml': `apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers:\n${pods.join('')}`,
    ...more,
  })
}

export function tagsOf(to: MemoryRegistry): Record<string, readonly string[]> {
  const all = [...to.repositories].map(([name, { tags }]) => [name, [...tags.keys()].sort()] as const)
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)))
}

export const APP: Artifact = image({ seed: 'app' })
export const SIDE: Artifact = image({ seed: 'side' })

/** Without Helm. */
export const BARE = { PATH: '' }
