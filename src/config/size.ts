/** Sizes and rates as people write them: `512KiB`, `1GB`, `50MiB/s`. */

const POWERS: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4 }

/** Bytes; undefined if `text` is not a size. `KB` is 1000 and `KiB` is 1024; the case of letters does not matter. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b$/i.exec(text)
  if (!match) return undefined
  const [, amount, prefix = '', binary] = match
  if (prefix === '' && binary) return undefined
  const bytes = Math.round(Number(amount) * (binary ? 1024 : 1000) ** (POWERS[prefix.toLowerCase()] ?? 0))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** Bytes a second; undefined if `text` is not a rate. */
export function parseRate(text: string): number | undefined {
  const match = /^(.+)\/s$/.exec(text)
  return match?.[1] === undefined ? undefined : parseSize(match[1])
}
