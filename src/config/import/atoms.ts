/** Sequences of characters and repetitions, which is what regular expressions come down to. */

/** One or more characters of a set. `some`: one or more; `any`: none or more. */
export interface Atom {
  readonly set: ReadonlySet<string>
  readonly repeat: 'one' | 'some' | 'any'
}

export type Item = Atom | 'start' | 'end'

export function one(set: ReadonlySet<string>): Atom {
  return { set, repeat: 'one' }
}

/** The atoms from end to end, or undefined where an anchor stands where it never matches. */
export function anchored(items: readonly Item[], any: Atom): readonly Atom[] | undefined {
  const start = items.lastIndexOf('start')
  const end = items.indexOf('end')
  if (start >= 0 && end >= 0 && end < start) return items.every(mayBeEmpty) ? [] : undefined
  const [before, after] = [items.slice(0, start + 1), end < 0 ? [] : items.slice(end)]
  if (![...before, ...after].every(mayBeEmpty)) return undefined
  const atoms = items.slice(start + 1, end < 0 ? undefined : end).filter((item) => typeof item !== 'string')
  return [...(start < 0 ? [any] : []), ...atoms, ...(end < 0 ? [any] : [])]
}

function mayBeEmpty(item: Item): boolean {
  return typeof item === 'string' || item.repeat === 'any'
}

/** Repetitions beside each other that one of them covers become one. */
export function simplified(atoms: readonly Atom[]): readonly Atom[] {
  const result = [...atoms]
  for (let at = 0; at + 1 < result.length; ) {
    const [left, right] = [result[at], result[at + 1]]
    if (!left || !right) break
    if (covers(left, right)) result.splice(at + 1, 1, ...rest(right))
    else if (covers(right, left)) result.splice(at, 1, ...rest(left))
    else {
      at += 1
      continue
    }
    at = Math.max(0, at - 1)
  }
  return result
}

function covers(wide: Atom, narrow: Atom): boolean {
  return wide.repeat !== 'one' && narrow.repeat !== 'one' && [...narrow.set].every((each) => wide.set.has(each))
}

/** What is left of a repetition beside one that covers it. */
function rest(atom: Atom): readonly Atom[] {
  return atom.repeat === 'some' ? [one(atom.set)] : []
}
