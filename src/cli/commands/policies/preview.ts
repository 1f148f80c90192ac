/** What a policy's filters match at its source, counted while it is found. */

import type { App } from '../../../app/app.ts'
import type { Configuration } from '../../../config/load.ts'
import { CancelledError } from '../../../core/errors.ts'
import type { Event } from '../../../core/events.ts'
import type { Policy } from '../../../core/policy.ts'
import { plural } from '../../render/format.ts'
import { quietContext, type Session } from '../../session.ts'

export interface Preview {
  readonly repositories: number
  /** That the filters select. */
  readonly tags: number
  readonly untagged: number
  /** Tags before the filters. */
  readonly seen: number
  /** The first ones. */
  readonly first: readonly { readonly repository: string; readonly tags: readonly string[] }[]
  /** False where the time was over before all was seen. */
  readonly complete: boolean
}

type Viewer = Pick<Session, 'signal' | 'stderr' | 'quiet' | 'bars' | 'errorColors' | 'timer' | 'verbose'>

type LogEvent = Extract<Event, { readonly type: 'log' }>

export interface PreviewOptions {
  /** Milliseconds; without it as long as it takes. */
  readonly within?: number
  /** Repositories that are kept to be shown. */
  readonly keep?: number
}

/** Shows on a terminal how far it is. Throws what the source says, and where the session is stopped. */
export async function preview(
  session: Viewer,
  app: App,
  policy: Policy,
  configuration: Configuration,
  { within, keep = 0 }: PreviewOptions = {},
): Promise<Preview> {
  const limit = new AbortController()
  const timer = within === undefined ? undefined : setTimeout(() => limit.abort(TIME_OVER), within)
  const warnings: LogEvent[] = []
  const ctx = {
    signal: AbortSignal.any([session.signal, limit.signal]),
    emit: (event: Event): void => {
      if (event.type === 'log' && (event.level === 'warning' || event.level === 'error')) warnings.push(event)
    },
  }
  const line = statusLine(session)
  const found = { repositories: 0, tags: 0, untagged: 0, seen: 0 }
  const first: { readonly repository: string; readonly tags: readonly string[] }[] = []
  let complete = true
  try {
    line.show(`asking ${policy.source.registry} …`)
    for await (const { repository, tags, untagged, seen } of app.matches(policy, configuration, ctx)) {
      found.seen += seen
      if (tags.length + untagged === 0) continue
      found.repositories += 1
      found.tags += tags.length
      found.untagged += untagged
      if (first.length < keep) first.push({ repository, tags })
      line.show(`${countsOf({ ...found, complete: true })} …`)
    }
  } catch (error) {
    if (error !== TIME_OVER) throw error
    complete = false
  } finally {
    clearTimeout(timer)
    line.clear()
    // One for each tag would hide what was found.
    const { emit } = quietContext(session)
    for (const warning of warnings.slice(0, SHOWN_WARNINGS)) emit(warning)
    const more = warnings.length - SHOWN_WARNINGS
    if (more > 0) emit({ type: 'log', level: 'warning', text: `and ${plural(more, 'more warning')}` })
  }
  return { ...found, first, complete }
}

const SHOWN_WARNINGS = 3

const TIME_OVER = new CancelledError('the time for a look is over', 1)

/** `2 repositories, 58 of 61 tags`. */
export function countsOf({ repositories, tags, untagged, seen, complete }: Omit<Preview, 'first'>): string {
  const extra = untagged > 0 ? `, ${untagged} without a tag` : ''
  const of = seen > tags + untagged ? ` of ${seen}` : ''
  const counts = `${plural(repositories, 'repository', 'repositories')}, ${tags}${of} ${of === '' && tags === 1 ? 'tag' : 'tags'}${extra}`
  return complete ? counts : `at least ${counts}; the time for a look is over`
}

/** One line of a terminal that is written again and again; nothing elsewhere. */
export function statusLine({ stderr, bars, errorColors }: Viewer): { show(text: string): void; clear(): void } {
  let shown = false
  const write = (text: string): void => stderr.write(`\r\u001b[K${text}`)
  return {
    show: (text) => {
      if (!bars) return
      shown = true
      write(errorColors.dim(text.slice(0, Math.max(0, stderr.columns - 1))))
    },
    clear: () => {
      if (shown) write('')
    },
  }
}
