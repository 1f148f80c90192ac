/** The few of Go's templates that regsync files are known to use. */

import type { Secret } from '../draft.ts'

/** The text with its templates filled in, or undefined where one is beyond this. `fields` are those of `.Sync`. */
export function expand(text: string, fields: Readonly<Record<string, string | undefined>>): string | undefined {
  let isKnown = true
  const value = text.replaceAll(/\{\{-?\s*(.*?)\s*-?\}\}/gs, (_, inner: string) => {
    const found = evaluated(inner, fields)
    if (found === undefined) isKnown = false
    return found ?? ''
  })
  return isKnown && !value.includes('{{') ? value : undefined
}

function evaluated(inner: string, fields: Readonly<Record<string, string | undefined>>): string | undefined {
  const [, field] = /^\.Sync\.(\w+)$/.exec(inner) ?? []
  if (field !== undefined) return fields[field]
  const [, split, separator, index] = /^index \(split \.Sync\.(\w+) "([^"\\]+)"\) (\d+)$/.exec(inner) ?? []
  if (split === undefined || separator === undefined) return undefined
  return fields[split]?.split(separator)[Number(index)]
}

/** Where a secret is: `{{env "NAME"}}` and `{{file "PATH"}}` are places; anything else is the secret itself. */
export function secretIn(text: string): Secret {
  const [, call, argument] = /^\{\{-?\s*(env|file)\s+["`]([^"`\\]+)["`]\s*-?\}\}$/.exec(text.trim()) ?? []
  if (call === 'env' && argument !== undefined && /^[A-Za-z_]\w*$/.test(argument))
    return { in: 'variable', name: argument }
  if (call === 'file' && argument !== undefined) return { in: 'path', path: argument }
  return { in: 'file' }
}
