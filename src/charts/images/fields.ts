/** Images in a tree of YAML: in the values of a chart, and in the objects that it renders to. */

import { foreignName } from '../../core/foreign.ts'
import { isMapValue, isScalarValue, stringOf, type Value } from '../chart/go-yaml.ts'
import type { Gathering } from './gathered.ts'
import { parseImage, type WrittenImage } from './reference.ts'

type Fields = ReadonlyMap<string, Value>

/** Kubernetes runs what these list. */
const CONTAINERS: ReadonlySet<string> = new Set(['containers', 'initContainers', 'ephemeralContainers'])

const ARGUMENTS: ReadonlySet<string> = new Set(['args', 'command'])

/** `place` names what the tree is of, such as `Deployment web`. */
export function imagesInObject(object: Value, place: string, to: Gathering): void {
  walk(object, [], (key, value, fields, path) => {
    if (ARGUMENTS.has(key) && Array.isArray(value)) noteArguments(value, to)
    if (key === 'value') noteVariable(fields, to)
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
    // Other things than images end in `Image`: one without a tag is taken for such a thing.
    const image = parseImage(text)
    if (key !== 'image' && (!image || !isWhole(image))) return true
    return noteText(image && !isWhole(image) ? besides(text, fields) : text, false, at(file, path), to)
  })
}

/** Programs are told of further images by arguments (`--solver-image=…`) and variables (`RELATED_IMAGE_…`). */
function noteArguments(list: readonly Value[], to: Gathering): void {
  for (const one of list) {
    const [, text = ''] = /^--?[\w-]*image[\w-]*=(.+)$/i.exec(textOf(one) ?? '') ?? []
    noteFurther(text, to)
  }
}

function noteVariable(fields: Fields, to: Gathering): void {
  if (/image/i.test(textAt(fields, 'name') ?? '')) noteFurther(textAt(fields, 'value') ?? '', to)
}

/** Only what can be nothing but an image: its registry is written, and a tag or a digest. */
function noteFurther(text: string, to: Gathering): void {
  const image = /^[^/]+[.:][^/]*\//.test(text) ? parseImage(text) : undefined
  if (image && isWhole(image)) to.image(image)
}

/** A reference that stands alone. `isRun`: Kubernetes runs it as it is, `latest` where it has no tag. */
function noteText(text: string, isRun: boolean, place: string, to: Gathering): true {
  const image = parseImage(text)
  if (!image) to.unresolved(`${place} is not a reference to an image: ${JSON.stringify(foreignName(text))}`)
  else if (isRun || isWhole(image)) to.image(image)
  else to.unresolved(`${place} has no tag`)
  return true
}

/** `repository` (or, as some charts have it, `image` or `name`) with `tag`, `digest`, `registry`. False where it is something else. */
function noteGroup(group: Fields, place: string, to: Gathering): boolean {
  const isTagged = group.has('tag') || group.has('digest')
  const repository =
    textAt(group, 'repository') ?? (isTagged ? (textAt(group, 'image') ?? textAt(group, 'name')) : undefined)
  if (repository === undefined) return group.has('repository')
  return noteText(besides(repository, group), false, place, to)
}

/** The whole reference of a repository that has its other parts beside it. */
function besides(repository: string, fields: Fields): string {
  const registry = textAt(fields, 'registry')?.replace(/\/+$/, '')
  const tag = textAt(fields, 'tag') ?? textAt(fields, 'imageTag')
  const sha = textAt(fields, 'sha')
  const digest = textAt(fields, 'digest') ?? (/^[0-9a-f]{64}$/.test(sha ?? '') ? `sha256:${sha}` : undefined)
  const name = registry === undefined ? repository : `${registry}/${repository}`
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
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
