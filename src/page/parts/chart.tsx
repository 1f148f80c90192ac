/** Bytes over time: what was noted of an execution, and while it runs what comes. */

import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Execution, ProgressSample } from '../../serve/api/schema/execution.ts'
import { bytes, timeOfDay } from '../format.ts'
import { daemonNow, useLive } from '../live/live.ts'
import { useRead } from './data.ts'

interface ChartProps {
  readonly execution: Execution
  readonly active: boolean
}

/** Seconds since 1970, and bytes. */
type Points = [times: number[], sums: number[]]

/** Points that are kept: every second one goes once there are more. */
const MOST_POINTS = 1200
const HEIGHT = 150
/** Seconds that are shown at least while it runs. */
const SHORTEST = 10
/** Seconds, and bytes, between two lines of the grid. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400]
const POWERS = Array.from({ length: 54 }, (_, power) => 2 ** power)

/** Shown from the second point on. */
export function Chart({ execution, active }: ChartProps) {
  const { id, bytes_copied: copied, end_time } = execution
  const samples = useRead<readonly ProgressSample[]>(`/replication/executions/${id}/progress`)
  const noted = samples.answer?.body
  const points = useRef<Points>([[], []])
  const [count, drawn] = useState(0)
  useLive(({ type }) => {
    if (type === 'reset') samples.again()
  })

  useEffect(() => {
    if (!noted) return
    points.current = [noted.map(({ time }) => Date.parse(time) / 1000), noted.map((sample) => sample.bytes)]
    drawn((now) => now + 1)
  }, [noted])

  useEffect(() => {
    const [times, sums] = points.current
    // How it ended counts, too: little may have been noted of a short one.
    const now = active ? daemonNow() / 1000 : Date.parse(end_time ?? '') / 1000
    if (!noted || !((times.at(-1) ?? 0) < now)) return
    times.push(now)
    sums.push(copied)
    if (times.length > MOST_POINTS) points.current = [thinned(times), thinned(sums)]
    drawn((before) => before + 1)
  }, [noted, active, copied, end_time])

  // Nothing moved, or it was over at once.
  if (!active && copied === 0) return null
  if (points.current[0].length < 2) return active ? <div class="chart" /> : null
  return <Plot points={points.current} count={count} shortest={active ? SHORTEST : 1} />
}

function thinned(numbers: readonly number[]): number[] {
  return numbers.filter((_, at) => at % 2 === 0 || at === numbers.length - 1)
}

interface PlotProps {
  readonly points: Points
  /** Changes with the points. */
  readonly count: number
  /** Seconds that are shown at least. */
  readonly shortest: number
}

function Plot({ points, count, shortest }: PlotProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)

  useEffect(() => {
    const element = place.current
    if (!element) return
    const redraw = (): void => {
      plot.current?.destroy()
      plot.current = create(element, points, shortest)
    }
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }))
    // Its colors are those of the moment when it was made.
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    redraw()
    resize.observe(element)
    scheme.addEventListener('change', redraw)
    return () => {
      resize.disconnect()
      scheme.removeEventListener('change', redraw)
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [shortest])

  useEffect(() => plot.current?.setData(points), [points, count])

  return <div class="chart" ref={place} role="img" aria-label="Bytes over time" />
}

function create(place: HTMLElement, data: Points, shortest: number): uPlot {
  const style = getComputedStyle(place)
  const color = (name: string): string => style.getPropertyValue(name).trim()
  const axis = { stroke: color('--dim'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } }
  return new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      // The last time stays whole.
      padding: [8, 40, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: true, range: (_, from, to) => [from, Math.max(to, from + shortest)] },
        y: { range: (_, __, most) => [0, Math.max(1024, most)] },
      },
      axes: [
        {
          ...axis,
          size: 28,
          space: 90,
          incrs: STEPS,
          values: (_, splits) => splits.map((seconds) => timeOfDay(seconds * 1000)),
        },
        { ...axis, size: 80, incrs: POWERS, values: (_, splits) => splits.map((one) => bytes(one)) },
      ],
      series: [{}, { stroke: color('--accent'), fill: color('--wash'), width: 2, points: { show: false } }],
    },
    data,
    place,
  )
}
