/** What may stand at the end of a command line: read off the tree of commands, so that nothing is listed a second time. */

import type { Argument, Command, Option } from 'commander'
import { FILTER_KEYS } from '../core/narrowing.ts'
import { EXECUTION_MOVES } from '../core/states.ts'

export interface Candidate {
  readonly value: string
  readonly description?: string
}

/** What the program can name. */
export type Kind = 'policy' | 'registry' | 'place' | 'execution' | 'adapter'

export interface Wanted {
  readonly candidates: readonly Candidate[]
  readonly kinds: readonly Kind[]
  readonly files?: 'file' | 'directory'
  /** Stands before each value: `--policy=`. */
  readonly prefix: string
  /** Global options that the line gives, and files that it names. */
  readonly given: { readonly config?: string; readonly home?: string; readonly files: readonly string[] }
}

type Values = Pick<Wanted, 'candidates' | 'kinds' | 'files'>

/** `words` are those after the program's name; the last is the one to complete, and may be empty. */
export function wantedAt(program: Command, words: readonly string[]): Wanted {
  const line = readLine(program, words.slice(0, -1))
  const { config, home } = line.values
  const given = {
    files: line.files,
    ...(config === undefined ? {} : { config }),
    ...(home === undefined ? {} : { home }),
  }
  const current = words.at(-1) ?? ''
  const plain = { prefix: '', given }
  if (line.pending) return { ...plain, ...optionValues(line.pending) }
  if (!line.onlyArguments && current.startsWith('-')) {
    const equals = current.indexOf('=')
    if (equals < 0) return { ...plain, candidates: optionNames(line.command), kinds: [] }
    const option = optionNamed(line.command, current.slice(0, equals))
    return { ...plain, ...(option ? optionValues(option) : NOTHING), prefix: current.slice(0, equals + 1) }
  }
  if (line.command.commands.length > 0) {
    const candidates = line.arguments > 0 ? [] : subcommands(line.command)
    return { ...plain, candidates, kinds: [] }
  }
  const all = line.command.registeredArguments
  const last = all.at(-1)
  const argument = all[line.arguments] ?? (last?.variadic ? last : undefined)
  return { ...plain, ...(argument ? argumentValues(argument, line.command) : NOTHING) }
}

/** The innermost command that the words name. */
export function commandAt(program: Command, words: readonly string[]): Command {
  return readLine(program, words).command
}

const NOTHING: Values = { candidates: [], kinds: [] }

interface Line {
  readonly command: Command
  /** How many arguments of the command stand there. */
  readonly arguments: number
  /** An option whose value comes next. */
  readonly pending?: Option | undefined
  /** After `--`. */
  readonly onlyArguments: boolean
  readonly values: Readonly<Record<string, string>>
  readonly files: readonly string[]
}

function readLine(program: Command, words: readonly string[]): Line {
  let command = program
  let count = 0
  let pending: Option | undefined
  let onlyArguments = false
  const values: Record<string, string> = {}
  const files: string[] = []
  for (const word of words) {
    if (pending) {
      values[pending.attributeName()] = word
      pending = undefined
    } else if (!onlyArguments && word === '--') onlyArguments = true
    else if (!onlyArguments && word.startsWith('-') && word !== '-') {
      const [name = '', value] = word.split(/=(.*)/s)
      const option = optionNamed(command, name)
      if (option && takesValue(option) && value === undefined) pending = option
      else if (option && value !== undefined) values[option.attributeName()] = value
    } else {
      const sub = count === 0 && !onlyArguments ? command.commands.find((one) => one.name() === word) : undefined
      if (sub) command = sub
      else {
        count += 1
        if (/\.ya?ml$/i.test(word)) files.push(word)
      }
    }
  }
  return { command, arguments: count, pending, onlyArguments, values, files }
}

function optionsOf(command: Command): readonly Option[] {
  const help = command.createHelp()
  help.showGlobalOptions = true
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
}

function optionNamed(command: Command, name: string): Option | undefined {
  return optionsOf(command).find(({ long, short }) => long === name || short === name)
}

function optionNames(command: Command): readonly Candidate[] {
  return optionsOf(command).map(({ long, short, description }) => ({ value: long ?? short ?? '', description }))
}

function subcommands(command: Command): readonly Candidate[] {
  const visible = command.createHelp().visibleCommands(command)
  return visible.map((one) => ({ value: one.name(), description: one.description() }))
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional
}

function optionValues({ long, flags, argChoices }: Option): Values {
  if (argChoices) return choices(argChoices)
  const name = long?.slice(2) ?? ''
  const placeholder = /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1] ?? ''
  return valuesNamed(name) ?? valuesNamed(placeholder) ?? NOTHING
}

/** `<name>` is the name of what the group is about: `policies show`, `registries ping`. */
function argumentValues(argument: Argument, command: Command): Values {
  if (argument.argChoices) return choices(argument.argChoices)
  const group = command.parent?.name()
  const name = argument.name()
  const meant = name !== 'name' ? name : group === 'policies' ? 'policy' : group === 'registries' ? 'registry' : ''
  return valuesNamed(meant) ?? NOTHING
}

function choices(values: readonly string[]): Values {
  return { candidates: values.map((value) => ({ value })), kinds: [] }
}

/** By the words that arguments and values of options are called in the help. */
function valuesNamed(name: string): Values | undefined {
  const kinds = (...all: readonly Kind[]): Values => ({ candidates: [], kinds: all })
  switch (name) {
    case 'file-or-policy...':
    case 'file-or-policy':
      return { ...kinds('policy'), files: 'file' }
    case 'policy':
      return kinds('policy')
    case 'registry':
      return kinds('registry')
    case 'source':
    case 'destination':
    case 'reference':
      return kinds('place')
    case 'id':
      return kinds('execution')
    case 'identity':
    case 'type':
      return kinds('adapter')
    case 'file':
      return { ...NOTHING, files: 'file' }
    case 'dir':
      return { ...NOTHING, files: 'directory' }
    case 'status':
      return choices(Object.keys(EXECUTION_MOVES))
    case 'filter':
      return { candidates: FILTER_KEYS.map((key) => ({ value: `${key}=` })), kinds: [] }
    default:
      return undefined
  }
}
