/** References as people write them: `REGISTRY[/PATH[:TAG][@DIGEST]]`, `oci:DIR[:REF]`, `tar:FILE[:REF]`, `docker-archive:FILE[:REF]`. */

import type { AdapterFacts } from '../core/adapter.ts'
import { type Digest, looksLikeDigest, parseDigest } from '../core/descriptor.ts'
import { isTag } from '../core/reference.ts'
import { isLoopback, type Registry } from '../core/registry.ts'
import {
  defaultNamespace,
  isHost,
  LAYOUT_SCHEMES,
  type LayoutScheme,
  registryOfHost,
  registryOfLayout,
} from './hosts.ts'
import { didYouMean } from './suggest.ts'

export interface Reference {
  readonly registry: Registry
  /** Patterns allowed; without a trailing slash. */
  readonly path?: string
  /** A pattern, or `TAG@DIGEST`: that digest, under that tag. */
  readonly tag?: string
  readonly digest?: Digest
  /** It ended in a `/`. */
  readonly slash: boolean
  /** Where path and tag begin, in characters from the start of the text. */
  readonly pathAt: number
  readonly tagAt: number
}

/** Why a text is not a reference; `offset` counts characters. */
export interface Mistake {
  readonly message: string
  readonly offset: number
  readonly hint?: string | undefined
}

export interface Names {
  /** The registries that are defined. */
  readonly registries: ReadonlyMap<string, Registry>
  /** The adapters that exist. */
  readonly types: readonly AdapterFacts[]
  /** What the paths of layouts are relative to; absolute. */
  readonly directory: string
}

export function isMistake(result: Reference | Mistake): result is Mistake {
  return 'message' in result
}

export function parseReference(text: string, names: Names): Reference | Mistake {
  const foreign = foreignForm(text) ?? bareFile(text, names)
  if (foreign) return foreign
  const [, scheme, rest = ''] = /^([a-z][a-z-]*:\/\/)(.*)$/is.exec(text) ?? []
  if (scheme !== undefined) return schemeMistake(scheme, rest)
  const layout = layoutForm(text)
  if (layout) return layoutReference(layout.scheme, layout.rest, names)
  const slash = text.indexOf('/')
  const first = slash < 0 ? text : text.slice(0, slash)
  // `alpine:3` is an image to other tools, and rarely a host with the port 3.
  const isImage = slash < 0 && /^[a-z0-9_-]+:\d+$/.test(text) && !isLoopback(text) && !names.registries.has(text)
  const registry = isImage ? unknownRegistry(text, names) : registryNamed(first, names)
  if ('message' in registry) return first === '' ? registry : { ...registry, hint: imageHint(text, isImage, registry) }
  if (slash < 0) return { registry, slash: false, pathAt: text.length, tagAt: text.length }
  return withPath(registry, text, slash + 1)
}

/** Other tools read a name without a host as an image of Docker Hub. */
function imageHint(text: string, isPort: boolean, { hint }: Mistake): string | undefined {
  if (hint?.startsWith('did you mean')) return hint
  const image = `docker.io/${text.includes('/') ? '' : 'library/'}${text}`
  return `write \`${image}\` if you mean the image${isPort ? `, \`${text}/\` if you mean a host and its port` : `; ${hint}`}`
}

/** What skopeo and others call their forms of local images, and what brings each here. Not a host of that name with its port. */
function foreignForm(text: string): Mistake | undefined {
  const [, form = '', rest = ''] = /^(docker-daemon|dir|oci-archive|ocidir):(?!\d+(?:\/|$))(.*)$/s.exec(text) ?? []
  if (form === '') return undefined
  const place = rest.replace(/^\/\//, '')
  const own = { 'oci-archive': 'tar', ocidir: 'oci' }[form]
  const hint =
    own === undefined ? `convert it first: skopeo copy ${form}:${place} oci:DIRECTORY:TAG` : `write \`${own}:${place}\``
  return { message: `\`${form}:\` is not a form of reference here`, offset: 0, hint }
}

/** A file or directory as shells know it. A name that ends like an archive is hardly a host. */
function bareFile(text: string, { registries }: Names): Mistake | undefined {
  if (registries.has(text.split('/')[0] ?? '')) return undefined
  const isArchive = /\.(?:tar|tar\.gz|tgz|tar\.zst)$/.test(text)
  const isPath = /^(?:\/|~|\.{1,2}(?:\/|$))/.test(text)
  if (!isPath && !(isArchive && /^[^:@/]+$/.test(text))) return undefined
  const form = isArchive ? `\`tar:${text}\` (or \`docker-archive:${text}\`)` : `\`oci:${text}\``
  return { message: `\`${text}\` is a path, not a reference`, offset: 0, hint: `write ${form}` }
}

/** For references with a scheme, as other tools and browsers write them. */
function schemeMistake(scheme: string, rest: string): Mistake {
  const plain = scheme.toLowerCase() === 'http://' ? '; where it speaks plain HTTP, define it with `url: http://…`' : ''
  // A user name and a password have no place there either.
  const wanted = rest.replace(/^[^/]*@/, '')
  return {
    message: `\`${scheme}\` has no place in a reference`,
    offset: 0,
    hint: `${wanted === '' ? 'write a host such as `docker.io`' : `write \`${wanted}\``}${plain}`,
  }
}

/** The registry defined under `name`, or the one a host or layout implies. */
export function registryNamed(name: string, names: Names): Registry | Mistake {
  const defined = names.registries.get(name)
  if (defined) return defined
  const layout = layoutForm(name)
  if (layout && /^[^:]+$/s.test(layout.rest)) return registryOfLayout(layout.scheme, layout.rest, names.directory)
  return isHost(name) ? registryOfHost(name, names.types) : unknownRegistry(name, names)
}

function unknownRegistry(name: string, { registries }: Names): Mistake {
  const hint =
    didYouMean(name, registries.keys()) ?? 'define it under `registries`, or write a host such as `docker.io`'
  return { message: name === '' ? 'the registry is missing' : `no registry is named \`${name}\``, offset: 0, hint }
}

function layoutForm(text: string): { readonly scheme: LayoutScheme; readonly rest: string } | undefined {
  const scheme = LAYOUT_SCHEMES.find((one) => text.startsWith(`${one}:`))
  return scheme && { scheme, rest: text.slice(scheme.length + 1) }
}

function layoutReference(scheme: LayoutScheme, rest: string, names: Names): Reference | Mistake {
  const [, pinned, digits = ''] = /^([^:]*)@(sha(?:256|512):[^:]*)$/s.exec(rest) ?? []
  const colon = pinned === undefined ? rest.indexOf(':') : -1
  const path = pinned ?? (colon < 0 ? rest : rest.slice(0, colon))
  const start = scheme.length + 1
  if (path === '')
    return { message: `\`${scheme}:\` names no ${scheme === 'oci' ? 'directory' : 'file'}`, offset: start }
  if (scheme === 'tar' && !/\.(tar|tar\.gz|tgz|tar\.zst)$/.test(path)) {
    return { message: `\`${path}\` does not end in \`.tar\``, offset: start }
  }
  const registry = registryOfLayout(scheme, path, names.directory)
  const end = start + rest.length
  if (pinned !== undefined) {
    const digest = parseDigest(digits)
    if (!digest) return { message: 'this is not a sha256 or sha512 digest', offset: start + pinned.length + 1 }
    return { registry, digest, slash: false, pathAt: end, tagAt: end }
  }
  if (colon < 0) return { registry, slash: path.endsWith('/'), pathAt: end, tagAt: end }
  const text = `${scheme}:${rest}`
  const reference = start + colon + 1
  // A lone word after the directory is a tag, as other tools read it, also before a digest.
  const [word = '', hash, ...more] = rest.slice(colon + 1).split('@')
  if (/[/:]/.test(word) || more.length > 0) return withPath(registry, text, reference)
  if (hash === undefined) return withTag(registry, text, undefined, reference, reference)
  const digest = parseDigest(hash)
  if (!digest) return { message: 'this is not a sha256 or sha512 digest', offset: reference + word.length + 1 }
  if (!isTag(word)) return { message: `\`${word}\` is not a tag, which a digest can stand for`, offset: reference }
  return { registry, tag: `${word}@${digest}`, slash: false, pathAt: reference, tagAt: reference }
}

function withPath(registry: Registry, text: string, pathAt: number): Reference | Mistake {
  const at = text.lastIndexOf('@')
  const digested = at >= pathAt && looksLikeDigest(text.slice(at + 1))
  const end = digested ? at : text.length
  const colon = separator(text.slice(0, end), pathAt)
  const path = text.slice(pathAt, colon ?? end)
  const bad = path.indexOf(':')
  if (bad >= 0) return { message: 'a tag cannot stand inside braces', offset: pathAt + bad }
  if (digested) {
    const digest = parseDigest(text.slice(at + 1))
    if (!digest) return { message: 'this is not a sha256 or sha512 digest', offset: at + 1 }
    if (colon === undefined) return named({ registry, slash: false, digest, pathAt, tagAt: end }, path)
    const tag = text.slice(colon + 1, at)
    if (!isTag(tag)) return { message: `\`${tag}\` is not a tag, which a digest can stand for`, offset: colon + 1 }
    return named({ registry, slash: false, tag: `${tag}@${digest}`, pathAt, tagAt: colon + 1 }, path)
  }
  if (colon === undefined)
    return named({ registry, slash: path.endsWith('/') || path === '', pathAt, tagAt: end }, path)
  return withTag(registry, text, path, pathAt, colon + 1)
}

function withTag(
  registry: Registry,
  text: string,
  path: string | undefined,
  pathAt: number,
  tagAt: number,
): Reference | Mistake {
  const tag = text.slice(tagAt)
  if (tag === '') return { message: 'the tag is empty', offset: tagAt - 1 }
  if (/[/:]/.test(tag)) return { message: 'a tag has no `/` and no `:`', offset: tagAt + tag.search(/[/:]/) }
  if (path === '') return { message: 'a tag needs a repository before it', offset: pathAt }
  return named({ registry, tag, slash: false, pathAt, tagAt }, path)
}

function named(reference: Reference, path: string | undefined): Reference | Mistake {
  const trimmed = path?.replace(/\/+$/, '')
  if (!trimmed) return reference
  return { ...reference, path: trimmed }
}

/** The path as a repository's name or pattern: on Docker Hub a name of one part lies in `library`. */
export function repositoryPattern(registry: Registry, path: string, types: readonly AdapterFacts[]): string {
  const namespace = path.includes('/') || path.includes('**') ? undefined : defaultNamespace(registry, types)
  return namespace === undefined ? path : `${namespace}/${path}`
}

/** The first `:` from `start` on that stands outside braces and classes. */
function separator(text: string, start: number): number | undefined {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    const character = text[at]
    if (character === '\\') at += 1
    else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') depth -= 1
    else if (character === ':' && depth <= 0) return at
  }
  return undefined
}
