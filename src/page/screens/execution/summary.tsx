/** What an execution has done, and does right now. */

import { useEffect, useRef } from 'preact/hooks'
import type { Execution } from '../../../serve/api/schema/execution.ts'
import { bytes, duration } from '../../format.ts'
import type { Progress } from '../../live/events.ts'
import { type Fact, Facts } from '../../parts/detail.tsx'
import { Ago, Bar } from '../../parts/status.tsx'
import { Took } from './list.tsx'

/** Blobs that have a bar of their own. */
const MOST_BARS = 12

function inFlightOf(progress: Progress | null): number {
  return progress?.blobs.reduce((sum, blob) => sum + blob.bytes, 0) ?? 0
}

/** Bytes a second of the last seconds. */
function useRate(received: number | undefined): number | undefined {
  const samples = useRef<{ readonly time: number; readonly received: number }[]>([])
  useEffect(() => {
    if (received === undefined) {
      samples.current = []
      return
    }
    samples.current = [...samples.current.slice(-15), { time: Date.now(), received }]
  }, [received])
  const [first] = samples.current
  const last = samples.current.at(-1)
  if (!first || !last || last.time - first.time < 900) return undefined
  return ((last.received - first.received) * 1000) / (last.time - first.time)
}

export function Summary({ of: one, progress }: { readonly of: Execution; readonly progress: Progress | null }) {
  const rate = useRate(progress?.received)
  const done = progress ? progress.settled + inFlightOf(progress) : 0
  const left = progress && rate && rate > 0 ? ((progress.bytes - done) / rate) * 1000 : undefined
  const facts: readonly Fact[] = [
    ['total', one.total.toLocaleString('en')],
    ['succeeded', one.succeed.toLocaleString('en')],
    ['failed', one.failed > 0 ? <span class="bad">{one.failed.toLocaleString('en')}</span> : '0'],
    ['in progress', one.in_progress.toLocaleString('en')],
    ['unchanged', one.unchanged.toLocaleString('en')],
    ...(one.skipped > 0 ? [['skipped', one.skipped.toLocaleString('en')] as const] : []),
    ...(one.stopped > 0 ? [['stopped', one.stopped.toLocaleString('en')] as const] : []),
    ['copied', bytes(one.bytes_copied)],
    ...(one.bytes_mounted > 0 ? [['mounted', bytes(one.bytes_mounted)] as const] : []),
    ...(rate === undefined ? [] : [['rate', `${bytes(rate)}/s`] as const]),
    ...(left === undefined ? [] : [['time left', duration(left)] as const]),
    ['trigger', one.trigger],
    ['started', <Ago key="started" time={one.start_time} />],
    ['took', <Took key="took" of={one} />],
  ]
  return (
    <>
      <Facts facts={facts} />
      {progress && progress.bytes > 0 ? (
        <div class="whole">
          <Bar part={done / progress.bytes} label="All of it" />
          <span>
            {bytes(done)} of {bytes(progress.bytes)}
          </span>
        </div>
      ) : null}
    </>
  )
}

export function Flight({ progress: { blobs } }: { readonly progress: Progress }) {
  if (blobs.length === 0) return null
  return (
    <ul class="flight" aria-label="Blobs in flight">
      {blobs.slice(0, MOST_BARS).map((blob) => (
        <li key={blob.id}>
          <span class="name">{blob.name}</span>
          <code>{blob.digest.replace('sha256:', '').slice(0, 12)}</code>
          <Bar part={blob.size === 0 ? 1 : blob.bytes / blob.size} label={`${blob.name} ${blob.digest}`} />
          <span class="right">
            {bytes(blob.bytes)} of {bytes(blob.size)}
          </span>
        </li>
      ))}
      {blobs.length > MOST_BARS ? <li class="dim">and {blobs.length - MOST_BARS} more</li> : null}
    </ul>
  )
}
