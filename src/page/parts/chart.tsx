/** Bytes over time, of an execution that runs. */

import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { bytes } from '../format.ts'

interface ChartProps {
  readonly execution: number
  readonly active: boolean
  /** Bytes so far, as often as they are known. */
  readonly received: number | undefined
}

/** Points that are kept: every second one goes once there are more. */
const MOST_POINTS = 600
const HEIGHT = 140

/** Shown from the second point on. */
export function Chart({ execution, active, received }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const points = useRef<{ execution: number; times: number[]; sums: number[] }>({ execution, times: [], sums: [] })

  useEffect(() => {
    if (points.current.execution !== execution) points.current = { execution, times: [], sums: [] }
    const { times, sums } = points.current
    if (received === undefined) return
    times.push(Date.now() / 1000)
    sums.push(received)
    if (times.length > MOST_POINTS) {
      points.current = {
        execution,
        times: times.filter((_, at) => at % 2 === 0),
        sums: sums.filter((_, at) => at % 2 === 0),
      }
    }
    const data: uPlot.AlignedData = [points.current.times, points.current.sums]
    if (plot.current) plot.current.setData(data)
    else if (place.current && times.length > 1) plot.current = create(place.current, data)
  }, [execution, received])

  useEffect(() => {
    const resize = (): void => {
      if (place.current) plot.current?.setSize({ width: place.current.clientWidth, height: HEIGHT })
    }
    window.addEventListener('resize', resize)
    return () => {
      window.removeEventListener('resize', resize)
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [])

  if (!active && points.current.times.length < 2) return null
  return <div class="chart" ref={place} role="img" aria-label="Bytes over time" />
}

function create(place: HTMLElement, data: uPlot.AlignedData): uPlot {
  const style = getComputedStyle(place)
  const color = (name: string): string => style.getPropertyValue(name).trim()
  const axis = { stroke: color('--dim'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } }
  return new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most)] } },
      axes: [axis, { ...axis, size: 80, values: (_, splits) => splits.map((one) => bytes(one)) }],
      series: [{}, { stroke: color('--accent'), fill: color('--wash'), width: 2 }],
    },
    data,
    place,
  )
}
