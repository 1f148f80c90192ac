/** Settings of a registry that most leave as they are; asked only from the overview. */

import type { SettingFlags } from '../../commands/registries/settings.ts'
import { filled } from '../../complaint.ts'
import { type Asker, text } from '../../prompt/prompt.ts'
import type { Topic } from '../dialog.ts'
import { type Answers, complaint, type Table } from './answers.ts'

/** What takes a setting away. */
const NONE = '-'

export function settingTopics(table: Table): readonly Topic<Answers>[] {
  const { before } = table
  const limits = before?.limits
  const topic = (
    key: 'proxy' | 'userAgent' | 'requestsPerSecond' | 'bandwidth' | 'connections',
    label: string,
    message: string,
    option: string,
    now: string | number | undefined,
  ): Topic<Answers> => ({
    key,
    label,
    quiet: true,
    applies: ({ flags }) => (flags.type ?? before?.type) !== 'oci-layout',
    shown: ({ flags }) => String(flags[key] ?? now ?? '') || undefined,
    async ask(asker, answers) {
      const written = String(answers.flags[key] ?? now ?? '')
      const check = (answer: string) => complaint(table, answers, flagOf(key, answer))
      const question = {
        message: `${message}${written ? `, ${NONE} for none` : ''}:`,
        option,
        fallback: written || undefined,
        check,
      }
      return { ...answers, flags: { ...answers.flags, ...flagOf(key, await text(asker, question)) } }
    },
  })
  return [
    topic('proxy', 'Proxy', 'Proxy (such as http://proxy.example.com:3128)', '--proxy', before?.proxy),
    topic('userAgent', 'User agent', 'What requests call this program', '--user-agent', before?.user_agent),
    topic('connections', 'Connections', 'Open connections to its host', '--connections', limits?.connections),
    topic(
      'requestsPerSecond',
      'Requests',
      'Requests a second to its host',
      '--requests-per-second',
      limits?.requests_per_second,
    ),
    topic(
      'bandwidth',
      'Bandwidth',
      'Bandwidth (such as 50MiB/s)',
      '--bandwidth',
      limits?.bandwidth && `${limits.bandwidth}B/s`,
    ),
    {
      key: 'client',
      label: 'Client certificate',
      quiet: true,
      applies: ({ flags }) => (flags.type ?? before?.type) !== 'oci-layout',
      shown: ({ flags }) => (flags.clientCert ?? before?.client_cert) || undefined,
      ask: (asker, answers) => askClient(asker, answers, table),
    },
  ]
}

function flagOf(key: string, answer: string): SettingFlags {
  const value = answer === NONE ? '' : answer
  return { [key]: key === 'connections' && /^\d+$/.test(value) ? Number(value) : value }
}

async function askClient(asker: Asker, answers: Answers, { before }: Table): Promise<Answers> {
  const { clientCert = before?.client_cert, clientKey = before?.client_key } = answers.flags
  const message = `Client certificate, a PEM file${clientCert ? `, ${NONE} for none` : ''}:`
  const cert = await text(asker, { message, option: '--client-cert', fallback: clientCert || undefined, check: filled })
  if (cert === NONE) return { ...answers, flags: { ...answers.flags, clientCert: '', clientKey: '' } }
  const fallback = clientKey || undefined
  const key = await text(asker, { message: 'Its key, a PEM file:', option: '--client-key', fallback, check: filled })
  return { ...answers, flags: { ...answers.flags, clientCert: cert, clientKey: key } }
}
