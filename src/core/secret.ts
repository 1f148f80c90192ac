/** Text that must not be shown: as JSON it is replaced by a placeholder. */

export interface Secret {
  reveal(): string
  /** What `JSON.stringify` writes. */
  toJSON(): string
}

/** `shown` is the placeholder. */
export function secret(value: string, shown = '***'): Secret {
  return { reveal: () => value, toJSON: () => shown }
}

/** Text with `shown` for the user name and password of each URL in it, up to the last `@` before the path. */
export function withoutUserinfo(text: string, shown = '***@'): string {
  return text.replaceAll(/\/\/[^/?#\s]*@/g, `//${shown}`)
}

/** A URL whose password may have any characters, as passwords from the environment do. Nothing behind the user may have an `@`. A variable that is
 *  not set stands for itself. */
export function escapedUserinfo(url: string): string {
  const [, scheme, user, rest] = /^(\w+:\/\/)(.*)@([^@]*)$/s.exec(url) ?? []
  if (scheme === undefined || user === undefined || user.includes('${')) return url
  return `${scheme}${user.replace(/%(?![0-9a-f]{2})|[^\w\-.~!$&'()*+,;=:%]+/gi, encodeURIComponent)}@${rest}`
}

/** A URL of which the host may be seen; what follows is often as good as a password. A path alone may be seen without its query. */
export function secretUrl(url: string): Secret {
  const { protocol, host, pathname, search } = new URL(url, 'path://only')
  if (protocol === 'path:') return secret(url, search === '' ? pathname : `${pathname}?***`)
  const whole = pathname === '/' && search === ''
  return secret(url, `${protocol}//${host}${whole ? '' : '/***'}`)
}
