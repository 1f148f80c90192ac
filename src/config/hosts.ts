/** Registries that a bare host or a directory implies, without being defined. */

import { resolve } from 'node:path'
import { isLoopback, type Registry } from '../core/registry.ts'

interface KnownHost {
  readonly host: RegExp
  readonly type: string
  readonly url?: string
}

/** Which adapter a host gives away. */
const KNOWN_HOSTS: readonly KnownHost[] = [
  {
    host: /^(docker\.io|index\.docker\.io|registry-1\.docker\.io)$/,
    type: 'docker-hub',
    url: 'https://registry-1.docker.io',
  },
  {
    host: /^\d+\.dkr[.-]ecr(-fips)?\.[a-z0-9_-]+\.(amazonaws\.com(\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/,
    type: 'aws-ecr',
  },
  { host: /^(public\.ecr\.aws|ecr-public\.aws\.com)$/, type: 'aws-ecr-public' },
  { host: /\.azurecr\.(io|cn|us)$/, type: 'azure-acr' },
  { host: /\.pkg\.dev$/, type: 'google-gar' },
  { host: /^([a-z]+\.)?gcr\.io$/, type: 'google-gar' },
  { host: /^ghcr\.io$/, type: 'github-ghcr' },
  { host: /^quay\.io$/, type: 'quay' },
  { host: /^registry\.gitlab\.com$/, type: 'gitlab' },
  { host: /\.jfrog\.io$/, type: 'jfrog-artifactory' },
]

/** Where types answer that have one address. */
const HOME_URLS: Readonly<Record<string, string>> = {
  'docker-hub': 'https://registry-1.docker.io',
  'aws-ecr-public': 'https://public.ecr.aws',
  'github-ghcr': 'https://ghcr.io',
  gitlab: 'https://registry.gitlab.com',
  quay: 'https://quay.io',
}

/** The registry behind `host[:port]`; its adapter where this version has it, else the one for any registry. */
export function registryOfHost(host: string, knownTypes: readonly string[]): Registry {
  const known = KNOWN_HOSTS.find((entry) => entry.host.test(host.toLowerCase()))
  const type = known && knownTypes.includes(known.type) ? known.type : 'docker-registry'
  return { name: host, type, url: known?.url ?? `${isLoopback(host) ? 'http' : 'https'}://${host}` }
}

/** The registry behind `oci:DIR` or `tar:FILE`. Its name holds the absolute path, so it means the same everywhere. */
export function registryOfLayout(scheme: 'oci' | 'tar', path: string, directory: string): Registry {
  const absolute = resolve(directory, path)
  return { name: `${scheme}:${absolute}`, type: 'oci-layout', path: absolute }
}

/** The URL of a registry that is defined without one, or undefined where there is none to guess. */
export function homeUrl(name: string, type: string): string | undefined {
  return HOME_URLS[type] ?? (isHost(name) ? registryOfHost(name, []).url : undefined)
}

/** True for what is written like a host: it has a `.` or a port, or is `localhost`. */
export function isHost(text: string): boolean {
  return /^([a-zA-Z0-9][a-zA-Z0-9.-]*|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/.test(text) && /[.:]|^localhost$/.test(text)
}

/** On Docker Hub every name has a namespace; that of the official images is `library`. */
export function isDockerHub(registry: Registry): boolean {
  return registry.url === 'https://registry-1.docker.io' || /^https?:\/\/(index\.)?docker\.io$/.test(registry.url ?? '')
}
