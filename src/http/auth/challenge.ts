/** Reads `WWW-Authenticate` headers (RFC 9110, 11.6.1). */

export interface Challenge {
  /** Lower case. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$))/y
const SPACE = /[\s,]*/y
const BLANK = /[ \t]*/y
/** Unquoted values hold characters that the grammar forbids (`realm=https://…`): real servers send them. */
const UNQUOTED = /[^\s,"]*/y

/** Every challenge of a header, whose lines may have been joined with commas. Malformed parts are skipped. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  let position = 0
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = position
    const text = pattern.exec(header)?.[0] ?? ''
    position += text.length
    return text
  }
  while (position < header.length) {
    take(SPACE)
    const word = take(TOKEN)
    if (word === '') {
      position += 1
      continue
    }
    take(BLANK)
    const current = challenges.at(-1)
    if (header[position] === '=' && current) {
      position += 1
      take(BLANK)
      if (header[position] === '"') {
        const [value, end] = quoted(header, position + 1)
        position = end
        current.parameters[word.toLowerCase()] = value
      } else {
        current.parameters[word.toLowerCase()] = take(UNQUOTED)
      }
      continue
    }
    challenges.push({ scheme: word.toLowerCase(), parameters: {} })
    take(TOKEN68)
  }
  return challenges
}

/** The challenge to answer: Bearer before Basic; undefined where there is neither. */
export function chooseChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined) return undefined
  const challenges = parseChallenges(header)
  return (
    challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.realm) ??
    challenges.find(({ scheme }) => scheme === 'basic')
  )
}

/** A quoted string's value and where it ends; one without an end reaches to the end of the header. */
function quoted(header: string, start: number): [value: string, end: number] {
  let value = ''
  let position = start
  while (position < header.length) {
    const character = header[position] ?? ''
    if (character === '"') return [value, position + 1]
    if (character === '\\') position += 1
    value += character === '\\' ? (header[position] ?? '') : character
    position += 1
  }
  return [value, position]
}
