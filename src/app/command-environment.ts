/** The environment of commands that a policy names: the user's, without what is a secret of ours. */

import type { Redactor } from '../http/redact.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Ours may hold credentials (`REPLICATE_NAME_PASSWORD`); these two say where the command finds the same configuration and history. */
const KEPT: ReadonlySet<string> = new Set(['REPLICATE_CONFIG', 'REPLICATE_HOME'])

/** `home` is the directory of the history. Asked for late, it knows every secret that a run has met. */
export function commandEnvironment(env: Environment, home: string, redactor: Redactor): Environment {
  const isOpen = ([name, value]: readonly [string, string | undefined]): boolean => {
    if (value === undefined || name === 'DOCKER_AUTH_CONFIG') return false
    if (name.startsWith('REPLICATE_') && !KEPT.has(name)) return false
    return redactor.text(value) === value
  }
  return { ...Object.fromEntries(Object.entries(env).filter(isOpen)), REPLICATE_HOME: home }
}
