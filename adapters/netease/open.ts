/** Opens NetEase Cloud's registry: a plain one without a catalogue, whose namespaces are accounts. */

import type { Adapter, AdapterTools, WriteRules } from '../../src/core/adapter.ts'
import { RegistryError } from '../../src/core/errors.ts'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { explainedStore } from '../explain.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const { repositories: _, ...adapter } = ociRegistry(registry, tools)
  return {
    ...adapter,
    repository: (name) => ({
      ...explainedStore(adapter.repository(name), (error, right) => (right === 'push' ? hinted(error, name) : error)),
      // As distribution 2: no tag alone. Where deletion is switched off, only a delete tells.
      deletes: async () => 'manifest',
    }),
    writeRules: async (name) => rulesOf(name, await tools.credential()),
  }
}

/** A push to another account would be denied once bytes have moved. An address is no account's name. */
function rulesOf(name: string, credential: Credential): WriteRules {
  const [namespace] = name.split('/')
  if (credential.kind !== 'basic' || credential.username.includes('@') || credential.username === namespace) return {}
  return {
    refused: {
      reason: `${name} does not belong to the account ${credential.username}, and NetEase Cloud takes a push nowhere else`,
      hint: 'set destination.namespace to the name of the account',
    },
  }
}

/** The registry does not say that it has no such repository, or that it knows no such media type. */
function hinted(error: unknown, name: string): unknown {
  if (!(error instanceof RegistryError)) return error
  if (error.status === 400 && error.codes.includes('MANIFEST_INVALID')) {
    const hint =
      "the registry may know only Docker's media types: select what it takes by `resource`, or leave out attestations (filters: { attestations: false })"
    return restated(error, error.message, hint)
  }
  if (error.status !== 403 && error.status !== 404) return error
  return restated(
    error,
    error.message,
    `create the repository ${name} in the console of NetEase Cloud, or use its account`,
  )
}
