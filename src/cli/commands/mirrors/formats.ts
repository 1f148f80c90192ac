/** What makes clients pull from mirrors, in the format of each. */

import metadata from '../../../../package.json' with { type: 'json' }
import { isPlain, locationOf, type Mirror, throughGateway } from './mirror.ts'

export const FORMATS = ['containerd', 'crio', 'docker', 'podman', 'openshift'] as const
export type MirrorFormat = (typeof FORMATS)[number]

export interface ExportedMirrors {
  readonly text: string
  readonly notes: readonly string[]
}

export function exportedMirrors(format: MirrorFormat, mirrors: readonly Mirror[]): ExportedMirrors {
  if (format === 'containerd') return containerd(mirrors)
  if (format === 'docker') return docker(mirrors)
  if (format === 'openshift') return openshift(mirrors)
  return registriesConf(mirrors, format)
}

const MADE = `# Made by replicate ${metadata.version}.`

/** A `hosts.toml` for each source (github.com/containerd/containerd/blob/main/docs/hosts.md). */
function containerd(mirrors: readonly Mirror[]): ExportedMirrors {
  const notes: string[] = []
  const files: string[] = []
  for (const [host, own] of Map.groupBy(mirrors, (mirror) => mirror.host)) {
    const tables = new Set(
      own.flatMap((mirror) => {
        const above = aboveNames(mirror)
        if (above !== undefined) return [hostTable(mirror, above)]
        notes.push(
          `containerd asks for whole names: what ${host}/${mirror.prefix} is at ${locationOf(mirror)} it cannot be told; pull through the gateway, or set \`flatten: 0\``,
        )
        return []
      }),
    )
    const [first] = own
    if (tables.size === 0 || !first) continue
    files.push(
      [`# /etc/containerd/certs.d/${host}/hosts.toml`, `server = ${quoted(first.server)}`, ...tables].join('\n\n'),
    )
  }
  const head = `${MADE} Each part is the file of the name above it; containerd reads them where its \`config_path\` is /etc/containerd/certs.d.`
  return { text: `${[head, ...files].join('\n\n')}\n`, notes }
}

function hostTable(mirror: Mirror, above: string): string {
  const lines =
    above === ''
      ? [`[host.${quoted(mirror.url)}]`, '  capabilities = ["pull", "resolve"]']
      : [
          `[host.${quoted(`${mirror.url}/v2/${above}`)}]`,
          '  capabilities = ["pull", "resolve"]',
          '  override_path = true',
        ]
  return lines.join('\n')
}

/** What the mirror has before the source's whole names; undefined where it has other names. */
function aboveNames({ prefix, path }: Mirror): string | undefined {
  if (path === prefix) return ''
  if (prefix === '') return path
  return path.endsWith(`/${prefix}`) ? path.slice(0, -prefix.length - 1) : undefined
}

/** `registries.conf` in version 2 (containers-registries.conf.5). */
function registriesConf(mirrors: readonly Mirror[], format: 'crio' | 'podman'): ExportedMirrors {
  const entries = [...bySource(mirrors)].map(([source, own]) =>
    [
      '[[registry]]',
      `prefix = ${quoted(source)}`,
      `location = ${quoted(source)}`,
      ...own.flatMap((mirror) => [
        '',
        '[[registry.mirror]]',
        `location = ${quoted(locationOf(mirror))}`,
        ...(isPlain(mirror) ? ['insecure = true'] : []),
      ]),
    ].join('\n'),
  )
  const then = format === 'crio' ? '; then `systemctl reload crio`' : ''
  const head = `${MADE} For /etc/containers/registries.conf.d/50-replicate.conf${then}.`
  return { text: `${[head, ...entries].join('\n\n')}\n`, notes: [] }
}

/** `daemon.json`: Docker knows mirrors of Docker Hub alone, with its names. */
function docker(mirrors: readonly Mirror[]): ExportedMirrors {
  const able = mirrors.filter(({ host, path, prefix }) => host === 'docker.io' && path === prefix)
  const notes = mirrors
    .filter((mirror) => !able.includes(mirror))
    .map(({ host, prefix }) =>
      host === 'docker.io'
        ? `Docker asks mirrors for the names of Docker Hub: docker.io/${prefix} has others at its destination; pull through the gateway, or set \`flatten: 0\` without a namespace`
        : `Docker has mirrors of Docker Hub only: nothing is written for ${host}`,
    )
  const pulls = mirrors.filter(({ isGateway }) => isGateway)
  const before = pulls.slice(
    0,
    pulls.findLastIndex(({ host }) => host === 'docker.io'),
  )
  for (const { host } of before.filter(({ host: other }) => other !== 'docker.io')) {
    notes.push(
      `Docker does not tell a mirror which source it means: what the policies of ${host} select, too, comes from there, as they stand before that of docker.io`,
    )
  }
  const urls = [...new Set(able.map(({ url }) => url))]
  const insecure = urls.filter((url) => url.startsWith('http:')).map((url) => new URL(url).host)
  const file = {
    'registry-mirrors': urls,
    ...(insecure.length > 0 ? { 'insecure-registries': insecure } : {}),
  }
  return { text: `${JSON.stringify(file, undefined, 2)}\n`, notes: [...new Set(notes)] }
}

/** Sets of OpenShift (config.openshift.io/v1), for digests and for tags. */
function openshift(mirrors: readonly Mirror[]): ExportedMirrors {
  const kinds = [
    ['ImageDigestMirrorSet', 'imageDigestMirrors'],
    ['ImageTagMirrorSet', 'imageTagMirrors'],
  ] as const
  const sources = [...bySource(mirrors)]
  const documents = kinds.map(([kind, list]) =>
    [
      'apiVersion: config.openshift.io/v1',
      `kind: ${kind}`,
      'metadata:',
      '  name: replicate',
      'spec:',
      `  ${list}:`,
      ...sources.flatMap(([source, own]) => [
        `    - source: ${quoted(source)}`,
        '      mirrorSourcePolicy: AllowContactingSource',
        '      mirrors:',
        ...own.map((mirror) => `        - ${quoted(locationOf(mirror))}`),
      ]),
    ].join('\n'),
  )
  const plain = [...new Set(mirrors.filter(isPlain).map(({ url }) => new URL(url).host))]
  const note = `without TLS: name it under \`registrySources.insecureRegistries\` of image.config.openshift.io/cluster`
  return { text: `${MADE}\n${documents.join('\n---\n')}\n`, notes: plain.map((host) => `${host} is ${note}`) }
}

/** By `HOST/PREFIX`. */
function bySource(mirrors: readonly Mirror[]): ReadonlyMap<string, readonly Mirror[]> {
  const all = mirrors.map(throughGateway)
  return Map.groupBy(all, ({ host, prefix }) => (prefix === '' ? host : `${host}/${prefix}`))
}

/** A string of TOML, YAML and JSON alike. */
function quoted(text: string): string {
  return JSON.stringify(text)
}
