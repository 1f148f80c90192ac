/** image-syncer: a map of images to where they go, with the credentials in a file of their own or, in older ones, beside it. */

import { z } from 'zod'
import { ConfigurationError } from '../../core/errors.ts'
import type { ConfigurationFile } from '../source.ts'
import { addCopies, type Pick, takesAll } from './copies.ts'
import { type Draft, literal, type Secret } from './draft.ts'
import { wholeExpressions } from './expressions.ts'
import { below, type Origin, readForeign } from './foreign.ts'
import { knownHost, parseImageName, repositoryAt } from './image-name.ts'
import { noteReferrers } from './skopeo.ts'
import { withoutVerification } from './tls.ts'
import { noteUnknown } from './unknown.ts'
import { truth } from './values.ts'

const imagesSchema = z.record(
  z.string(),
  z.union([
    z
      .string()
      .min(1, 'it is empty')
      .transform((one) => [one]),
    z.array(z.string()),
  ]),
)

const authSchema = z.record(
  z.string(),
  z.strictObject({
    username: z.string().default(''),
    password: z.string().default(''),
    insecure: truth.exactOptional(),
  }),
)

const wholeSchema = z.strictObject({ auth: authSchema.default({}), images: imagesSchema })

type Auth = z.output<typeof authSchema>

export function importImageSyncer(
  file: ConfigurationFile,
  auth: ConfigurationFile | undefined,
  draft: Draft,
  cwd: string,
): void {
  const options = { format: 'image-syncer', cwd, dropEmpty: false }
  if (auth) {
    const foreign = readForeign(auth, authSchema, options)
    noteUnknown(draft, foreign)
    defineRegistries(draft, foreign.data, foreign.origin)
  }
  // Older files have both under keys of their own.
  if (/^\s*(?:\{\s*)?["']?(?:auth|images)["']?\s*:\s*(?:\{|$)/m.test(file.text)) {
    const foreign = readForeign(file, wholeSchema, options)
    noteUnknown(draft, foreign)
    defineRegistries(draft, foreign.data.auth, below(foreign.origin, 'auth'))
    addRules(draft, foreign.data.images, below(foreign.origin, 'images'))
    return
  }
  refuseAuth(file, cwd)
  const foreign = readForeign(file, imagesSchema, options)
  addRules(draft, foreign.data, foreign.origin)
}

/** The file with the credentials, in the place of the other. */
function refuseAuth(file: ConfigurationFile, cwd: string): void {
  if (!isAuth(file, cwd)) return
  const message = 'these are the credentials of image-syncer, not its images'
  const position = { file: file.path, line: 1, column: 1 }
  throw new ConfigurationError([{ message, position, hint: 'name the file with the images, and this one with --auth' }])
}

function isAuth(file: ConfigurationFile, cwd: string): boolean {
  try {
    const { data } = readForeign(file, authSchema, { format: 'image-syncer', cwd })
    return Object.values(data).some(({ username, password }) => username !== '' || password !== '')
  } catch (error) {
    if (error instanceof ConfigurationError) return false
    throw error
  }
}

/** A credential may be one of a namespace alone: then that is a registry of its own, at the same address. */
function defineRegistries(draft: Draft, auth: Auth, origin: Origin): void {
  for (const [key, { username, password, insecure }] of Object.entries(auth)) {
    const [host = '', ...namespace] = key.replace(/\/+$/, '').split('/')
    const known = [knownHost(host), ...namespace].join('/')
    const name = draft.nameFor(known)
    const at = below(origin, key)
    const body = {
      ...(insecure ? withoutVerification(draft, knownHost(host), name, below(at, 'insecure')) : {}),
      ...(username === ''
        ? {}
        : { credential: draft.credential(name, userOf(draft, username), secretIn(password), below(at, 'password')) }),
    }
    draft.define(known, knownHost(host), body, at)
  }
}

const VARIABLE = /^\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))$/

function secretIn(text: string): Secret {
  const [, braced, plain] = VARIABLE.exec(text) ?? []
  const name = braced ?? plain
  return name === undefined ? { in: 'file' } : { in: 'variable', name }
}

function userOf(draft: Draft, text: string): string {
  const secret = secretIn(text)
  return secret.in === 'variable' ? draft.variable(secret.name, 'user') : literal(text)
}

function addRules(draft: Draft, images: z.output<typeof imagesSchema>, origin: Origin): void {
  for (const [source, targets] of Object.entries(images)) {
    const at = below(origin, source)
    const from = reference(source)
    if (!from) {
      draft.leaveOut(at, `\`${literal(source)}\` does not name images`, 'correct it, and import again')
      continue
    }
    const picks = picksOf(draft, from, at)
    for (const target of new Set(targets)) addRule(draft, from, picks, target, at)
  }
}

interface Reference {
  readonly host: string
  readonly path: string
  readonly tags: readonly string[]
  readonly expression?: string
  readonly digest?: string
}

/** `HOST/PATH[:TAG[,TAG…]|:/EXPRESSION/|@DIGEST]`. */
function reference(text: string): Reference | undefined {
  const [, searched = '', expression] = /^(.*?):\/(.*)\/$/s.exec(text) ?? []
  const [first = '', ...more] = expression === undefined ? text.split(',') : [searched]
  const name = parseImageName(first)
  if (!name || (more.length > 0 && name.tag === undefined)) return undefined
  const { tag, ...rest } = name
  return { ...rest, tags: tag === undefined ? [] : [tag, ...more], ...(expression === undefined ? {} : { expression }) }
}

function picksOf(draft: Draft, { tags, expression, digest }: Reference, at: Origin): readonly Pick[] {
  if (digest !== undefined) return [{ digest, ...(tags.length > 0 ? { tags } : {}) }]
  if (expression === undefined) return [tags.length > 0 ? { tags: [...new Set(tags)] } : {}]
  const tag = wholeExpressions(draft, [{ expression, origin: at }])
  return tag.length > 0 ? [{ regex: { tag } }] : []
}

function addRule(draft: Draft, from: Reference, picks: readonly Pick[], target: string, at: Origin): void {
  const to = reference(target)
  if (!to || target.includes('$')) {
    draft.leaveOut(
      at,
      `\`${literal(target)}\` does not name where images go`,
      'write it without variables, and import again',
    )
    return
  }
  const keepsTags = to.tags.length === 0 || to.tags.join() === from.tags.join()
  if (!keepsTags || (to.digest !== undefined && to.digest !== from.digest)) {
    const [tag, renamed] = [
      from.digest === undefined ? `:${from.tags[0] ?? 'TAG'}` : `@${from.digest}`,
      to.tags[0] ?? 'TAG',
    ]
    const hint = `use, for each of them: replicate copy ${from.host}/${from.path}${tag} ${to.host}/${to.path}:${renamed}`
    draft.leaveOut(at, 'tags change their names: a policy keeps them as they are', hint)
    return
  }
  addCopies(draft, {
    origin: at,
    name: from.path.split('/').at(-1) ?? from.path,
    from: { registry: registryFor(draft, from, at), path: repositoryAt(from.host, from.path) },
    to: { registry: registryFor(draft, to, at), path: repositoryAt(to.host, to.path) },
    picks,
    body: picks.some(takesAll) ? {} : { referrers: false },
  })
  if (picks.some(takesAll)) noteReferrers(draft, at)
}

/** The one whose credential is for the longest part of the name. */
function registryFor(draft: Draft, { host, path }: Reference, at: Origin): string {
  const parts = path.split('/')
  for (let length = parts.length; length > 0; length -= 1) {
    const key = [host, ...parts.slice(0, length)].join('/')
    if (draft.isDefined(key)) return draft.registry(key, at)
  }
  return draft.registry(host, at)
}
