/** The question whom to trust: the machine's authorities, a CA file, or the authority that the server shows, which is then kept in a file. */

import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { ShownCertificate } from '../../../app/app.ts'
import { keepAuthority } from '../../../app/trust/authority.ts'
import { homeUrl } from '../../../config/hosts.ts'
import { CancelledError, describeError, messageOf, ReplicateError } from '../../../core/errors.ts'
import { pathIn } from '../../commands/registries/places.ts'
import { filled } from '../../complaint.ts'
import { type Asker, type Choice, confirm, select, text } from '../../prompt/prompt.ts'
import { printable } from '../../render/format.ts'
import { quietContext } from '../../session.ts'
import type { Topic } from '../dialog.ts'
import { type Answers, complaint, type Table } from './answers.ts'

type Trust = 'machine' | 'file' | 'shown' | 'insecure'

export interface CertificateTopic {
  readonly topic: Topic<Answers>
  /** Takes away the files that were written for a registry that is not saved. */
  forget(): Promise<void>
}

export function certificateTopic(table: Table): CertificateTopic {
  const { before, adapters, session, places, app } = table
  const kept: (() => Promise<void>)[] = []
  const urlOf = ({ name, flags }: Answers): string | undefined =>
    flags.url || before?.url || homeUrl(name, flags.type ?? before?.type ?? '', adapters)
  const caOf = ({ flags }: Answers): string | undefined => flags.ca ?? before?.ca
  const isInsecure = ({ flags }: Answers): boolean => flags.insecure ?? before?.insecure ?? false
  const trusting = (answers: Answers, insecure: boolean, ca: string): Answers => {
    const { insecure: _, ca: __, ...flags } = answers.flags
    // Of a new registry only what is not usual stands in the file.
    const check = insecure ? { insecure } : before?.insecure ? { insecure: false } : {}
    const trust = ca !== '' || before?.ca !== undefined ? { ca } : {}
    return { ...answers, flags: { ...flags, ...check, ...trust } }
  }

  async function ask(asker: Asker, answers: Answers): Promise<Answers> {
    const shown = await shownAuthority(urlOf(answers))
    const choices: readonly Choice<Trust>[] = [
      { value: 'machine', name: 'Verify it with the authorities of this machine' },
      { value: 'file', name: 'Verify it with a CA file' },
      ...(shown
        ? [{ value: 'shown', name: `Trust the authority that it shows: ${printable(shown.subject)}` } as const]
        : []),
      { value: 'insecure', name: 'Do not verify it' },
    ]
    const now: Trust = isInsecure(answers) ? 'insecure' : caOf(answers) || shown ? 'file' : 'machine'
    const question = { message: 'Its certificate:', option: '--ca', choices, fallback: now }
    const trust = await select<Trust>(asker, question)
    if (trust === 'machine' || trust === 'insecure') return trusting(answers, trust === 'insecure', '')
    if (trust === 'file') return trusting(answers, false, await askFile(asker, answers))
    if (!shown) return answers
    for (const [name, value] of facts(shown)) session.stderr.write(`  ${name.padEnd(8)} ${printable(value)}\n`)
    const message = 'Is that what its administrator says? Save it, and trust it?'
    if (!(await confirm(asker, { message, option: '--ca', fallback: false }))) return ask(asker, answers)
    return trusting(answers, false, await keep(answers.name, shown))
  }

  function askFile(asker: Asker, answers: Answers): Promise<string> {
    const check = async (answer: string) =>
      filled(answer) ?? (await notCertificate(answer)) ?? (await complaint(table, answers, { ca: answer }))
    return text(asker, { message: 'CA file (PEM):', option: '--ca', fallback: caOf(answers) || undefined, check })
  }

  /** The topmost certificate that the server shows, where it is an authority's own: only such a one can be trusted by itself. */
  async function shownAuthority(url: string | undefined): Promise<ShownCertificate | undefined> {
    if (!url?.startsWith('https:')) return undefined
    try {
      const { chain, distrust } = await app.peer(url, quietContext(session))
      const top = chain.at(-1)
      if (distrust === undefined || top === undefined) return undefined
      if (top.selfSigned) return top
      const lacks = `it shows a certificate issued by ${printable(top.issuer)}, and not that authority's own: ask its administrator for the file`
      session.stderr.write(`  ${lacks}\n`)
    } catch (error) {
      if (!(error instanceof ReplicateError) || error instanceof CancelledError) throw error
      session.stderr.write(`  ${printable(describeError(error))}\n`)
    }
    return undefined
  }

  /** Beside the configuration, under a name that is free. */
  async function keep(name: string, { pem }: ShownCertificate): Promise<string> {
    const { path, undo } = await keepAuthority(dirname(places.file), name, pem)
    kept.push(undo)
    return path
  }

  return {
    topic: {
      key: 'certificate',
      label: 'Certificate',
      quiet: true,
      after: [],
      applies: (answers) => urlOf(answers)?.startsWith('https:') ?? false,
      shown: (answers) => {
        const ca = caOf(answers)
        if (isInsecure(answers)) return 'not verified'
        return ca ? `verified with ${basename(pathIn(ca, places))}` : 'verified'
      },
      ask,
    },
    forget: async () => {
      await Promise.all(kept.map((undo) => undo()))
    },
  }
}

/** What people compare. */
function facts({
  subject,
  issuer,
  notBefore,
  notAfter,
  sha256,
}: ShownCertificate): readonly (readonly [string, string])[] {
  const day = (time: Date): string => time.toISOString().slice(0, 10)
  return [
    ['subject', subject],
    ['issuer', issuer],
    ['valid', `${day(notBefore)} to ${day(notAfter)}`],
    // In two halves, which fit into narrow terminals.
    ['SHA-256', sha256.slice(0, 47)],
    ['', sha256.slice(48)],
  ]
}

async function notCertificate(path: string): Promise<string | undefined> {
  let pem: string
  try {
    pem = await readFile(path, 'utf8')
  } catch (error) {
    return `cannot be read: ${messageOf(error)}`
  }
  try {
    return new X509Certificate(pem).subject === undefined ? 'it has no subject' : undefined
  } catch {
    return `${path} holds no certificate`
  }
}
