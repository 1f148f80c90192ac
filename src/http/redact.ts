/** Removes secrets from text that people or files will see. */

/** `passing`: it is soon followed by others, such as a token. */
export type TellSecret = (secret: string, passing?: boolean) => void

export interface Redactor {
  /** Registers a secret; with the user name also the form it takes in a Basic header. */
  add(secret: string, username?: string): void
  /** Registers one that is soon followed by others, such as a token: only the newest are known. */
  addPassing(secret: string): void
  /** `text` with every registered secret, credential in a URL and Authorization value replaced by `***`. */
  text(text: string): string
}

const HIDDEN = '***'
/** Shorter ones would hide ordinary words. */
const SHORTEST = 4
/** A token is known by its beginning, so that a run that fetches thousands of them does not keep them all. */
const TOKEN = /^[A-Za-z0-9._~+/=-]{64,}$/
const TOKEN_PREFIX = 24
/** Forms of passing secrets that are known at once: tokens of thousands of repositories, or of days. */
const PASSING = 1000

/** Up to the last `@` before the path, as a password may hold some. The scheme is bounded: over `a.a.a.…` it would be tried from each
 *  letter to the end. */
const USERINFO = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#]+@/gi
const QUERY =
  /([?&;](?:x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|awsaccesskeyid|googleaccessid|signature|policy|key-pair-id|sig|se|skoid|sktid|_state|token|access_token|refresh_token|id_token|password|secret|api_?key|authorization|hmac|verify)=)[^\s&;#"'<>]+/gi
const AUTHORIZATION =
  /\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?:(?:basic|bearer|negotiate|digest)\s+)?[^\s"',;]+/gi
const SCHEME = /\b(bearer|basic)\s+(?=[A-Za-z0-9._~+/-]*[0-9=._])[A-Za-z0-9._~+/-]{16,}=*/gi

interface Store {
  readonly secrets: Set<string>
  /** Of tokens. */
  readonly prefixes: Set<string>
}

/** Registers a secret as what it is. */
export function addTo(redactor: Redactor, secret: string, passing = false): void {
  if (passing) redactor.addPassing(secret)
  else redactor.add(secret)
}

export function createRedactor(): Redactor {
  const lasting: Store = { secrets: new Set(), prefixes: new Set() }
  const passing: Store = { secrets: new Set(), prefixes: new Set() }
  let pattern: RegExp | undefined

  function register(secret: string, store: Store): void {
    if (secret.length < SHORTEST) return
    const isToken = TOKEN.test(secret)
    const kept = isToken ? secret.slice(0, TOKEN_PREFIX) : secret
    const set = isToken ? store.prefixes : store.secrets
    const isNew = !set.delete(kept)
    set.add(kept)
    if (!isNew) return
    pattern = undefined
    const [oldest] = set
    if (store === passing && set.size > PASSING && oldest !== undefined) set.delete(oldest)
  }

  /** With and without padding. */
  function registerBase64(text: string, store: Store): void {
    const encoded = Buffer.from(text).toString('base64')
    register(encoded, store)
    register(encoded.replace(/=+$/, ''), store)
  }

  function registerForms(secret: string, store: Store): void {
    register(secret, store)
    register(encodeURIComponent(secret), store)
    register(JSON.stringify(secret).slice(1, -1), store)
    // As a form writes it.
    register(new URLSearchParams({ s: secret }).toString().slice(2), store)
    if (secret.length >= SHORTEST) registerBase64(secret, store)
  }

  return {
    add(secret, username) {
      registerForms(secret, lasting)
      if (username !== undefined) registerBase64(`${username}:${secret}`, lasting)
    },
    addPassing: (secret) => registerForms(secret, passing),
    text(text) {
      pattern ??= compile([lasting, passing])
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
function compile(stores: readonly Store[]): RegExp | undefined {
  const forms = [
    ...stores
      .flatMap(({ secrets }) => [...secrets])
      .sort((a, b) => b.length - a.length)
      .map(escapePattern),
    ...stores.flatMap(({ prefixes }) => [...prefixes]).map((prefix) => `${escapePattern(prefix)}[A-Za-z0-9._~+/=-]*`),
  ]
  return forms.length === 0 ? undefined : new RegExp(forms.join('|'), 'g')
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
