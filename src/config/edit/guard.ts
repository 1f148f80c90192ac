/** Checks after an edit that the file's content changed as intended and nowhere else. */

import { isDeepStrictEqual } from 'node:util'
import { isAlias, isNode, visit } from 'yaml'
import { isObject } from '../mapping.ts'
import { contentOf, type Source } from '../source.ts'
import { asTexts } from './render.ts'
import { type Edit, type Path, refusal } from './tree.ts'

/** Throws a `ConfigurationError` with its place, for example if an anchor carries the change to another place. */
export function checkOnlyIntended(before: Source, after: Source, edit: Edit): void {
  const path = 'set' in edit ? edit.set : 'remove' in edit ? edit.remove : edit.note
  const read = plain(contentOf(before))
  const wanted = isObject(read) ? read : {}
  if ('set' in edit) put(wanted, path, asTexts(edit.to))
  else if ('remove' in edit) drop(wanted, path)
  const found = after.document.errors.length > 0 ? undefined : plain(contentWhole(after))
  if (isDeepStrictEqual(tidy(wanted), tidy(found))) return
  const name = `\`${path.join('.')}\``
  const refuse = (message: string, hint: string): Error => refusal({ source: before }, path, message, hint)
  const inner = anchorWithin(before, path)
  if (found === undefined && inner !== undefined) {
    throw refuse(
      `${name} holds \`&${inner}\`, which is used elsewhere`,
      `write out what \`*${inner}\` stands for first`,
    )
  }
  const elsewhere = found === undefined ? undefined : difference(wanted, found)
  const shared = anchorAround(before, path) ?? inner
  if (shared === undefined || elsewhere === undefined) {
    throw refuse(`${name} is written in a way that cannot be changed here`, 'change it by hand')
  }
  throw refuse(
    `changing ${name} would change \`${elsewhere.join('.')}\`, too, through \`&${shared}\``,
    'write out what is to stay, then try again; or change it by hand',
  )
}

function contentWhole(source: Source): unknown {
  try {
    return contentOf(source)
  } catch {
    // An alias whose anchor has gone.
    return undefined
  }
}

/** A deep copy, so that aliases share nothing. */
function plain(content: unknown): unknown {
  return content === undefined ? undefined : JSON.parse(JSON.stringify(content))
}

function put(content: unknown, path: Path, to: unknown): void {
  const [key = '', ...rest] = path
  if (!isObject(content)) return
  if (rest.length === 0) Reflect.set(content, key, to)
  else {
    if (!isObject(Reflect.get(content, key))) Reflect.set(content, key, {})
    put(Reflect.get(content, key), rest, to)
  }
}

function drop(content: unknown, path: Path, depth = 0): void {
  const [key = '', ...rest] = path
  if (!isObject(content)) return
  const child: unknown = Reflect.get(content, key)
  drop(child, rest, depth + 1)
  const isEmptied = rest.length > 0 && depth > 0 && isObject(child) && Object.keys(child).length === 0
  if (rest.length === 0 || isEmptied) Reflect.deleteProperty(content, key)
}

/** Drops empty sections, which mean the same as missing ones. */
function tidy(content: unknown): unknown {
  if (!isObject(content)) return content
  const entries = Object.entries(content)
  return Object.fromEntries(
    entries.filter(([, value]) => value !== '' && !(isObject(value) && Object.keys(value).length === 0)),
  )
}

/** The first place where the two differ. */
function difference(a: unknown, b: unknown, path: Path = []): Path | undefined {
  if (isDeepStrictEqual(a, b)) return undefined
  if (!isObject(a) || !isObject(b)) return path
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  const key = keys.find((name) => !isDeepStrictEqual(Reflect.get(a, name), Reflect.get(b, name)))
  return key === undefined ? path : difference(Reflect.get(a, key), Reflect.get(b, key), [...path, key])
}

/** An anchor around the path, or at its end, that an alias uses. */
function anchorAround(source: Source, path: Path): string | undefined {
  const used = usedAnchors(source)
  for (let length = path.length; length > 0; length -= 1) {
    const node = source.document.getIn(path.slice(0, length), true)
    if (isNode(node) && !isAlias(node) && node.anchor !== undefined && used.has(node.anchor)) return node.anchor
  }
  return undefined
}

/** An anchor in what stands at the path that an alias uses. */
function anchorWithin(source: Source, path: Path): string | undefined {
  const used = usedAnchors(source)
  const node = source.document.getIn(path, true)
  let found: string | undefined
  const look = (_: unknown, { anchor }: { readonly anchor?: string | undefined }): void => {
    if (anchor !== undefined && used.has(anchor)) found = anchor
  }
  if (isNode(node)) visit(node, { Value: look })
  return found
}

function usedAnchors(source: Source): ReadonlySet<string> {
  const used = new Set<string>()
  visit(source.document, { Alias: (_, alias) => void used.add(alias.source) })
  return used
}
