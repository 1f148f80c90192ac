/** What an edit did to the registries and policies of a file. */

import { isDeepStrictEqual } from 'node:util'
import type { DefinitionChange, DefinitionKind } from '../../core/definition.ts'
import { isMapping, type Mapping } from '../mapping.ts'
import { contentOf } from '../source.ts'
import type { EditedSource } from './edit.ts'

const SECTIONS: Readonly<Record<string, DefinitionKind>> = { registries: 'registry', policies: 'policy' }

export function changesBetween({ before, after }: EditedSource): readonly DefinitionChange[] {
  if (before === after) return []
  const [old, now] = [contentOf(before), contentOf(after)]
  return Object.entries(SECTIONS).flatMap(([section, kind]) => {
    const [was, is] = [sectionOf(old, section), sectionOf(now, section)]
    return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((name): readonly DefinitionChange[] => {
      if (!Object.hasOwn(is, name)) return [{ kind, name, what: 'removed' }]
      if (!Object.hasOwn(was, name)) return [{ kind, name, what: 'created' }]
      return isDeepStrictEqual(was[name], is[name]) ? [] : [{ kind, name, what: 'changed' }]
    })
  })
}

function sectionOf(content: unknown, name: string): Mapping {
  const section = isMapping(content) ? content[name] : undefined
  return isMapping(section) ? section : {}
}
