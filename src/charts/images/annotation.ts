/** Images that a chart lists in its annotation for Artifact Hub. */

import { IntegrityError } from '../../core/errors.ts'
import { isMapValue, isScalarValue, parseYaml, stringOf } from '../chart/go-yaml.ts'
import type { ChartMetadata } from '../chart/metadata.ts'
import type { Gathering } from './gathered.ts'
import { parseImage } from './reference.ts'

/** https://artifacthub.io/docs/topics/annotations/helm/: a list of `{name, image}` in a text. */
const ANNOTATION = 'artifacthub.io/images'

export function imagesInAnnotation({ annotations = {} }: ChartMetadata, to: Gathering): void {
  const text = annotations[ANNOTATION]
  if (text === undefined) return
  const place = `the annotation ${ANNOTATION}`
  try {
    const list = parseYaml(text, place)
    if (!Array.isArray(list)) throw new IntegrityError(`${place} is not a list`)
    for (const [index, entry] of list.entries()) {
      const value = isMapValue(entry) ? entry.get('image') : undefined
      const written = value && isScalarValue(value) ? stringOf(value) : undefined
      const image = written === undefined ? undefined : parseImage(written)
      if (image) to.image(image)
      else to.unresolved(`${place} names no image in its entry ${index + 1}`)
    }
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error
    to.unresolved(error.message)
  }
}
