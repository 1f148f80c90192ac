/** Whether a worker has what the tasks of a run need. */

import { messageOf } from '../../core/errors.ts'
import type { Registry } from '../../core/registry.ts'
import { withoutUserinfo } from '../../core/secret.ts'
import { FORMAT, type RunRecord } from '../protocol.ts'

export interface Means {
  /** As the worker's own configuration defines it. Throws where it does not. */
  readonly registryOf: (name: string) => Registry
  readonly hasCredential: (registry: Registry) => Promise<boolean>
}

/** What it lacks; undefined where it lacks nothing. */
export async function lackOf({ registries }: RunRecord, means: Means): Promise<string | undefined> {
  for (const { name, type, url, credential } of registries) {
    // What has no URL is a path, whose tasks the coordinator does.
    if (url === undefined) continue
    let own: Registry
    try {
      own = means.registryOf(name)
    } catch (error) {
      return `its configuration has no registry \`${name}\` (${messageOf(error)})`
    }
    if (own.type !== type) return `its registry \`${name}\` is of type ${own.type}, and the run's of type ${type}`
    const ownUrl = withoutUserinfo(own.url ?? own.path ?? '', '')
    if (ownUrl !== url) return `its registry \`${name}\` is ${ownUrl}, and the run's is ${url}`
    if (!credential) continue
    const found = await means.hasCredential(own).catch((error: unknown) => messageOf(error))
    if (typeof found === 'string') return `its credential for registry \`${name}\` cannot be read: ${found}`
    if (!found) return `it has no credential for registry \`${name}\``
  }
  return undefined
}

/** Two versions of the program that do not understand each other. */
export function otherFormat(run: { readonly format: number; readonly version: string }, version: string): string {
  return `it is replicate ${version} and speaks format ${FORMAT}, and the run is of replicate ${run.version} with format ${run.format}`
}
