/** The blocks of a guide: what is typed, what it prints, and the files that it shows. */

import { readFileSync } from 'node:fs'

export interface Command {
  /** As typed, without the prompt. */
  readonly line: string
  readonly output: string
}

export interface ConsoleBlock {
  readonly section: string
  /** Why nothing can run it; what stands behind `not run:` where the block begins. */
  readonly notRun: string | undefined
  /** Questions are asked at a terminal: `asks` stands where the block begins. */
  readonly asks: boolean
  readonly commands: readonly Command[]
  /** Where its text begins and ends. */
  readonly start: number
  readonly end: number
}

/** A file that a guide shows under its name, in the first line. */
export interface ShownFile {
  readonly section: string
  readonly name: string
  readonly text: string
}

/** A pipeline of a build server. */
export interface Pipeline {
  readonly name: string
  readonly text: string
}

export interface Guide {
  readonly text: string
  readonly pipelines: readonly Pipeline[]
  readonly blocks: readonly ConsoleBlock[]
  readonly files: readonly ShownFile[]
}

const HEADING = /^##+ (.*)$/gm
const CONSOLE = /^```console *(.*)\n((?:.*\n)*?)```$/gm
const FILE = /^```yaml\n((?:#.*\n)*?# ([\w-]+\.ya?ml)(?:[ :].*)?\n(?:.*\n)*?)```$/gm
const PIPELINE = /^```yaml\n(# (\.(?:github|gitlab)\S*)\n(?:.*\n)*?)```$/gm

export function readGuide(path: string): Guide {
  const text = readFileSync(path, 'utf8')
  const headings = [...text.matchAll(HEADING)]
  const sectionAt = (at: number): string => headings.findLast(({ index }) => index < at)?.[1] ?? ''
  const blocks = [...text.matchAll(CONSOLE)].map(({ index, 0: whole, 1: info = '', 2: body = '' }) => {
    const start = index + whole.indexOf('\n') + 1
    return {
      section: sectionAt(index),
      notRun: /^not run: (.+)$/.exec(info)?.[1],
      asks: info === 'asks',
      commands: commandsOf(body),
      start,
      end: start + body.length,
    }
  })
  const files = [...text.matchAll(FILE)].map(({ index, 1: content = '', 2: name = '' }) => ({
    section: sectionAt(index),
    name,
    text: content,
  }))
  const pipelines = [...text.matchAll(PIPELINE)].map(({ 1: content = '', 2: name = '' }) => ({ name, text: content }))
  return { text, blocks, files, pipelines }
}

/** A line that ends with `\` goes on in the next one. */
function commandsOf(body: string): readonly Command[] {
  const commands: { line: string; output: string[] }[] = []
  let goesOn = false
  for (const line of body.split('\n').slice(0, -1)) {
    const last = commands.at(-1)
    if (goesOn && last) last.line += `\n${line}`
    else if (line.startsWith('$ ')) commands.push({ line: line.slice(2), output: [] })
    else if (last) last.output.push(line)
    else throw new Error(`a console block begins with output: ${line}`)
    goesOn = line.endsWith('\\')
  }
  return commands.map(({ line, output }) => ({ line, output: output.join('\n') }))
}
