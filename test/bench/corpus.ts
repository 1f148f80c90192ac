/** What a corpus of the bench is: something to copy, and the tables that say how it went. */

import type { Tool } from './tools.ts'

export interface Corpus {
  /** What `npm run bench -- NAME` calls it. */
  readonly name: string
  /** One line, the title of its table. */
  readonly title: string
  run(bench: Bench): Promise<readonly Table[]>
}

/** What a corpus may use. */
export interface Bench {
  /** Smaller content and one round. */
  readonly quick: boolean
  /** How often each measurement is repeated; the best counts. */
  readonly rounds: number
  /** Ours first, then the others that are installed. */
  readonly tools: readonly Tool[]
  /** A new directory that is removed at the end. */
  directory(): string
  /** Progress for whoever waits. */
  say(text: string): void
}

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Under the table: ratios, and what to know. */
  readonly notes: readonly string[]
}

/** As Markdown. */
export function renderTable({ title, columns, rows, notes }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [
    `### ${title}`,
    '',
    line(columns),
    line(columns.map((_, at) => (at === 0 ? '---' : '---:'))),
    ...rows.map(line),
    '',
    ...notes.map((note) => `- ${note}`),
    ...(notes.length > 0 ? [''] : []),
  ].join('\n')
}
