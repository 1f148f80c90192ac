/** Writes a registry with what belongs to it: its credential goes to the keychain, its authority to a file. */

import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Configuration } from '../../../../config/load.ts'
import { messageOf } from '../../../../core/errors.ts'
import type { Registry } from '../../../../core/registry.ts'
import type { Daemon } from '../../../parts.ts'
import type { Sender } from '../../auth/tokens.ts'
import type { Entered, Plain, Undo } from '../../desk.ts'
import { change, changesOf } from '../../editing.ts'
import { ApiError } from '../../problem.ts'
import { record } from '../../record.ts'
import { callerOf } from '../../route.ts'
import type { draft } from '../../schema/definition.ts'

export const PATH = '/registries'
export const tags = ['registries']

/** What a request says of a registry. */
export interface Wanted {
  readonly definition: Readonly<Record<string, Plain>>
  readonly credential?: Entered | undefined
  readonly ca_pem?: string | undefined
}

/** The file as it would be. */
export async function draftOf(
  daemon: Daemon,
  caller: Sender,
  name: string,
  file: string,
  wanted: Wanted,
  ifMatch?: string,
) {
  const edits = [{ set: ['registries', name], to: wanted.definition }]
  return change(daemon, caller, {
    kind: 'registries',
    name,
    file,
    edits,
    value: wanted.definition,
    ifMatch,
    dry: true,
  })
}

/** The secret goes first, as a registry without it is worth nothing, and goes away again where the file cannot be written. */
export async function write(
  daemon: Daemon,
  request: FastifyRequest,
  {
    name,
    file,
    dry,
    ifMatch,
  }: { readonly name: string; readonly file: string; readonly dry: boolean; readonly ifMatch?: string | undefined },
  wanted: Wanted,
): Promise<z.infer<typeof draft>> {
  const { desk } = daemon.program
  const { credential, ca_pem } = wanted
  const caller = callerOf(request)
  let value: Readonly<Record<string, Plain>> =
    ca_pem === undefined
      ? wanted.definition
      : { ...wanted.definition, ca: await desk.authorityPath(file, name, ca_pem) }
  const before = await draftOf(daemon, caller, name, file, { ...wanted, definition: value }, ifMatch)
  if (!dry) {
    const undos: Undo[] = []
    try {
      if (ca_pem !== undefined) {
        const { path, undo } = await desk.keepAuthority(file, name, ca_pem)
        undos.push(undo)
        value = { ...value, ca: path }
      }
      if (credential)
        undos.push((await desk.keep(before.configuration.registryOf(name), credential)) ?? noKeychain(name))
      const edits = [{ set: ['registries', name], to: value }]
      await change(daemon, caller, { kind: 'registries', name, file, edits, value, ifMatch })
    } catch (error) {
      for (const undo of undos.toReversed()) {
        // A lesser evil than what has failed, which the client is told.
        await undo().catch((failure: unknown) =>
          daemon.tell({ type: 'log', level: 'warning', text: left(name, failure) }),
        )
      }
      throw error
    }
    if (credential) {
      record(daemon, request, { verb: 'changed', noun: 'credential', name, detail: 'in the keychain' })
    }
  }
  return { file, yaml: desk.yaml('registries', name, value), ...changesOf(before), next_runs: [] }
}

function left(name: string, failure: unknown): string {
  return `registry ${name} was not written, and what was kept for it could not be taken back: ${messageOf(failure)}`
}

function noKeychain(name: string): never {
  const variable = name.toUpperCase().replace(/[^A-Z0-9]/g, '_')
  throw new ApiError(409, 'no_keychain', 'this machine has no keychain for the credential: nothing was written', {
    hint: `set REPLICATE_${variable}_PASSWORD where the daemon runs, or write \`password: \${VARIABLE}\` or \`password_file\``,
  })
}

/** Throws an `ApiError` where the configuration does not have it. */
export function named({ registries }: Configuration, name: string): Registry {
  const one = registries.get(name)
  if (one) return one
  throw new ApiError(404, 'not_found', `there is no registry ${name}`)
}
