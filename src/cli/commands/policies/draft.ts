/** A policy that is not written yet: whether it would be valid, and what it would match. */

import type { App } from '../../../app/app.ts'
import type { Edited } from '../../../config/edit/file.ts'
import { ConfigurationError } from '../../../core/errors.ts'
import { policyOf } from '../../selection.ts'
import type { Session } from '../../session.ts'
import { refuseUnset } from '../registries/desk.ts'
import { newPolicy, type PolicyFlags } from './fields.ts'
import { type Preview, preview } from './preview.ts'

export interface PolicyDraft {
  readonly session: Session
  readonly app: App
  readonly name: string
  /** Where it will be written. */
  readonly file: string
}

/** A destination that stands for one that is not known yet; it is never opened. */
const NOWHERE = ['oci:nowhere']

/** The file as it would be. Throws a `ConfigurationError` for what would not be valid. */
function drafted({ app, name }: PolicyDraft, flags: PolicyFlags): Promise<Edited> {
  const to = newPolicy({ destination: NOWHERE, ...flags })
  return app.edit([{ set: ['policies', name], to }], { dry: true })
}

/** Throws a `ConfigurationError` for what would not be valid. */
export async function checkDraft(draft: PolicyDraft, flags: PolicyFlags): Promise<void> {
  await drafted(draft, flags)
}

/** What is wrong with it, in one sentence. */
export async function complaint(draft: PolicyDraft, flags: PolicyFlags): Promise<string | undefined> {
  try {
    await drafted(draft, flags)
    return undefined
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    const { message = '', hint = error.hint } = error.problems[0] ?? {}
    return hint === undefined ? message : `${message}; ${hint}`
  }
}

/** Throws what the source says, and where a variable is not set that it needs. */
export async function previewDraft(
  draft: PolicyDraft,
  flags: PolicyFlags,
  options: { readonly within?: number; readonly keep: number },
): Promise<Preview> {
  const { configuration } = await drafted(draft, flags)
  const policy = policyOf(configuration, draft.name)
  refuseUnset(configuration.registryOf(policy.source.registry))
  return preview(draft.session, draft.app, policy, configuration, options)
}
