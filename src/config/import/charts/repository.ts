/** Classic chart repositories, as other tools name them. */

import { type Draft, literal, type PlainMapping, type Secret } from '../draft.ts'
import type { Origin } from '../foreign.ts'

export type ChartType = 'helm-http' | 'chartmuseum'

/** Defines the repository at `url`, and returns its name; undefined, with a note, where that is not a URL. */
export function chartRepository(
  draft: Draft,
  type: ChartType,
  url: string,
  origin: Origin,
  body: (name: string) => PlainMapping = () => ({}),
): string | undefined {
  const plain = url.replace(/\/+$/, '')
  if (!URL.canParse(plain) || !/^https?:\/\/[^/$]/.test(plain)) {
    draft.leaveOut(origin, `\`${literal(url)}\` is not the URL of a chart repository`, 'correct it, and import again')
    return undefined
  }
  const key = plain.replace(/^https?:\/\//, '')
  return draft.define(key, key, { type, url: plain, ...body(draft.nameFor(key)) }, origin)
}

/** A secret that is written out, or as `${VARIABLE}`, or in a file; undefined if the field is absent. */
export function environmentSecret(value: string | undefined, path?: string): Secret | undefined {
  const [, name] = /^\$\{([A-Za-z_]\w*)\}$/.exec(value ?? '') ?? []
  if (name !== undefined) return { in: 'variable', name }
  if (value !== undefined) return { in: 'file' }
  return path === undefined ? undefined : { in: 'path', path }
}
