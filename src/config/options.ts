/** The `options` of a registry, checked by what its adapter says of them. */

import type { AdapterFacts, AdapterOption } from '../core/adapter.ts'
import type { OptionValue } from '../core/registry.ts'
import type { RegistryInput } from './schema.ts'
import type { Finding } from './source.ts'
import { didYouMean } from './suggest.ts'

type Given = NonNullable<RegistryInput['options']>[string]

/** Without facts, which a third party's adapter gives only once it is loaded, the values are taken as they are. */
export function builtOptions(
  input: NonNullable<RegistryInput['options']>,
  type: string,
  facts: AdapterFacts | undefined,
): { readonly values: Readonly<Record<string, OptionValue>>; readonly findings: readonly Finding[] } {
  if (!facts) return { values: input, findings: [] }
  const known = facts.options ?? []
  const values: Record<string, OptionValue> = {}
  const findings: Finding[] = []
  for (const [name, given] of Object.entries(input)) {
    const path = ['options', name]
    const option = known.find((candidate) => candidate.name === name)
    if (!option) {
      const names = known.map((candidate) => candidate.name)
      const all = names.length === 0 ? 'it has none' : `its options are ${names.join(', ')}`
      const hint = didYouMean(name, names) ?? all
      findings.push({ path, atKey: true, message: `\`${type}\` has no option \`${name}\``, hint })
      continue
    }
    const value = optionOf(given, option)
    if (value === undefined) findings.push({ path, message: `\`${name}\` is not ${expected(option)}` })
    else values[name] = value
  }
  return { values, findings }
}

function optionOf(given: Given, { type, values }: AdapterOption): OptionValue | undefined {
  const isText = typeof given === 'string'
  if (type === 'flag') return given === 'true' ? true : given === 'false' ? false : undefined
  if (type === 'text') return isText && (!values || values.includes(given)) ? given : undefined
  if (type === 'list') return isText ? [given] : Array.isArray(given) ? given : undefined
  return isText || Array.isArray(given) ? undefined : given
}

function expected({ type, values }: AdapterOption): string {
  if (type === 'flag') return '`true` or `false`'
  if (type === 'list') return 'a text or a list of texts'
  if (type === 'mapping') return 'a mapping of names to texts'
  return values ? `one of ${values.map((value) => `\`${value}\``).join(', ')}` : 'a text'
}
