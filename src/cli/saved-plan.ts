/** Plans kept in a file: `plan --out` writes one, `run --plan` applies it. */

import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import type { PolicyPlan, SavedPlan } from '../app.ts'
import { type Digest, parseDigest } from '../core/descriptor.ts'
import { ConfigurationError } from '../core/errors.ts'
import { jsonStream } from './render/json.ts'
import type { Session } from './session.ts'
import { chunks } from './stream.ts'

const digest = z.custom<Digest>((value) => typeof value === 'string' && parseDigest(value) !== undefined)
const location = z.object({ registry: z.string(), repository: z.string(), tag: z.string().exactOptional() })
const task = z.object({
  action: z.enum(['copy', 'update', 'delete', 'keep', 'blocked']),
  resource_type: z.enum(['image', 'chart']),
  source: location,
  destination: location,
  digest: digest.exactOptional(),
  media_type: z.string().exactOptional(),
  size: z.int().nonnegative().exactOptional(),
  previous_digest: digest.exactOptional(),
  reason: z.string().exactOptional(),
  reason_code: z.string().exactOptional(),
  hint: z.string().exactOptional(),
  new_repository: z.boolean().exactOptional(),
  referrers_only: z.boolean().exactOptional(),
  damaged: z.array(digest).exactOptional(),
  removal: z
    .object({ attachments: z.array(z.string()), together: z.array(z.string()).exactOptional() })
    .exactOptional(),
})
const schema = z.object({
  version: z.literal(1),
  targets: z.array(z.string()),
  policies: z.array(z.object({ policy: z.string(), tasks: z.array(task) })),
})

/** A plan with what it was made of: files (absolute) and names as `run` takes them. */
export interface PlanFile extends SavedPlan {
  readonly targets: readonly string[]
}

/** Throws a `ConfigurationError` where the file cannot be written. */
export async function writePlanFile(
  session: Session,
  file: string,
  targets: readonly string[],
  plans: readonly PolicyPlan[],
): Promise<void> {
  const saved = {
    version: 1,
    targets: targets.map((target) => (/\.ya?ml$/i.test(target) ? resolve(session.cwd, target) : target)),
    policies: plans.map(({ policy, tasks }) => ({ policy, tasks })),
  }
  try {
    await writeFile(resolve(session.cwd, file), chunks(jsonStream(saved)))
  } catch (cause) {
    throw new ConfigurationError(`cannot write the plan ${file}: ${reason(cause)}`, { cause })
  }
}

/** Throws a `ConfigurationError` where the file cannot be read, or is no plan of this version. */
export async function readPlanFile(session: Session, file: string): Promise<PlanFile> {
  try {
    return schema.parse(JSON.parse(await readFile(resolve(session.cwd, file), 'utf8')))
  } catch (cause) {
    const malformed = cause instanceof z.ZodError || cause instanceof SyntaxError
    throw new ConfigurationError(
      `cannot read the plan ${file}: ${malformed ? 'it is no plan of this version' : reason(cause)}`,
      { cause, hint: 'write it with `replicate plan --out FILE`' },
    )
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
