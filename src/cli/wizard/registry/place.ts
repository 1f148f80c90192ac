/** Questions for what a registry is and where: its type, name, address and description. */

import { homeUrl, registryOfHost } from '../../../config/hosts.ts'
import { NAME } from '../../../config/schema.ts'
import { refuseKnown } from '../../commands/registries/desk.ts'
import { withScheme } from '../../commands/registries/settings.ts'
import { complaintOf, filled } from '../../complaint.ts'
import { type Choice, select, text } from '../../prompt/prompt.ts'
import type { Topic } from '../dialog.ts'
import { type Answers, complaint, type Table } from './answers.ts'

export function placeTopics(table: Table): readonly Topic<Answers>[] {
  const { adapters, before, configuration } = table
  const typeOf = ({ flags }: Answers): string => flags.type ?? before?.type ?? 'docker-registry'
  const isLayout = (answers: Answers): boolean => typeOf(answers) === 'oci-layout'
  const home = (answers: Answers): string | undefined => homeUrl(answers.name, typeOf(answers), adapters)
  const urlOf = (answers: Answers): string | undefined => answers.flags.url ?? before?.url ?? home(answers)
  const set = (answers: Answers, flags: Answers['flags']): Answers => ({
    ...answers,
    flags: { ...answers.flags, ...flags },
  })

  const type: Topic<Answers> = {
    key: 'type',
    label: 'Type',
    shown: (answers) => adapters.find(({ identity }) => identity === typeOf(answers))?.name ?? typeOf(answers),
    async ask(asker, answers) {
      const choices = adapters.map(
        ({ identity, name, description, home: address }): Choice<string> => ({
          value: identity,
          name,
          description: [description, address].filter((part) => part !== undefined).join('\n'),
        }),
      )
      const { url, path } = answers.flags
      const guess = path ? 'oci-layout' : url && hostType(url)
      const fallback = answers.flags.type ?? before?.type ?? guess ?? 'docker-registry'
      return set(answers, {
        type: await select(asker, { message: 'Type of registry:', option: '--type', choices, fallback }),
      })
    },
  }
  const hostType = (url: string): string | undefined =>
    URL.canParse(withScheme(url)) ? registryOfHost(new URL(withScheme(url)).host, adapters).type : undefined

  const name: Topic<Answers> = {
    key: 'name',
    label: 'Name',
    shown: (answers) => answers.name,
    async ask(asker, answers) {
      const identity = typeOf(answers)
      const short = adapters.find((one) => one.identity === identity)?.short ?? identity
      const fallback = answers.name || freeName(short, (one) => configuration.registries.has(one))
      const check = (answer: string) =>
        NAME.test(answer)
          ? complaintOf(() => refuseKnown(configuration, answer))
          : 'letters, digits, `.`, `_` and `-` make a name'
      const message = 'Name, by which policies know it:'
      return { ...answers, name: await text(asker, { message, option: 'NAME', fallback, check }) }
    },
  }

  const url: Topic<Answers> = {
    key: 'url',
    label: 'URL',
    after: ['type'],
    applies: (answers) => !isLayout(answers),
    shown: (answers) => urlOf(answers) ?? '',
    async ask(asker, answers) {
      const given = await text(asker, {
        message: 'URL:',
        option: '--url',
        fallback: urlOf(answers),
        check: (answer) =>
          answer === ''
            ? 'a URL such as https://registry.example.com, or a host'
            : complaint(table, answers, { url: withScheme(answer), path: '' }),
      })
      const { path: _, ...flags } = answers.flags
      // Its own address need not stand in the file.
      const isHome = before === undefined && withScheme(given) === home(answers)
      const { url: __, ...others } = flags
      return {
        ...answers,
        flags: isHome ? others : { ...flags, url: withScheme(given), ...gone('path', before?.path) },
      }
    },
  }

  const path: Topic<Answers> = {
    key: 'path',
    label: 'Place',
    after: ['type'],
    applies: isLayout,
    shown: ({ flags }) => flags.path ?? before?.path ?? '',
    async ask(asker, answers) {
      const message = 'Directory, or .tar file:'
      const fallback = answers.flags.path ?? before?.path ?? './archive'
      const { url: _, ...flags } = answers.flags
      const check = async (answer: string) =>
        filled(answer) ?? (await complaint(table, { ...answers, flags }, { path: answer, ...gone('url', before?.url) }))
      const given = await text(asker, { message, option: '--path', fallback, check })
      return { ...answers, flags: { ...flags, path: given, ...gone('url', before?.url) } }
    },
  }

  const description: Topic<Answers> = {
    key: 'description',
    label: 'Description',
    shown: ({ flags }) => (flags.description ?? before?.description) || 'none',
    async ask(asker, answers) {
      const { description: written = before?.description } = answers.flags
      const message = `Description (${written ? '- for none' : 'may be left out'}):`
      const given = await text(asker, { message, option: '--description', fallback: written || undefined })
      const none = before?.description === undefined ? {} : { description: '' }
      const { description: _, ...flags } = answers.flags
      return { ...answers, flags: { ...flags, ...(given === '-' || given === '' ? none : { description: given }) } }
    },
  }
  return [type, ...(before ? [] : [name]), url, path, description]
}

/** What only the other type of place has is taken out of a file that has it. */
function gone(key: 'url' | 'path', before: string | undefined): { readonly url?: string; readonly path?: string } {
  return before === undefined ? {} : { [key]: '' }
}

function freeName(short: string, taken: (name: string) => boolean): string | undefined {
  return Array.from({ length: 100 }, (_, at) => (at === 0 ? short : `${short}-${at + 1}`)).find((name) => !taken(name))
}
