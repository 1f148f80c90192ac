/** Images in a tree of YAML: in the values of a chart, and in the objects that it renders to. */

import { foreignName } from '../../core/foreign.ts'
import { isMapValue, isScalarValue, stringOf, type Value } from '../chart/go-yaml.ts'
import type { Gathering } from './gathered.ts'
import { parseImage, type WrittenImage } from './reference.ts'

type Fields = ReadonlyMap<string, Value>

/** Kubernetes runs what these list. */
const CONTAINERS: ReadonlySet<string> = new Set(['containers', 'initContainers', 'ephemeralContainers'])

/** `place` names what the tree is of, such as `Deployment web`. */
export function imagesInObject(object: Value, place: string, to: Gathering): void {
  walk(object, [], (key, value, fields, path) => {
    if (key !== 'image') return false
    if (isMapValue(value)) {
      const reference = textAt(value, 'reference')
      if (reference !== undefined) return noteText(reference, true, at(place, [...path, 'reference']), to)
      return noteGroup(value, at(place, path), to)
    }
    const text = textOf(value)
    const [list = ''] = path.slice(-3)
    if (text !== undefined) noteText(text, CONTAINERS.has(list) || fields.has('imagePullPolicy'), at(place, path), to)
    return true
  })
}

/** `file` is where the values stand. */
export function imagesInValues(values: Value, file: string, to: Gathering): void {
  walk(values, [], (key, value, fields, path) => {
    const isNamed = /^image$|Image$/.test(key)
    if (isMapValue(value)) {
      const isGroup = isNamed || value.has('tag') || value.has('digest')
      return isGroup && noteGroup(value, at(file, path), to)
    }
    const text = textOf(value)
    if (!isNamed || text === undefined) return false
    const image = parseImage(text)
    const tag = textAt(fields, 'tag') ?? textAt(fields, 'imageTag')
    // Other things than images end in `Image`: one without a tag is taken for such a thing.
    if (key !== 'image' && (!image || !isWhole(image))) return true
    if (image && !isWhole(image) && tag !== undefined) return noteText(`${text}:${tag}`, false, at(file, path), to)
    return noteText(text, false, at(file, path), to)
  })
}

/** A reference that stands alone. `isRun`: Kubernetes runs it as it is, `latest` where it has no tag. */
function noteText(text: string, isRun: boolean, place: string, to: Gathering): true {
  const image = parseImage(text)
  if (!image) to.unresolved(`${place} is no reference to an image: ${JSON.stringify(foreignName(text))}`)
  else if (isRun || isWhole(image)) to.image(image)
  else to.unresolved(`${place} has no tag`)
  return true
}

/** `repository`, `tag`, `digest`, `registry`. False where it is something else. */
function noteGroup(group: Fields, place: string, to: Gathering): boolean {
  const repository = textAt(group, 'repository')
  if (repository === undefined) return group.has('repository')
  const registry = textAt(group, 'registry')?.replace(/\/+$/, '')
  const [tag, digest] = [textAt(group, 'tag'), textAt(group, 'digest')]
  const name = registry === undefined ? repository : `${registry}/${repository}`
  noteText(`${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`, false, place, to)
  return true
}

function isWhole({ tag, digest }: WrittenImage): boolean {
  return tag !== undefined || digest !== undefined
}

/** Undefined where it is not a text, or an empty one. */
function textAt(fields: Fields, key: string): string | undefined {
  const value = fields.get(key)
  return value === undefined ? undefined : textOf(value)
}

function textOf(value: Value): string | undefined {
  const text = isScalarValue(value) ? stringOf(value)?.trim() : undefined
  return text === '' ? undefined : text
}

function at(place: string, path: readonly string[]): string {
  return `${place}: ${foreignName(path.join('.'))}`
}

/** `visit` returns true for what need not be walked. Its `path` ends with the key. */
function walk(
  value: Value,
  path: readonly string[],
  visit: (key: string, value: Value, fields: Fields, path: readonly string[]) => boolean,
): void {
  if (isMapValue(value)) {
    for (const [key, child] of value) {
      const below = [...path, key]
      if (!visit(key, child, value, below)) walk(child, below, visit)
    }
  } else if (Array.isArray(value)) {
    for (const [index, child] of value.entries()) walk(child, [...path, String(index)], visit)
  }
}
