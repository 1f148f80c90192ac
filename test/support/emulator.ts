/** A small terminal: what stands on its screen after the sequences that the program writes, also when it is resized. */

interface Row {
  text: string
  /** The next row belongs to it. */
  wraps: boolean
}

/** How a terminal treats lines that get too long: most break them again, a few old ones cut them. */
export type Reflow = 'reflows' | 'cuts'

export class Emulator {
  #rows: Row[] = [{ text: '', wraps: false }]
  #row = 0
  #column = 0
  #columns: number
  #clears = 0
  #isWrapping = true
  #rest = ''
  readonly #reflow: Reflow
  /** Whether the cursor is shown. */
  cursor = true
  /** Sequences that it does not know. */
  readonly unknown = new Set<string>()

  constructor(columns: number, reflow: Reflow = 'reflows') {
    this.#columns = columns
    this.#reflow = reflow
  }

  get columns(): number {
    return this.#columns
  }

  /** How often all below the cursor was cleared since the last resize: once a frame, of what draws frames. */
  get clears(): number {
    return this.#clears
  }

  /** All lines, those that have left the screen at its top included, without empty ones at the end. */
  get lines(): readonly string[] {
    const lines = this.#rows.map(({ text }) => text.trimEnd())
    while (lines.length > 0 && lines.at(-1) === '') lines.pop()
    return lines
  }

  write(output: string): void {
    let text = this.#rest + output
    this.#rest = ''
    // A sequence may come in two pieces.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    const open = /\u001b(\[[0-9;?]*)?$/.exec(text)
    if (open) {
      this.#rest = open[0]
      text = text.slice(0, open.index)
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    for (const [piece, sequence] of text.matchAll(/\u001b(\[[0-9;?]*[A-Za-z]|[=>78])|[\s\S]/gu)) {
      if (sequence !== undefined) this.#obey(sequence)
      else if (piece === '\n') this.#down()
      else if (piece === '\r') this.#column = 0
      else if (piece === '\b') this.#column = Math.max(0, this.#column - 1)
      else if (piece !== '\u0007') this.#put(piece)
    }
  }

  #resize(columns: number): void {
    if (this.#reflow === 'reflows') this.#breakAgain(columns)
    else for (const row of this.#rows) row.text = row.text.slice(0, columns)
    this.#columns = columns
    this.#clears = 0
    this.#column = Math.min(this.#column, columns - 1)
  }

  #obey(sequence: string): void {
    const amount = Number.parseInt(sequence.slice(1), 10) || 1
    const row = this.#rows[this.#row]
    switch (sequence.at(-1)) {
      case 'A':
        this.#row = Math.max(0, this.#row - amount)
        break
      case 'B':
        this.#row += amount
        this.#grow()
        break
      case 'C':
        this.#column = Math.min(this.#columns - 1, this.#column + amount)
        break
      case 'D':
        this.#column = Math.max(0, this.#column - amount)
        break
      case 'G':
        this.#column = amount - 1
        break
      case 'K':
        if (row) row.text = sequence === '[2K' ? '' : row.text.slice(0, this.#column)
        break
      case 'J':
        this.#clears += 1
        if (row) row.text = row.text.slice(0, this.#column)
        this.#rows.splice(this.#row + 1)
        break
      case 'm':
        break
      case 't':
        // A report of its new size: rows, columns.
        this.#resize(Number(sequence.slice(1, -1).split(';')[2]))
        break
      case 'h':
      case 'l':
        if (sequence.startsWith('[?25')) this.cursor = sequence.endsWith('h')
        else if (sequence.startsWith('[?7')) this.#isWrapping = sequence.endsWith('h')
        break
      default:
        this.unknown.add(sequence)
    }
  }

  #put(character: string): void {
    if (this.#column >= this.#columns) {
      if (this.#isWrapping) {
        const row = this.#rows[this.#row]
        if (row) row.wraps = true
        this.#down()
        this.#column = 0
      } else this.#column = this.#columns - 1
    }
    const row = this.#rows[this.#row]
    if (!row) return
    row.text = row.text.padEnd(this.#column)
    row.text = row.text.slice(0, this.#column) + character + row.text.slice(this.#column + 1)
    this.#column += 1
  }

  /** The line discipline makes `\r\n` of each `\n`. */
  #down(): void {
    this.#row += 1
    this.#grow()
  }

  #grow(): void {
    while (this.#row >= this.#rows.length) this.#rows.push({ text: '', wraps: false })
  }

  #breakAgain(columns: number): void {
    const broken: Row[] = []
    let cursor = 0
    let whole = ''
    let hasCursor = false
    this.#rows.forEach(({ text, wraps }, at) => {
      whole += text
      hasCursor ||= at === this.#row
      if (wraps) return
      const pieces = whole.match(new RegExp(`.{1,${columns}}`, 'gsu')) ?? ['']
      broken.push(...pieces.map((piece, index) => ({ text: piece, wraps: index < pieces.length - 1 })))
      if (hasCursor) cursor = broken.length - 1
      whole = ''
      hasCursor = false
    })
    this.#rows = broken
    this.#row = cursor
  }
}
