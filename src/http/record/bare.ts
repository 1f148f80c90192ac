/** Takes out of what was sent and answered everything that may be a secret: what is known to be one, and what only looks like one. */

import { openAddress } from '../trace.ts'

type Redact = (text: string) => string

const HIDDEN = '***'

/** Headers whose values are shown; of all others only the names are. */
const SHOWN =
  /^(accept|accept-encoding|accept-ranges|age|allow|api-version|cache-control|connection|content-(encoding|length|range|type)|date|deprecation|docker-.+|etag|if-none-match|keep-alive|last-modified|oci-.+|range|(x-)?rate-?limit-.+|retry-after|server|sunset|transfer-encoding|user-agent|vary|via|warning|www-authenticate|x-(artifactory-.+|github-.+|jfrog-version|next-page|page|per-page|prev-page|total|total-count|total-pages)|x-amzn-errortype|x-amz-target|x-(acs|tc)-(action|version|region))$/
const ADDRESSES = new Set(['location', 'link', 'content-location'])

/** Names of members, fields and elements whose values are secrets. */
const SECRET =
  /^auths?$|pass(word|wd|phrase)?$|token|secret|credential|authorization|signature|(private|access|api|account)_?key|cookie|session|jwt|assertion|sas$/i
const JWT = /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g
/** Capitals, small letters and digits without a pause: no name, digest or date is like that. */
const OPAQUE = /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)[\w+/=.~-]{32,}$/
/** Fields of forms that are no secrets. */
const OPEN_FIELDS = new Set(['grant_type', 'service', 'scope', 'client_id', 'access_type', 'action', 'version'])
/** Deeper ones are not shown. */
const DEEPEST = 50

export function bareUrl(url: URL, redact: Redact): string {
  const open = new URL(openAddress(url))
  open.pathname = open.pathname
    .split('/')
    .map((part) => (OPAQUE.test(part) ? HIDDEN : part))
    .join('/')
  return redact(open.href)
}

/** `base`: what relative addresses are relative to. */
export function bareHeaders(
  headers: Readonly<Record<string, string>>,
  base: URL,
  redact: Redact,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, bareHeader(name.toLowerCase(), value, base, redact)]),
  )
}

function bareHeader(name: string, value: string, base: URL, redact: Redact): string {
  if (name === 'authorization') return `${value.split(' ', 1)[0]} ${HIDDEN}`
  if (name === 'link')
    return value.replace(/<([^>]*)>/g, (_, address: string) => `<${bareAddress(address, base, redact)}>`)
  if (ADDRESSES.has(name)) return bareAddress(value, base, redact)
  return SHOWN.test(name) ? redact(value.replace(JWT, HIDDEN)) : HIDDEN
}

/** Relative where it was. */
function bareAddress(address: string, base: URL, redact: Redact): string {
  const url = URL.parse(address, base.href)
  if (!url) return HIDDEN
  const bare = bareUrl(url, redact)
  return /^[a-z]+:/i.test(address) ? bare : bare.slice(url.origin.length)
}

/** A body. JSON in which nothing is hidden stays byte for byte. */
export function bareText(text: string, type: string | undefined, redact: Redact): string {
  if (/x-www-form-urlencoded/i.test(type ?? '')) return bareForm(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return redact(withoutElements(text).replace(JWT, HIDDEN))
  }
  const bare = bareValue(value, redact, DEEPEST)
  return bare === value ? text : JSON.stringify(bare)
}

function bareForm(text: string): string {
  const fields = [...new URLSearchParams(text)]
  return fields
    .map(([name, value]) => `${name}=${OPEN_FIELDS.has(name) ? encodeURIComponent(value) : HIDDEN}`)
    .join('&')
}

function withoutElements(text: string): string {
  return text.replace(/<([\w:-]+)>([^<]*)(?=<)/g, (all, name: string) =>
    SECRET.test(name) ? `<${name}>${HIDDEN}` : all,
  )
}

function bareValue(value: unknown, redact: Redact, left: number): unknown {
  if (typeof value === 'string') return OPAQUE.test(value) ? HIDDEN : redact(value.replace(JWT, HIDDEN))
  if (typeof value !== 'object' || value === null) return value
  if (left === 0) return HIDDEN
  if (Array.isArray(value)) {
    const parts = value.map((one) => bareValue(one, redact, left - 1))
    return parts.every((part, at) => part === value[at]) ? value : parts
  }
  const members = Object.entries(value).map(
    ([name, one]) => [name, isSecret(name, one) ? HIDDEN : bareValue(one, redact, left - 1)] as const,
  )
  return members.every(([name, one]) => one === Reflect.get(value, name)) ? value : Object.fromEntries(members)
}

/** How long a token lives, and what it is for, are no secrets. */
function isSecret(name: string, value: unknown): boolean {
  return SECRET.test(name) && typeof value === 'string' && value !== '' && !/^\d{1,10}$/.test(value)
}
