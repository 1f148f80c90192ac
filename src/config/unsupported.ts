/** What the format has and this version does not do yet: refused at its place, never ignored. */

export interface Unsupported {
  /** Keys from the top of the file; `*` is any name. */
  readonly path: readonly string[]
  /** Only these values; without it the key itself. */
  readonly values?: readonly string[]
}

export const UNSUPPORTED: readonly Unsupported[] = [
  { path: ['serve'] },
  { path: ['registries', '*', 'hook_secret'] },
  { path: ['policies', '*', 'triggers', '*', 'event'] },
  { path: ['policies', '*', 'triggers', '*', 'poll'] },
  { path: ['policies', '*', 'triggers', '*', 'pull'] },
  { path: ['policies', '*', 'deletion'], values: ['events'] },
]

/** Identities of adapters that are to come. */
export const FUTURE_TYPES: readonly string[] = [
  'ali-acr',
  'huawei-swr',
  'tencent-tcr',
  'volcengine-cr',
  'netease',
  'dtr',
  'helm-http',
  'chartmuseum',
  'artifact-hub',
]

export interface Refusal {
  readonly path: readonly string[]
  readonly message: string
  readonly atKey: boolean
}

/** Everything in `content` that is refused. */
export function refusals(content: unknown): readonly Refusal[] {
  return UNSUPPORTED.flatMap(({ path, values }) =>
    reach(content, path).flatMap(({ path: place, value }): Refusal[] => {
      const key = place.at(-1) ?? ''
      if (values === undefined) return [{ path: place, atKey: true, message: `\`${key}\`: not supported yet` }]
      return typeof value === 'string' && values.includes(value)
        ? [{ path: place, atKey: false, message: `\`${key}: ${value}\`: not supported yet` }]
        : []
    }),
  )
}

interface Reached {
  readonly path: readonly string[]
  readonly value: unknown
}

function reach(content: unknown, path: readonly string[]): readonly Reached[] {
  let reached: readonly Reached[] = [{ path: [], value: content }]
  for (const key of path) {
    reached = reached.flatMap(({ path: parent, value }) =>
      typeof value !== 'object' || value === null
        ? []
        : Object.entries(value)
            .filter(([name]) => key === '*' || key === name)
            .map(([name, child]) => ({ path: [...parent, name], value: child })),
    )
  }
  return reached
}
