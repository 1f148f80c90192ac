/** Other people's tools, where they are installed. */

import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Undefined where it is not installed. */
export function pathOfTool(name: string): string | undefined {
  const places = [
    join(homedir(), '.local', 'share', 'replicate-test', 'bin'),
    ...(process.env.PATH ?? '').split(delimiter),
  ]
  return places.map((place) => join(place, name)).find(isExecutable)
}

/** What checks the deployments of the examples. */
export const CHECKERS = ['kubeconform', 'systemd-analyze'] as const

export function missingCheckers(): readonly string[] {
  return CHECKERS.filter((name) => pathOfTool(name) === undefined)
}

/** Other people's clients, which pull through the gateway. */
const CLIENTS = ['crane', 'skopeo', 'podman', 'oci-conformance'] as const
/** The same, which no test needs to have. */
const MORE_CLIENTS = ['oras', 'regctl', 'helm', 'ctr', 'containerd', 'docker', 'dockerd'] as const

export function missingClients(): { readonly needed: readonly string[]; readonly others: readonly string[] } {
  const isMissing = (name: string): boolean => pathOfTool(name) === undefined
  return { needed: CLIENTS.filter(isMissing), others: MORE_CLIENTS.filter(isMissing) }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
