/** Whether a repository is locked against writes, known before anything is sent. */

import { z } from 'zod'
import type { Adapter, WriteRules } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import type { Acr } from './refusals.ts'

const REPOSITORY = z.looseObject({
  changeableAttributes: z.looseObject({ writeEnabled: z.boolean().nullish() }).nullish(),
})

/** Each repository is asked once. Locks of single tags are not looked at: in lists they may be wrong,
 *  https://github.com/Azure/acr/issues/495. */
export function writeRules(acr: Acr): NonNullable<Adapter['writeRules']> {
  const known = new Map<string, Promise<WriteRules>>()
  return (repository, ctx) => {
    const rules = known.get(repository) ?? rulesOf(repository, acr, ctx)
    known.set(repository, rules)
    rules.catch(() => known.delete(repository))
    return rules
  }
}

async function rulesOf(repository: string, acr: Acr, ctx: Context): Promise<WriteRules> {
  const request = { url: `/acr/v1/${repository}`, scopes: [`repository:${repository}:metadata_read`] }
  try {
    const { value } = await askJson(acr.http(), request, REPOSITORY, `attributes of ${repository}`, ctx)
    if (value.changeableAttributes?.writeEnabled !== false) return {}
    return {
      refused: {
        reason: `repository ${repository} is locked against writes`,
        hint: `az acr repository update --repository ${repository} --write-enabled true`,
      },
    }
  } catch (error) {
    // Not there yet, or not for this credential to ask.
    if (error instanceof CredentialError || (error instanceof RegistryError && !error.retryable)) return {}
    throw error
  }
}
