/** Registries that a bare host or a directory implies, without being defined. */

import { resolve } from 'node:path'
import type { AdapterFacts } from '../core/adapter.ts'
import { isLoopback, type Registry } from '../core/registry.ts'

/** The registry at `host[:port]`. Its type is the one whose facts name the host, or else `docker-registry`. */
export function registryOfHost(host: string, types: readonly AdapterFacts[]): Registry {
  const lower = host.toLowerCase()
  const alias = types.find(({ aliases }) => aliases?.includes(lower))
  if (alias?.home !== undefined) return { name: host, type: alias.identity, url: alias.home }
  const known = types.find(({ hosts }) => hosts?.some((pattern) => pattern.test(lower)))
  const url = `${isLoopback(host) ? 'http' : 'https'}://${host}`
  return { name: host, type: known?.identity ?? 'docker-registry', url }
}

/** A directory; a tar; a tar that `docker save` made, which a tar may be too. */
export const LAYOUT_SCHEMES = ['oci', 'tar', 'docker-archive'] as const
export type LayoutScheme = (typeof LAYOUT_SCHEMES)[number]

/** True for a place that is a directory or a file of this machine. */
export function isLayoutPlace(text: string): boolean {
  return LAYOUT_SCHEMES.some((scheme) => text.startsWith(`${scheme}:`))
}

/** The registry behind `oci:DIR`, `tar:FILE` or `docker-archive:FILE`. Its name holds the absolute path, so it means the same everywhere. */
export function registryOfLayout(scheme: LayoutScheme, path: string, directory: string): Registry {
  const absolute = resolve(directory, path)
  return { name: `${scheme}:${absolute}`, type: 'oci-layout', path: absolute }
}

/** The URL of a registry that is defined without one; undefined if neither its type nor its name tells. */
export function homeUrl(name: string, type: string, types: readonly AdapterFacts[]): string | undefined {
  const facts = types.find(({ identity }) => identity === type)
  return facts?.home ?? (isHost(name) ? registryOfHost(name, types).url : undefined)
}

/** True for what is written like a host: it has a `.` or a port, or is `localhost`. */
export function isHost(text: string): boolean {
  return /^([a-zA-Z0-9][a-zA-Z0-9.-]*|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/.test(text) && /[.:]|^localhost$/.test(text)
}

/** The namespace that a repository name of one part has at this address, such as Docker Hub's `library`. */
export function defaultNamespace({ name, url }: Registry, types: readonly AdapterFacts[]): string | undefined {
  // As Docker itself names what it saves.
  if (name.startsWith('docker-archive:')) return 'library'
  const host = url?.replace(/^https?:\/\//, '')
  const facts = types.find(({ home, aliases }) => url === home || (host !== undefined && aliases?.includes(host)))
  return url === undefined ? undefined : facts?.defaultNamespace
}
