/** The signs that are not ASCII, and what stands for each where the locale has no others: as wide as they are, so that columns stay. */

const PLAIN: Readonly<Record<string, string>> = {
  '→': '>',
  '·': '-',
  '━': '=',
  '╌': '-',
  '✓': '+',
  '✗': 'x',
  '×': 'x',
  '…': '~',
  '—': '-',
  '–': '-',
  '’': "'",
  '“': '"',
  '”': '"',
}
const SIGNS = new RegExp(`[${Object.keys(PLAIN).join('')}]`, 'g')

export function inAscii(text: string): string {
  return text.replace(SIGNS, (sign) => PLAIN[sign] ?? sign)
}

/** False where the locale is set to one without UTF-8, such as `C`. Where it is not set at all, as in most containers, what shows the
 *  output can nearly always show it. */
export function showsUnicode(env: Readonly<Record<string, string | undefined>>): boolean {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG
  return !locale || /utf-?8/i.test(locale)
}
