/** Lines at the bottom of a terminal that are drawn over again and again, as the terminal that `cli-progress` writes to. */

import type { Output } from '../session.ts'
import { visibleLength } from './wrap.ts'

const NO_WRAP = '\u001b[?7l'
const WRAP = '\u001b[?7h'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

export interface Frame {
  /** What `cli-progress` calls for each bar. */
  readonly terminal: object
  /** Draws the lines that were gathered since the last call, and leaves `above` standing over them. */
  show(above: string): void
  /** Takes the lines away. */
  clear(): void
}

/** Each frame is handed over at once: half-drawn frames are what flickers. The cursor rests on an empty line below, which no terminal
 *  breaks when it is resized. `reflows`: a line that gets too long for a narrower terminal is broken, not cut. */
export function createFrame(output: Output, reflows: boolean): Frame {
  let gathered: string[] = []
  let drawn: readonly string[] = []
  let width = output.columns

  /** To where the first line begins, whatever has become of the lines since. */
  function back(): string {
    const { columns } = output
    const rows = drawn.reduce((sum, line) => sum + (reflows ? rowsOf(line, columns) : 1), 0)
    const isResized = columns !== width
    width = columns
    return `\r${rows > 0 ? `\u001b[${rows}A` : ''}${isResized ? CLEAR_BELOW : ''}`
  }

  function draw(text: string): void {
    if (output.draw) output.draw(text)
    else output.write(text)
  }

  return {
    terminal: {
      isTTY: () => true,
      getWidth: () => output.columns,
      write: (text: string) => gathered.push(text),
      clearBottom() {},
      clearLine() {},
      clearRight() {},
      cursor() {},
      cursorRelativeReset() {},
      cursorTo() {},
      lineWrapping() {},
      newline() {},
    },
    show(above) {
      const lines = gathered.filter((line) => line !== '')
      gathered = []
      const start = back()
      // Each line clears the rest of what stood there.
      const text = [...lines, ''].join(`${CLEAR_LINE}\n`)
      draw(`${start}${above.replaceAll('\n', `${CLEAR_LINE}\n`)}${NO_WRAP}${text}${CLEAR_BELOW}${WRAP}`)
      drawn = lines
    },
    clear() {
      if (drawn.length > 0) draw(`${back()}${CLEAR_BELOW}`)
      drawn = []
      gathered = []
    },
  }
}

function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil(visibleLength(line) / columns))
}

/** Whether the terminal breaks lines that get too long for it when it is made narrower; a few old ones cut them. */
export function reflowsLines(env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.TMUX) return true
  return !env.XTERM_VERSION && !/^(linux|rxvt|screen|vt\d)/.test(env.TERM ?? '')
}
