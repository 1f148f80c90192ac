/** Help for narrow terminals: where a description has too little room beside its option, it stands below it. */

import { Help, type HelpConfiguration } from 'commander'

/** A description beside its term has at least so many columns. */
const LEAST = 30
const BELOW = ' '.repeat(6)

export const narrowHelp = {
  minWidthToWrap: LEAST,
  formatItem(this: Help, term: string, termWidth: number, description: string, helper: Help) {
    const width = helper.helpWidth ?? 80
    if (description === '' || width - termWidth - 4 >= LEAST) {
      return Help.prototype.formatItem.call(this, term, termWidth, description, helper)
    }
    const lines = helper.boxWrap(description, Math.max(LEAST, width - BELOW.length)).split('\n')
    return [`  ${term}`, ...lines.map((line) => BELOW + line)].join('\n')
  },
} as const satisfies HelpConfiguration
