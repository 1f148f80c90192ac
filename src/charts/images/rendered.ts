/** Images in what `helm template` prints: objects of Kubernetes, in one YAML document each. */

import { IntegrityError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import { isMapValue, isScalarValue, parseYaml, stringOf, type Value } from '../chart/go-yaml.ts'
import { imagesInObject } from './fields.ts'
import type { Gathering } from './gathered.ts'

export function imagesInRendered(text: string, to: Gathering): void {
  for (const document of text.split(/^---[^\S\n]*(?:#.*)?$/m)) {
    // Most objects have no image, and reading YAML takes long.
    if (!/\bimage\b/.test(document)) continue
    const source = foreignName(/^# Source: (.+)$/m.exec(document)?.[1] ?? 'a rendered document')
    try {
      const object = parseYaml(document, source)
      imagesInObject(object, nameOf(object) ?? source, to)
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error
      to.unresolved(error.message)
    }
  }
}

/** `Deployment web`. */
function nameOf(object: Value): string | undefined {
  if (!isMapValue(object)) return undefined
  const metadata = object.get('metadata')
  const [kind, name] = [object.get('kind'), metadata && isMapValue(metadata) ? metadata.get('name') : undefined].map(
    (value) => (value && isScalarValue(value) ? stringOf(value) : undefined),
  )
  return kind === undefined ? undefined : foreignName([kind, name ?? ''].join(' ').trim())
}
