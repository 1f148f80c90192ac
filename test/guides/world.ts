/** The registries that the guides name, with what is in them. */

import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startArtifactHub } from '../fakes/artifact-hub.ts'
import { startDockerHub } from '../fakes/docker-hub.ts'
import { startHelmHttp } from '../fakes/helm-http.ts'
import { startChartMuseum } from '../support/chartmuseum.ts'
import { chart, entryOf, indexOf, provenance } from '../support/charts.ts'
import { type Artifact, cosignSignature, image, index } from '../support/images.ts'
import { startInternet } from '../support/internet.ts'
import { type AuthOptions, startMemoryRegistry } from '../support/memory-registry.ts'
import { randomBytes } from '../support/random.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export interface World {
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

const guarded = (user: string, password: string): { readonly auth: AuthOptions } => ({
  auth: { kind: 'basic', user, password },
})

/** `museum`: with a real ChartMuseum. */
export async function startWorld({ museum = false } = {}): Promise<World> {
  const hub = await startDockerHub()
  const [registry, old, fresh, internal, build, mirror] = await Promise.all([
    startMemoryRegistry(),
    startMemoryRegistry(guarded('reader', 'old')),
    startMemoryRegistry(guarded('writer', 'new')),
    startMemoryRegistry(),
    startMemoryRegistry(guarded('ann', 'from')),
    startMemoryRegistry(guarded('bob', 'to')),
  ])
  for (const tag of ['3.18.9', '3.19.4', '3.20.3', '3.21.0', '3.22.0-rc1'])
    hub.content.add('library/alpine', multiplatform(`alpine ${tag}`), tag)
  for (const tag of ['11.11', '12.8', '12.9']) hub.content.add('library/debian', multiplatform(`debian ${tag}`), tag)
  for (const tag of ['6.2', '7.2', '7.4']) hub.content.add('library/redis', multiplatform(`redis ${tag}`), tag)

  const api = multiplatform('api v2')
  old.add('team-a/api', multiplatform('api v1'), 'v1')
  old.add('team-a/api', api, 'v2')
  const signature = cosignSignature(api.descriptor)
  old.add('team-a/api', signature.artifact, signature.tag)
  old.add('team-a/web', multiplatform('web'), 'v1', 'tmp-7')
  old.add('team-b/api', multiplatform('b'), 'v1')

  registry.add('library/alpine', multiplatform('alpine 3.20.3'), '3.20')
  registry.add('team-a/api', api, 'v2')
  registry.add('team-a/api', signature.artifact, signature.tag)

  for (const tag of ['3.17', '3.18', '3.19', '3.20', 'edge']) build.add('library/alpine', multiplatform(tag), tag)
  for (const tag of ['1.0', '1.1', 'edge']) build.add('team/app', multiplatform(`app ${tag}`), tag)

  const charts = await startHelmHttp()
  const versions = ['25.0.0', '25.1.0', '26.0.0'].map((version) => chart('prometheus', version))
  for (const { file, archive } of versions) charts.files.set(file, archive)
  charts.files.set('index.yaml', Buffer.from(indexOf(versions.map((one) => entryOf(one)))))
  const publisher = { name: 'prometheus-community', url: 'https://prometheus-community.github.io/charts' }
  const artifacts = await startArtifactHub([{ name: 'prometheus', repository: publisher }])

  const [jetstack, quay] = await Promise.all([startHelmHttp(), startMemoryRegistry()])
  const parts = ['controller', 'webhook', 'cainjector']
  for (const part of parts) quay.add(`jetstack/cert-manager-${part}`, multiplatform(`${part} v1.15.0`), 'v1.15.0')
  const manager = chart('cert-manager', 'v1.15.0', managerFiles(parts))
  jetstack.files.set(`/${manager.file}`, manager.archive)
  jetstack.files.set('/index.yaml', Buffer.from(indexOf([entryOf(manager)])))

  const pages = await startHelmHttp()
  const served = ['1.4.0', '1.5.0', '1.6.0-rc.1'].map((version) => chart('gateway', version))
  for (const { file, archive } of served) pages.files.set(file, archive)
  const given = { ...entryOf(chart('old', '0.9.0')), deprecated: true }
  pages.files.set('index.yaml', Buffer.from(indexOf([...served.map((one) => entryOf(one)), given])))
  const left = museum ? await startMuseum() : undefined

  const internet = await startInternet({
    'charts.jetstack.io': new URL(jetstack.url).origin,
    'quay.io': quay.url,
    'team.example.com': new URL(pages.url).origin,
    ...(left ? { 'museum.example.com': left.url } : {}),
    'artifacthub.io': artifacts.url,
    'prometheus-community.github.io': new URL(charts.url).origin,
    'registry-1.docker.io': hub.content.url,
    'hub.docker.com': hub.apiUrl,
    'registry.example.com': registry.url,
    'registry.internal.example': internal.url,
    'old.example.com': old.url,
    'new.example.com': fresh.url,
    'hub.example.com': build.url,
    'mirror.example.com': mirror.url,
  })
  const all = [internet, jetstack, quay, hub, charts, pages, artifacts, registry, old, fresh, internal, build, mirror]
  return {
    env: internet.env,
    async close() {
      left?.stop()
      await Promise.all(all.map((one) => one.close()))
    },
  }
}

/** Its values say all that its templates need, so that it does not matter whether there is a Helm to render them. */
function managerFiles(parts: readonly string[]): Readonly<Record<string, string>> {
  const values = parts.map(
    (part) => `${part}: { image: { repository: quay.io/jetstack/cert-manager-${part}, tag: v1.15.0 } }\n`,
  )
  const pods = parts.map((part) => {
    const image = `{{ .Values.${part}.image.repository }}:{{ .Values.${part}.image.tag }}`
    return `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${part} }\nspec: { containers: [{ name: a, image: "${image}" }] }\n`
  })
  return { 'values.yaml': values.join(''), 'templates/pods.yaml': pods.join('') }
}

const PUSHED = new Date('2024-05-01T10:00:00Z')

/** With charts in its storage, one of them signed. */
async function startMuseum(): Promise<{ readonly url: string; stop(): void }> {
  const storage = temporaryDirectory()
  const signed = chart('web', '1.0.0')
  for (const { file, archive } of [signed, chart('web', '1.1.0+build.5'), chart('api', '0.3.0')]) {
    writeFileSync(join(storage, file), archive)
    // ChartMuseum tells it, and it goes into the manifest.
    utimesSync(join(storage, file), PUSHED, PUSHED)
  }
  writeFileSync(join(storage, `${signed.file}.prov`), provenance(signed))
  return startChartMuseum(storage, ['--basic-auth-user=ann', '--basic-auth-pass=w1nter'])
}

const made = new Map<string, Artifact>()

/** The same for the same seed, made once. */
function multiplatform(seed: string): Artifact {
  const found = made.get(seed)
  if (found) return found
  // Versions of one image share a layer, as those of real ones do.
  const [family = seed] = seed.split(' ')
  const images = ['amd64', 'arm64'].map((architecture) =>
    image({
      seed: `${seed} ${architecture}`,
      base: [randomBytes(200_000, `${family} ${architecture}`)],
      size: 60_000 + 10_000 * (seed.length % 7),
      platform: { os: 'linux', architecture },
    }),
  )
  const built = index(images)
  made.set(seed, built)
  return built
}
