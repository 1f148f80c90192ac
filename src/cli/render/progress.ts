/** A run on a terminal: one overall bar, one for each blob in flight, and what happened above them. */

import { MultiBar, Presets, type SingleBar } from 'cli-progress'
import type { Output, Session } from '../session.ts'
import { overallLine, slotLine } from './bar.ts'
import type { Colors } from './colors.ts'
import { createFailures } from './failures.ts'
import { createFrame, reflowsLines } from './frame.ts'
import { writeEnd } from './lines.ts'
import { createMeter, type Meter } from './meter.ts'
import { headingLine } from './summary.ts'
import { eventText } from './told.ts'
import type { View } from './view.ts'
import { wrapLines } from './wrap.ts'

/** More blobs than this are only counted in the overall bar. */
const MOST_BARS = 8
const FRAMES_PER_SECOND = 8
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'

export function progressView(session: Session): View {
  const { stderr, errorColors: colors, timer } = session
  let meter: Meter = createMeter(timer.now)
  let failures = createFailures(colors)
  let isFirst = true
  let bars: Bars | undefined

  const say = (text: string): void => {
    if (bars) bars.print(text)
    else stderr.write(text)
  }
  const stop = (): void => {
    bars?.stop()
    bars = undefined
  }
  // What is said of the end is written below the bars, by who knows nothing of them: it would stand among them.
  session.signal.addEventListener('abort', stop, { once: true })
  return {
    begin(heading) {
      stop()
      failures = createFailures(colors)
      meter = createMeter(timer.now)
      stderr.write(`${isFirst ? '' : '\n'}${headingLine(heading, colors)}`)
      isFirst = false
    },
    event(event, time = timer.now()) {
      meter.add(event)
      const { verbose } = session
      const text = eventText(event, { colors, verbose, columns: stderr.columns, plain: false, failures, time })
      if (text !== undefined) say(text)
      if (event.type !== 'stage' || event.stage !== 'transfer') return
      if (event.state === 'started') bars ??= openBars(session, colors, meter)
      else stop()
    },
    progress: (progress) => meter.set(progress),
    end(outcome) {
      stop()
      writeEnd(outcome, failures, session)
    },
    close: stop,
  }
}

interface Bars {
  print(text: string): void
  stop(): void
}

/**
 * Draws from the meter's readings, not from events, so a thousand tasks cost what one costs. A blob keeps its line while it
 * is in flight and an idle line is taken by the next one, so lines do not jump.
 */
function openBars({ stderr: output, env }: Pick<Session, 'stderr' | 'env'>, colors: Colors, meter: Meter): Bars {
  const frame = createFrame(output, reflowsLines(env))
  const multi = new MultiBar(
    {
      // Read by the library, and not in its types.
      ...{ terminal: frame.terminal },
      fps: FRAMES_PER_SECOND,
      forceRedraw: true,
      hideCursor: null,
      gracefulExit: false,
      clearOnComplete: true,
      format: (_options, _params, payload: { readonly text?: string }) => payload.text ?? '',
    },
    Presets.shades_classic,
  )
  const overall = multi.create(1, 0, { text: '' })
  const slots: { readonly bar: SingleBar; id: string | undefined }[] = []
  let above = ''

  const refresh = (): void => {
    const reading = meter.read()
    const width = Math.max(1, output.columns - 1)
    const most = Math.min(MOST_BARS, Math.max(0, (output.rows ?? 24) - 3))
    const { text, cells } = overallLine(reading, width, colors)
    overall.update({ text })
    for (const slot of slots) if (slot.id !== undefined && !reading.blobs.has(slot.id)) slot.id = undefined
    const shown = new Set(slots.map((slot) => slot.id))
    for (const id of reading.blobs.keys()) {
      if (shown.has(id)) continue
      let idle = slots.find((slot) => slot.id === undefined)
      if (!idle && slots.length < MOST_BARS) {
        idle = { bar: multi.create(1, 0, { text: '' }), id: undefined }
        slots.push(idle)
      }
      if (!idle) break
      idle.id = id
    }
    const names = Map.groupBy(reading.blobs.values(), ({ name }) => name)
    slots.forEach((slot, at) => {
      const blob = slot.id === undefined ? undefined : reading.blobs.get(slot.id)
      const isOneOfSeveral = (names.get(blob?.name ?? '')?.length ?? 0) > 1
      slot.bar.update({ text: blob && at < most ? slotLine(blob, isOneOfSeveral, cells, width, colors) : '' })
    })
  }

  const showCursor = (): void => draw(output, SHOW_CURSOR)
  process.once('exit', showCursor)
  draw(output, HIDE_CURSOR)
  multi.on('update-pre', refresh)
  multi.on('redraw-post', () => {
    frame.show(above)
    above = ''
  })
  const forgetResize = output.onResize?.(() => multi.update())
  return {
    print(text) {
      above += wrapLines(text, output.columns)
    },
    stop() {
      forgetResize?.()
      multi.update()
      multi.stop()
      frame.clear()
      process.removeListener('exit', showCursor)
      showCursor()
    },
  }
}

/** Whatever names are in the text have been made printable. */
function draw(output: Output, text: string): void {
  if (output.draw) output.draw(text)
  else output.write(text)
}
