/** A service account's key file, wherever it stands: as a credential of its own, or as a password. */

import { z } from 'zod'
import type { Credential } from '../../src/core/registry.ts'

const KEY = z.looseObject({ client_email: z.string(), private_key: z.string(), project_id: z.string().optional() })
export type Key = z.infer<typeof KEY>

/** The text of the key; undefined for any other credential. */
export function keyText(found: Credential): string | undefined {
  if (found.kind === 'service_account') return found.key
  if (found.kind !== 'basic') return undefined
  if (found.username === '_json_key') return found.password
  return found.username === '_json_key_base64' ? Buffer.from(found.password, 'base64').toString('utf8') : undefined
}

/** Undefined where there is none, or it is malformed. */
export function keyOf(found: Credential): Key | undefined {
  try {
    const parsed = KEY.safeParse(JSON.parse(keyText(found) ?? ''))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}
