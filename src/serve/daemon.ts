/** `replicate serve` as a whole: starts its parts, listens, reloads, and ends in order. */

import { after } from '../core/cancel.ts'
import { CancelledError, LockedError, messageOf } from '../core/errors.ts'
import { plural } from '../core/plural.ts'
import { ALL_PARTS } from './all-parts.ts'
import { createInForce, type InForceOptions } from './configuration/configuration.ts'
import { statesOf, watchFiles } from './configuration/files.ts'
import { createEvents } from './events/events.ts'
import { createExecutions } from './executions/executions.ts'
import { createListener } from './http/listener.ts'
import { addProbes } from './http/probes.ts'
import { createNews } from './news.ts'
import type { Daemon, Part, Program, ServeNews, StartPart } from './parts.ts'
import { type Ownership, takeOwnership } from './process/owner.ts'
import { createSystemd, type SystemdSurroundings } from './process/systemd.ts'
import { pruneHourly } from './pruning.ts'

export interface ServeOptions {
  readonly program: Program
  /** Aborted to end the daemon. */
  readonly signal: AbortSignal
  /** How long running tasks may take to end then, in milliseconds. */
  readonly drain: number
  /** Calls back when the configuration is to be read anew; the result ends it. */
  readonly onReload: (callback: () => void) => () => void
  readonly listen: (news: ServeNews) => void
  /** Where systemd has started it. */
  readonly systemd?: SystemdSurroundings | undefined
  /** As in `Daemon`. */
  readonly spooled?: Daemon['spooled']
  /** Default: all. */
  readonly parts?: readonly StartPart[]
}

/** Milliseconds that parts and requests have to end, after everything was stopped. */
const LAST_WAIT = 10_000

/** Resolves when the daemon has ended. Throws where it could not start, and where another daemon has taken its history over. */
export async function serve(options: ServeOptions): Promise<void> {
  const { program, signal } = options
  const news = createNews()
  news.listen(options.listen)
  const inform = (text: string): void => news.tell({ type: 'log', level: 'info', text })
  const read = await statesOf(program.files)
  const configuration = await program.read()
  const ownership = await takeOwnership(program, inform, signal)
  try {
    await work(options, news, { first: configuration, read }, ownership)
  } finally {
    ownership.release()
  }
  news.tell({ type: 'ended' })
}

async function work(
  { program, signal, drain, onReload, systemd: surroundings, spooled, parts: starting = ALL_PARTS }: ServeOptions,
  news: ReturnType<typeof createNews>,
  { first: configuration, read }: Pick<InForceOptions, 'first' | 'read'>,
  ownership: Ownership,
): Promise<void> {
  const { clock, history } = program
  const { tell } = news
  const warn = (text: string): void => tell({ type: 'log', level: 'warning', text })
  const draining = new AbortController()
  const end = new AbortController()
  /** What must not happen, and ends the daemon. */
  const broken = new AbortController()
  const parts: Part[] = []
  const systemd = createSystemd(surroundings, clock, warn)
  const { tls } = configuration.serve
  const certificate = tls ? [tls.cert, tls.key] : []
  const certificateRead = await statesOf(certificate)
  const failed = (text: string): void => tell({ type: 'log', level: 'error', text })
  const isProxied = (): boolean => current().settings.behind_proxy
  const listener = await createListener(configuration.serve, failed, { isProxied })
  const { current, reload, watch } = createInForce({
    program,
    first: configuration,
    read,
    tell,
    replaced() {
      executions.reloaded()
      for (const part of parts) part.reloaded?.()
    },
  })
  /** A failure ends the daemon. */
  const keep: Daemon['keep'] = async (what, work) => {
    try {
      await work
    } catch (error) {
      broken.abort(
        error instanceof LockedError ? error : new Error(`${what} failed: ${messageOf(error)}`, { cause: error }),
      )
    }
  }
  const executions = createExecutions({ program, current, tell, keep, draining: draining.signal, signal: end.signal })
  const left = history.daemon.left().map((id) => history.executions.get(id))
  const base = {
    ...news,
    program,
    executions,
    current,
    reread: reload,
    resuming: new Set(left.map(({ id }) => id)),
    http: listener.app,
    keep,
    spooled,
    draining: () => draining.signal.aborted,
    signal: end.signal,
  }
  const events = createEvents(base)
  parts.push(events)
  const daemon: Daemon = { ...base, events }

  async function renewCertificate(): Promise<void> {
    try {
      await listener.renew()
      tell({ type: 'log', level: 'info', text: 'the certificate was read again' })
    } catch (error) {
      warn(`the certificate before stays in use: ${messageOf(error)}`)
    }
  }

  /** Runs until the end. */
  const running: Promise<void>[] = []
  const stopReloading = onReload(() => {
    systemd.reloading()
    void keep(RELOADING, reload()).then(() => systemd.ready())
  })
  try {
    addProbes(daemon, () => ownership.trouble)
    for (const execution of left) executions.resume(execution)
    for (const start of starting) parts.push(await start(daemon))
    tell({ type: 'listening', url: await listener.listen() })
    const renewed = { files: certificate, read: certificateRead, changed: renewCertificate, clock, signal: end.signal }
    running.push(
      keep(RELOADING, watch(end.signal)),
      keep('renewing the certificate', watchFiles(renewed)),
      keep('keeping the history', ownership.keep(end.signal)),
      keep(
        'telling systemd',
        systemd.watch(() => ownership.trouble === undefined, end.signal),
      ),
      keep('pruning the history', pruneHourly(daemon)),
    )
    if (left.length > 0) tell({ type: 'log', level: 'info', text: `resuming ${plural(left.length, 'execution')}` })
    executions.open()
    systemd.ready()
    await aborted(AbortSignal.any([signal, broken.signal]))
  } finally {
    stopReloading()
    systemd.stopping(drain)
    const reason = new CancelledError('replicate serve ended; its next start resumes this', 143)
    draining.abort(reason)
    const idle = executions.close()
    const others = parts.flatMap(({ running: own }) => (own && own.count > 0 ? [own] : []))
    const count = others.reduce((sum, own) => sum + own.count, executions.running.length)
    if (count > 0 && drain > 0 && !broken.signal.aborted) {
      tell({ type: 'draining', running: count, within: drain })
      const over = new AbortController()
      await Promise.race([
        Promise.all([idle, ...others.map((own) => own.idle)]),
        clock.sleep(drain, over.signal).catch(() => {}),
      ])
      over.abort()
    }
    end.abort(reason)
    await idle
    const all = [...running, ...parts.map((part) => part.ended())]
    await within(LAST_WAIT, Promise.all(all), () => warn('not every part has ended in time'))
    await listener.close(LAST_WAIT)
    await systemd.sent()
  }
  if (broken.signal.aborted) throw broken.signal.reason
}

/** What fails where a newer configuration is not taken over. */
const RELOADING = 'reloading the configuration'

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

async function within(milliseconds: number, work: Promise<unknown>, late: () => void): Promise<void> {
  let stop = (): void => {}
  const over = new Promise<'late'>((resolve) => {
    stop = after(milliseconds, () => resolve('late'), true)
  })
  if ((await Promise.race([work, over])) === 'late') late()
  stop()
}
