/** A policy that is not written yet: whether it would be valid, and what it would match. */

import type { App } from '../../../app/app.ts'
import type { Edit } from '../../../config/edit/edit.ts'
import type { Edited } from '../../../config/edit/file.ts'
import type { Policy } from '../../../core/policy.ts'
import { complaintOf } from '../../complaint.ts'
import { policyOf } from '../../selection.ts'
import type { Session } from '../../session.ts'
import { refuseUnset } from '../registries/desk.ts'
import { newPolicy, type PolicyFlags, policyEdits } from './fields.ts'
import { type Preview, type PreviewOptions, preview } from './preview.ts'

export interface PolicyDraft {
  readonly session: Session
  readonly app: App
  readonly name: string
  /** Where it will be written. */
  readonly file: string
  /** The policy that is changed; undefined: a new one. */
  readonly before: Policy | undefined
}

/** A destination that stands for one that is not known yet; it is never opened. */
const NOWHERE = ['oci:nowhere']

/** The file as it would be. Throws a `ConfigurationError` for what would not be valid. */
export async function drafted({ app, name, before }: PolicyDraft, flags: PolicyFlags): Promise<Edited> {
  if (before) return app.edit(await changesOf(app, before, flags), { dry: true })
  return app.edit([{ set: ['policies', name], to: newPolicy({ destination: NOWHERE, ...flags }) }], { dry: true })
}

/** What the options change of a policy that is there. A source that is written as one reference is taken apart where a filter is to say a part
 *  of it. */
export async function changesOf(app: App, policy: Policy, flags: PolicyFlags): Promise<readonly Edit[]> {
  const edits = policyEdits(policy, flags)
  const wrong = await complaintOf(() => app.edit(edits, { dry: true }))
  const { digest, name, tag } = policy.filters
  if (wrong === undefined || !/`source` gives it too/.test(wrong) || digest !== undefined) return edits
  const apart = { source: policy.source.registry, ...(name ? { name } : {}), ...(tag ? { tag } : {}), ...flags }
  return policyEdits(policy, apart)
}

/** What is wrong with it, in one sentence. */
export function complaint(draft: PolicyDraft, flags: PolicyFlags): Promise<string | undefined> {
  return complaintOf(() => drafted(draft, flags))
}

/** Throws what the source says, and where a variable is not set that it needs. */
export async function previewDraft(draft: PolicyDraft, flags: PolicyFlags, options: PreviewOptions): Promise<Preview> {
  const { configuration } = await drafted(draft, flags)
  const policy = policyOf(configuration, draft.name)
  refuseUnset(configuration.registryOf(policy.source.registry))
  return preview(draft.session, draft.app, policy, configuration, options)
}
