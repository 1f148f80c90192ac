/** What a terminal shows while a command runs, moment by moment, with its colours. */

import type { Program } from '../e2e/program.ts'
import { type OnScreen, onScreen } from '../e2e/terminal.ts'
import { Emulator } from '../support/emulator.ts'

/** Text in one style: the parameters of its sequence, such as `1;36`. */
export interface Run {
  readonly text: string
  readonly style: string
}

export type Line = readonly Run[]

export interface Moment {
  /** Milliseconds since the command began. */
  readonly at: number
  readonly lines: readonly Line[]
}

/** A moment whenever the screen has changed and `every` milliseconds are over; the last one is the end. */
export async function record(
  here: Program,
  args: readonly string[],
  { columns, every }: { readonly columns: number; readonly every: number },
): Promise<{ readonly moments: readonly Moment[]; readonly code: number | undefined }> {
  const painted = new Painted(columns)
  const moments: Moment[] = []
  const began = performance.now()
  const running: OnScreen = onScreen(here, args, { columns, rows: 40 })
  running.process.stdout?.on('data', (chunk: string) => {
    painted.write(chunk)
    const at = performance.now() - began
    if (at - (moments.at(-1)?.at ?? -every) >= every) moments.push({ at, lines: painted.lines })
  })
  const { code } = await running.ended
  return { code, moments: [...moments, { at: performance.now() - began, lines: painted.lines }] }
}

/** The first of the code points that stand for a character in a style. */
const PRIVATE = 0xe000

/** A terminal that knows colours: one that does not, which is given another character for each character in a style. */
class Painted {
  readonly #emulator: Emulator
  readonly #runs: Run[] = []
  #style = ''
  #rest = ''

  constructor(columns: number) {
    this.#emulator = new Emulator(columns)
  }

  write(output: string): void {
    // A sequence may come in two pieces.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    const [, whole = '', rest = ''] = /^([\s\S]*?)(\u001b(?:\[[0-9;?]*)?)?$/.exec(this.#rest + output) ?? []
    this.#rest = rest
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    for (const [piece, style] of whole.matchAll(/\u001b\[([0-9;]*)m|\u001b\[[0-9;?]*[A-Za-z]|\u001b[=>78]|[\s\S]/gu)) {
      if (style !== undefined) this.#obey(style)
      else this.#emulator.write(piece.length > 1 || piece < ' ' || this.#style === '' ? piece : this.#codeOf(piece))
    }
  }

  get lines(): readonly Line[] {
    return this.#emulator.lines.map((line) => {
      const runs: Run[] = []
      for (const character of line) {
        const run = this.#runs[character.charCodeAt(0) - PRIVATE] ?? { text: character, style: '' }
        const last = runs.at(-1)
        if (last?.style === run.style) runs.splice(-1, 1, { ...last, text: last.text + run.text })
        else runs.push(run)
      }
      return runs
    })
  }

  /** 22 and 39 end what they are about, and so does 0. */
  #obey(style: string): void {
    const on = new Set(this.#style.split(';').filter(Boolean))
    for (const code of style === '' ? ['0'] : style.split(';')) {
      if (code === '0') on.clear()
      else if (code === '22') for (const weight of ['1', '2']) on.delete(weight)
      else if (code === '39') for (const colour of on) if (/^[39]\d$/.test(colour)) on.delete(colour)
      if (/^([12]|[39][0-7])$/.test(code)) on.add(code)
    }
    this.#style = [...on].join(';')
  }

  #codeOf(text: string): string {
    const found = this.#runs.findIndex((run) => run.text === text && run.style === this.#style)
    if (found < 0) this.#runs.push({ text, style: this.#style })
    return String.fromCharCode(PRIVATE + (found < 0 ? this.#runs.length - 1 : found))
  }
}
