/** The part of a blob that a client wants. */

export interface Part {
  readonly first: number
  /** Excluded. */
  readonly end: number
}

/** `whole` also for a header that is not understood as a range of bytes: then all of it is sent, as RFC 9110 says. */
export function partOf(header: string | undefined, size: number): Part | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header?.trim() ?? '')
  if (!match) return 'whole'
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return 'whole'
  if (from === '') {
    const last = Math.min(Number(to), size)
    return last === 0 ? 'unsatisfiable' : { first: size - last, end: size }
  }
  const first = Number(from)
  if (first >= size) return 'unsatisfiable'
  const end = to === '' ? size : Math.min(Number(to) + 1, size)
  return end <= first ? 'whole' : { first, end }
}
