/** Removes secrets from text that people or files will see. */

export interface Redactor {
  /** Registers a secret; with the user name also the form it takes in a Basic header. */
  add(secret: string, username?: string): void
  /** `text` with every registered secret, credential in a URL and Authorization value replaced by `***`. */
  text(text: string): string
}

const HIDDEN = '***'
/** Shorter ones would hide ordinary words. */
const SHORTEST = 4
/** A token is known by its beginning, so that a run that fetches thousands of them does not keep them all. */
const TOKEN = /^[A-Za-z0-9._~+/=-]{64,}$/
const TOKEN_PREFIX = 24

/** Up to the last `@` before the path, as a password may hold some. The scheme is bounded: over `a.a.a.…` it would be tried from each
 *  letter to the end. */
const USERINFO = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#]+@/gi
const QUERY =
  /([?&;](?:x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|awsaccesskeyid|googleaccessid|signature|policy|key-pair-id|sig|se|skoid|sktid|_state|token|access_token|refresh_token|id_token|password|secret|api_?key|authorization|hmac|verify)=)[^\s&;#"'<>]+/gi
const AUTHORIZATION =
  /\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?:(?:basic|bearer|negotiate|digest)\s+)?[^\s"',;]+/gi
const SCHEME = /\b(bearer|basic)\s+(?=[A-Za-z0-9._~+/-]*[0-9=._])[A-Za-z0-9._~+/-]{16,}=*/gi

export function createRedactor(): Redactor {
  const secrets = new Set<string>()
  const prefixes = new Set<string>()
  let pattern: RegExp | undefined

  function register(secret: string): void {
    if (secret.length < SHORTEST) return
    const set = TOKEN.test(secret) ? prefixes : secrets
    const kept = set === prefixes ? secret.slice(0, TOKEN_PREFIX) : secret
    if (set.has(kept)) return
    set.add(kept)
    pattern = undefined
  }

  /** With and without padding. */
  function registerBase64(text: string): void {
    const encoded = Buffer.from(text).toString('base64')
    register(encoded)
    register(encoded.replace(/=+$/, ''))
  }

  return {
    add(secret, username) {
      register(secret)
      register(encodeURIComponent(secret))
      register(JSON.stringify(secret).slice(1, -1))
      // As a form writes it.
      register(new URLSearchParams({ s: secret }).toString().slice(2))
      if (secret.length >= SHORTEST) registerBase64(secret)
      if (username !== undefined) registerBase64(`${username}:${secret}`)
    },
    text(text) {
      pattern ??= compile(secrets, prefixes)
      return redactUrl(pattern ? text.replace(pattern, HIDDEN) : text)
        .replace(AUTHORIZATION, `$1${HIDDEN}`)
        .replace(SCHEME, `$1 ${HIDDEN}`)
    },
  }
}

/** A URL, or text with URLs in it, without user names, passwords and signatures. */
export function redactUrl(text: string): string {
  return text.replace(USERINFO, `$1${HIDDEN}@`).replace(QUERY, `$1${HIDDEN}`)
}

/** `value` with every string in it cleaned, however deep: an event, a line of JSON. What holds no secret stays the same object. */
export function redactAll<T>(value: T, redact: (text: string) => string): T {
  return clean(value, redact, DEEPEST) as T
}

const DEEPEST = 20

function clean(value: unknown, redact: (text: string) => string, left: number): unknown {
  if (typeof value === 'string') return redact(value)
  if (typeof value !== 'object' || value === null || left === 0) return value
  if (Array.isArray(value))
    return changed(
      value,
      value.map((one) => clean(one, redact, left - 1)),
    )
  const names =
    value instanceof Error ? [...new Set([...Object.keys(value), 'message', 'stack', 'cause'])] : Object.keys(value)
  const parts = names.map((name) => clean(Reflect.get(value, name), redact, left - 1))
  if (parts.every((part, index) => part === Reflect.get(value, names[index] ?? ''))) return value
  const copy: object = Object.create(Object.getPrototypeOf(value))
  for (const [index, name] of names.entries()) {
    const enumerable = Object.prototype.propertyIsEnumerable.call(value, name)
    Object.defineProperty(copy, name, { value: parts[index], enumerable, writable: true, configurable: true })
  }
  return copy
}

function changed(before: readonly unknown[], after: readonly unknown[]): readonly unknown[] {
  return after.every((one, index) => one === before[index]) ? before : after
}

/** The longest first, so that one secret inside another leaves no rest. */
function compile(secrets: ReadonlySet<string>, prefixes: ReadonlySet<string>): RegExp | undefined {
  const forms = [
    ...[...secrets].sort((a, b) => b.length - a.length).map(escapePattern),
    ...[...prefixes].map((prefix) => `${escapePattern(prefix)}[A-Za-z0-9._~+/=-]*`),
  ]
  return forms.length === 0 ? undefined : new RegExp(forms.join('|'), 'g')
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
