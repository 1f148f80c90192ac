/** Puts the environment into a file's values, and sees to it that no secret stands there in plain. */

import { isAlias, isPair, isScalar, isSeq, type Scalar, visit } from 'yaml'
import { type Finding, keyName, resolved, type Source } from './source.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Interpolation {
  readonly findings: readonly Finding[]
  /** Values that came into secrets: never to be shown. */
  readonly secrets: readonly string[]
}

/** How every complaint about a variable ends that the environment does not have. */
export const UNSET = 'is not set'

const SECRET_KEYS: ReadonlySet<string> = new Set(['password', 'token', 'secret', 'slack', 'hook_secret'])
/** These may be written out, and are not to be shown where they came from the environment. */
const PRIVATE_KEYS: ReadonlySet<string> = new Set([...SECRET_KEYS, 'webhook', 'handler'])
const VARIABLE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?/g

/** Without `env` variables are mistakes. Changes the scalars of the source's tree: `${NAME}`, `${NAME:-default}`, and `$${` for a literal `${`. Keys stay. */
export function interpolate(source: Source, env: Environment | undefined): Interpolation {
  const findings: Finding[] = []
  const plain = new Set<Scalar>()
  const given = new Set<Scalar>()
  const tokens: string[] = []
  visit(source.document, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string') return
      const { value, values, fromEnvironment, mistakes } = substituted(node.value, env)
      if (values.length > 0 && pathOf(ancestors, key).at(-2) === 'exec') tokens.push(...values.filter(looksSecret))
      for (const message of mistakes) findings.push({ path: pathOf(ancestors, key), node, message })
      if (value !== node.value) source.interpolated.set(node, node.value)
      if (fromEnvironment) given.add(node)
      else if (mistakes.length === 0) plain.add(node)
      node.value = value
    },
  })
  return { findings: [...findings, ...plainSecrets(source, plain)], secrets: [...secretsOf(source, given), ...tokens] }
}

/** Those that a text names, as it names them. */
export function variablesOf(text: string): readonly string[] {
  return (text.match(VARIABLE) ?? []).filter((found) => found !== '$${')
}

interface Substituted {
  readonly value: string
  /** Of the variables in it. */
  readonly values: readonly string[]
  /** A variable that is set gave a part of it. */
  readonly fromEnvironment: boolean
  readonly mistakes: readonly string[]
}

function substituted(text: string, env: Environment | undefined): Substituted {
  const mistakes: string[] = []
  const values: string[] = []
  let fromEnvironment = false
  const value = text.replaceAll(VARIABLE, (whole, name: string | undefined, fallback: string | undefined) => {
    if (whole === '$${') return '${'
    if (name === undefined) {
      mistakes.push(`\`${whole}\` is not a variable; a literal \`\${\` is written \`$\${\``)
      return whole
    }
    if (!env) {
      mistakes.push(`\`${whole}\` could be sent to any host that the file names, which an untrusted file may not do`)
      return whole
    }
    const found = env[name]
    if (found !== undefined && (found !== '' || fallback === undefined)) {
      fromEnvironment = true
      values.push(found)
      return found
    }
    if (fallback === '') fromEnvironment = true
    if (fallback !== undefined) return fallback
    mistakes.push(`the environment variable \`${name}\` ${UNSET}`)
    return whole
  })
  return { value, values, fromEnvironment, mistakes }
}

/** An argument of a command may be any word: only what could be a key is hidden wherever it appears. */
function looksSecret(value: string): boolean {
  return value.length >= 8 && /\d/.test(value) && !/\s/.test(value)
}

/** A user and a password in a URL. */
const WITH_PASSWORD = /^(\w+:\/\/)?[^/]*:[^/]+@/

/** Secrets that stand in the file. Looks through aliases, since an anchor may stand anywhere. */
function plainSecrets(source: Source, plain: ReadonlySet<Scalar>): readonly Finding[] {
  const addresses = secretScalars(source, new Set(['proxy', 'queue']))
    .filter(({ node }) => plain.has(node) && WITH_PASSWORD.test(String(node.value)))
    .map(({ path, key }) => ({
      path,
      message: `the password in \`${key}\` is written out in the file`,
      hint: `take it from the environment, as in \`${key}: ${key === 'queue' ? 'rediss' : 'http'}://USER:\${VARIABLE}@HOST:PORT\``,
    }))
  const values = secretScalars(source)
    .filter(
      ({ node, key }) => plain.has(node) && node.value !== '' && !(key === 'hook_secret' && node.value === 'none'),
    )
    .map(({ path, key }) => ({
      path,
      message: `\`${key}\` is written out in the file`,
      hint:
        key === 'password' || key === 'token'
          ? `take it from the environment (\`${key}: \${VARIABLE}\`) or from a file (\`password_file: PATH\`)`
          : `take it from the environment: \`${key}: \${VARIABLE}\``,
    }))
  return [...values, ...addresses]
}

function secretsOf(source: Source, given: ReadonlySet<Scalar>): readonly string[] {
  const values = secretScalars(source, PRIVATE_KEYS)
    .filter(({ node }) => given.has(node))
    .map(({ node }) => String(node.value))
  return [...new Set(values)].filter((value) => value !== '')
}

interface SecretScalar {
  readonly path: readonly (string | number)[]
  readonly key: string
  readonly node: Scalar
}

function secretScalars(source: Source, keys: ReadonlySet<string> = SECRET_KEYS): readonly SecretScalar[] {
  const found: SecretScalar[] = []
  visit(source.document, {
    Pair(index, pair, ancestors) {
      const key = keyName(pair)
      if (key === undefined || !keys.has(key)) return
      const node = isAlias(pair.value) ? resolved(source, pair.value) : pair.value
      if (isScalar(node)) found.push({ path: [...pathOf(ancestors, index), key], key, node })
    },
  })
  return found
}

/** The keys above a node, from the top of the file. */
function pathOf(ancestors: readonly unknown[], index: unknown): (string | number)[] {
  return ancestors.flatMap((ancestor, at): readonly (string | number)[] => {
    if (isPair(ancestor)) return [keyName(ancestor) ?? '']
    if (!isSeq(ancestor)) return []
    const child = ancestors[at + 1]
    return [child === undefined ? Number(index) : ancestor.items.indexOf(child)]
  })
}
